import { describe, expect, it } from "vitest";
import { parseKernelVersion } from "../../src/core/kernel-version.ts";
import { type Manifest, seriesFor } from "../../src/core/manifest.ts";
import { entriesUntil, parseSeries } from "../../src/core/series.ts";

describe("a series file", () => {
  it("reads as quilt reads it", () => {
    const text =
      "# comment\n\na.patch\nb/c.diff -p0   # why\nd.patch -p 2 -R\n  e.patch -pab\n#f.patch\n";
    expect(parseSeries(text, "s")).toEqual([
      { name: "a.patch", strip: 1, reverse: false },
      { name: "b/c.diff", strip: 0, reverse: false },
      { name: "d.patch", strip: 2, reverse: true },
      { name: "e.patch", strip: 1, reverse: false },
    ]);
  });
  it("names the line of an unknown option", () => {
    expect(() => parseSeries("a\nb -x\n", "s")).toThrowError(
      expect.objectContaining({ exit: 2, trouble: expect.objectContaining({ where: "s:2" }) }),
    );
  });
});

describe("--until", () => {
  const entries = [{ name: "common/a.patch" }, { name: "line/b.diff" }, { name: "c" }];
  it.each([
    ["common/a.patch", 1],
    ["a", 1],
    ["b.diff", 2],
    ["b", 2],
    ["c", 3],
  ])("%s", (name, count) => {
    expect(entriesUntil(entries, name)).toHaveLength(count);
  });
  it("names the choices", () =>
    expect(() => entriesUntil(entries, "x")).toThrow("no patch called x"));
});

describe("the series for a kernel", () => {
  const line = (name: string, range: string) => ({
    line: name,
    range,
    series: `linux-${name}.series`,
    verified: [],
  });
  const manifest: Manifest = {
    lines: [
      line("6.1", ">=6.1 <6.2"),
      line("2.4", ">=2.4.18 <2.4.38"),
      line("6.12", ">=6.12 <6.13"),
    ],
  };
  it.each([
    ["6.1.192", "6.1"],
    ["6.1", "6.1"],
    ["6.12.117", "6.12"],
    ["2.4.37.11", "2.4"],
    ["2.4.17", undefined],
    ["6.2-rc1", undefined],
  ])("%s: %s", (text, expected) => {
    const version = parseKernelVersion(text);
    expect(version && seriesFor(manifest, version)?.line).toBe(expected);
  });
});

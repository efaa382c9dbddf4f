import { describe, expect, test } from "vitest";
import { compareKernelVersions, satisfies } from "../../src/core/kernel-range.ts";
import {
  type KernelVersion,
  lineOf,
  parseKernelRelease,
  parseKernelVersion,
  versionFromMakefile,
} from "../../src/core/kernel-version.ts";

const v = (text: string): KernelVersion => {
  const version = parseKernelVersion(text);
  if (!version) throw new Error(`${text} does not parse`);
  return version;
};

describe("parseKernelVersion", () => {
  test.each([
    ["2.4.37.11", { major: 2, minor: 4, patch: 37, extra: 11 }],
    ["6.12", { major: 6, minor: 12 }],
    ["6.12-rc1", { major: 6, minor: 12, rc: 1 }],
    ["6.1.192", { major: 6, minor: 1, patch: 192 }],
  ])("%s", (text, parts) => expect(parseKernelVersion(text)).toEqual({ ...parts, text }));

  test.each([
    "",
    "6",
    "6.",
    "6.1.",
    "06.1",
    "6.1.2.3.4",
    "v6.1",
    "6.1-rc",
    "6.1-rc0",
    "6.1 ",
    "6.1\n",
    "6.1.192-tarpit",
  ])("refuses %j", (text) => expect(parseKernelVersion(text)).toBeUndefined());
});

test.each([
  ["6.1.192-tarpit", "6.1.192"],
  ["2.4.21-63.EL", "2.4.21"],
  ["6.1.0-54-amd64", "6.1.0"],
  ["6.12.0-rc3-00012-gabcdef", "6.12.0-rc3"],
  ["6.12.1+", "6.12.1"],
  ["6.1.192", "6.1.192"],
])("parseKernelRelease %s", (text, expected) =>
  expect(parseKernelRelease(text)?.text).toBe(expected),
);

test.each(["linux", "6.1.192 x", "6.1.2.3.4", "6.1x"])("parseKernelRelease refuses %j", (text) =>
  expect(parseKernelRelease(text)).toBeUndefined(),
);

test("order", () => {
  const ordered = [
    "2.4.9",
    "2.4.37",
    "2.4.37.5",
    "2.4.37.11",
    "2.6.0",
    "6.1-rc8",
    "6.1",
    "6.1.9",
    "6.1.192",
    "6.12-rc1",
    "6.12-rc10",
    "6.12",
  ];
  expect(
    ordered
      .toReversed()
      .map(v)
      .toSorted(compareKernelVersions)
      .map(({ text }) => text),
  ).toEqual(ordered);
  expect(compareKernelVersions(v("6.12"), v("6.12.0"))).toBe(0);
});

describe("satisfies", () => {
  test.each([
    ["6.1.192", ">=6.1 <6.2", true],
    ["6.1", ">=6.1 <6.2", true],
    ["6.1-rc1", ">=6.1 <6.2", true],
    ["6.2-rc1", ">=6.1 <6.2", false],
    ["6.12.3", "6.1", false],
    ["2.4.37.11", ">=2.4.0 <2.5", true],
    ["2.4.37.11", "<2.4.37.5", false],
    ["2.4.37.4", ">=2.4.37 <2.4.37.5", true],
    ["2.4.37.11", ">2.4.37.9", true],
    ["6.12-rc2", "<6.12-rc10", true],
    ["6.1.5", "6.1 || 6.12", true],
  ])("%s in %s: %s", (version, range, expected) =>
    expect(satisfies(v(version), range)).toBe(expected),
  );
});

test("lineOf", () => {
  expect(lineOf(v("2.4.37.11"))).toBe("2.4");
  expect(lineOf(v("6.12-rc1"))).toBe("6.12");
});

describe("versionFromMakefile", () => {
  test("today's and yesterday's spelling", () => {
    const modern =
      "# SPDX-License-Identifier: GPL-2.0\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\nEXTRAVERSION = -rc1\nNAME = x\n";
    expect(versionFromMakefile(modern)).toEqual({
      major: 6,
      minor: 12,
      patch: 0,
      rc: 1,
      text: "6.12.0-rc1",
    });
    const old =
      "VERSION = 2\nPATCHLEVEL = 4\nSUBLEVEL = 37\nEXTRAVERSION = .11\n\nKERNELRELEASE=$(VERSION)\n";
    expect(versionFromMakefile(old)?.text).toBe("2.4.37.11");
  });
  test("an EXTRAVERSION that only make can work out says nothing", () => {
    const vendor =
      "VERSION = 2\nPATCHLEVEL = 4\nSUBLEVEL = 17\nEXTRAVERSION = $(shell cat .name)\n";
    expect(versionFromMakefile(vendor)?.text).toBe("2.4.17");
    expect(versionFromMakefile(vendor.replace("= $(", "= -rc2$("))?.text).toBe("2.4.17");
  });
  test("none", () => {
    expect(versionFromMakefile("all:\n\techo\n")).toBeUndefined();
    expect(versionFromMakefile("VERSION = 6\nPATCHLEVEL =\nSUBLEVEL = 1\n")).toBeUndefined();
  });
});

import { describe, expect, test } from "vitest";
import { type ArchiveEntry, ArchiveRefused, NameJudge } from "../../src/core/archive-names.ts";

const file = (path: string): ArchiveEntry => ({ path, type: "file" });
const dir = (path: string): ArchiveEntry => ({ path, type: "directory" });
const link = (path: string, target: string): ArchiveEntry => ({
  path,
  type: "symlink",
  link: target,
});
const hard = (path: string, target: string): ArchiveEntry => ({
  path,
  type: "hardlink",
  link: target,
});

const judge = (...entries: ArchiveEntry[]): NameJudge => {
  const names = new NameJudge();
  for (const entry of entries) names.accept(entry);
  return names;
};

test("a kernel's shape passes", () => {
  const names = judge(
    dir("./"),
    dir("linux-6.1/"),
    file("linux-6.1/Makefile"),
    dir("linux-6.1/scripts/dtc/include-prefixes/"),
    link("linux-6.1/scripts/dtc/include-prefixes/arm", "../../../arch/arm/boot/dts"),
    link("linux-6.1/Documentation/Changes", "process/changes.rst"),
    file("linux-6.1/arch/x/deep/file.c"),
    dir("linux-6.1/arch/"),
    hard("linux-6.1/copy", "linux-6.1/Makefile"),
  );
  expect(names.top).toBe("linux-6.1");
});

describe("refused", () => {
  test.each<[string, RegExp, ArchiveEntry[]]>([
    ["absolute", /absolute/, [file("/etc/passwd")]],
    ["dotdot", /\.\./, [file("l/../../x")]],
    ["only dotdot", /\.\./, [dir("..")]],
    ["empty", /empty/, [file("")]],
    ["control characters", /control/, [file("l/a\nb")]],
    ["two tops", /top directory/, [dir("l"), file("m/x")]],
    ["a file as top", /beside/, [file("l")]],
    ["a link as top", /beside/, [link("l", "m")]],
    ["absolute link", /absolute/, [link("l/a", "/etc")]],
    ["link out", /out of the tree/, [link("l/a", "../x")]],
    ["link out, deeper", /out of the tree/, [link("l/d/a", "../../x")]],
    ["link to above the top", /out of the tree/, [link("l/a", "..")]],
    ["link with late ..", /out of the tree/, [link("l/x/y/a", "b/../../../..")]],
    ["link to nothing", /nothing/, [{ path: "l/a", type: "symlink" }]],
    ["through a link", /through the symlink/, [link("l/a", "b"), file("l/a/x")]],
    ["through a file", /through the file/, [file("l/a"), file("l/a/x")]],
    ["link over a directory", /twice/, [file("l/a/x"), link("l/a", "b")]],
    ["file over a link", /twice/, [link("l/a", "b"), file("l/a")]],
    ["twice", /twice/, [file("l/a"), file("l//a")]],
    ["hard link out", /\.\./, [hard("l/a", "../x")]],
    ["hard link absolute", /absolute/, [hard("l/a", "/etc/shadow")]],
    ["hard link to a link", /no earlier file/, [link("l/b", "c"), hard("l/a", "l/b")]],
    ["hard link to later", /no earlier file/, [hard("l/a", "l/b")]],
    ["device", /character device/, [{ path: "l/a", type: "character device" }]],
    ["block device", /block device/, [{ path: "l/a", type: "block device" }]],
    ["fifo", /fifo/, [{ path: "l/a", type: "fifo" }]],
    ["sparse", /sparse/, [{ path: "l/a", type: "sparse file" }]],
    ["long name", /too long/, [file(`l/${"a".repeat(256)}`)]],
  ])("%s", (_name, reason, entries) => {
    const before = entries.slice(0, -1);
    expect(() => judge(...before)).not.toThrow();
    expect(() => judge(...entries)).toThrow(ArchiveRefused);
    expect(() => judge(...entries)).toThrow(reason);
  });
});

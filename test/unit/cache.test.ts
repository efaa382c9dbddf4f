import { describe, expect, test } from "vitest";
import {
  type CacheEntry,
  type CacheKind,
  expectedDifferences,
  parseAge,
  parseSize,
  victims,
} from "../../src/core/cache.ts";

const day = 86_400_000;
const now = new Date(100 * day);
const entry = (
  name: string,
  days: number,
  bytes: number,
  kind: CacheKind = "build",
): CacheEntry => ({
  kind,
  name,
  bytes,
  lastUsed: new Date(now.getTime() - days * day),
});
const names = (entries: readonly CacheEntry[]) => entries.map(({ name }) => name);

describe("what has to go", () => {
  const all = [entry("old", 30, 50), entry("new", 1, 10), entry("middle", 5, 20)];

  test("nothing, while it fits", () => {
    expect(victims(all, { maxBytes: 80 }, now)).toEqual([]);
  });

  test("the least recently used, and no more than needed", () => {
    expect(names(victims(all, { maxBytes: 79 }, now))).toEqual(["old"]);
    expect(names(victims(all, { maxBytes: 29 }, now))).toEqual(["old", "middle"]);
    expect(names(victims(all, { maxBytes: 0 }, now))).toEqual(["old", "middle", "new"]);
  });

  test("what is too old, even while it fits", () => {
    expect(names(victims(all, { maxBytes: 1000, maxAgeMs: 4 * day }, now))).toEqual([
      "old",
      "middle",
    ]);
  });

  test("apt's lists stay", () => {
    expect(victims([entry("apt", 90, 5, "index")], { maxBytes: 0, maxAgeMs: day }, now)).toEqual(
      [],
    );
  });
});

test.each([
  ["0", 0],
  ["500M", 500 * 2 ** 20],
  ["1.5g", 1.5 * 2 ** 30],
  ["20GiB", 20 * 2 ** 30],
  ["2T", 2 * 2 ** 40],
  ["", undefined],
  ["-1G", undefined],
  ["10X", undefined],
  ["G", undefined],
])("size %j is %j", (text, bytes) => expect(parseSize(text)).toBe(bytes));

test.each([
  ["12h", 12 * 3_600_000],
  ["30d", 30 * day],
  ["2w", 14 * day],
  ["30", undefined],
  ["d", undefined],
  ["1y", undefined],
])("age %j is %j", (text, span) => expect(parseAge(text)).toBe(span));

test("a series changes files, makes files, and makes directories with files in them", () => {
  const files = [
    { path: "net/Makefile", before: "sum" },
    { path: "net/t.c", before: null },
    { path: "new/dir/t.h", before: null },
  ];
  expect([...expectedDifferences("/s", "/t", files, ["new", "new/dir"])].toSorted()).toEqual([
    "Files /s/net/Makefile and /t/net/Makefile differ",
    "Only in /t/net: t.c",
    "Only in /t: .tarpit-kit",
    "Only in /t: new",
  ]);
});

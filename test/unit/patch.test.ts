import { describe, expect, it } from "vitest";
import {
  applyHunks,
  newFiles,
  parsePatch,
  type Patch,
  safePath,
  Text,
  touchedPaths,
} from "../../src/core/patch/index.ts";
import { gitNames, headerName, stripName, treePath, unquote } from "../../src/core/patch/names.ts";

const hunks = (body: string) => parsePatch(`--- a/f\n+++ b/f\n${body}`, "p")[0]?.hunks ?? [];
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${from + i}\n`).join("");
const patch = (text: string, more: Partial<Patch> = {}): Patch => ({
  name: "p",
  strip: 1,
  reverse: false,
  sha256: "",
  diffs: parsePatch(text, "p"),
  ...more,
});

/** Where the only hunk went, or that it was refused. */
function place(body: string, text: string, fuzz = 0) {
  const { placed, refused } = applyHunks(new Text(text), hunks(body), fuzz);
  return refused.length > 0 ? "refused" : placed[0];
}

describe("where a hunk goes", () => {
  const middle = "@@ -4,3 +4,3 @@\n 4\n-5\n+five\n 6\n";
  it("at its line", () =>
    expect(place(middle, numbered(1, 9))).toEqual({ index: 1, offset: 0, fuzz: 0 }));
  it("further down", () =>
    expect(place(middle, `x\nx\n${numbered(1, 9)}`)).toMatchObject({ offset: 2 }));
  it("further up", () => expect(place(middle, numbered(3, 9))).toMatchObject({ offset: -2 }));
  it("of two places at the same distance, to the later one", () =>
    expect(place(middle, "x\n4\n5\n6\n4\n5\n6\n")).toMatchObject({ offset: 1 }));
  it("of two places, to the nearer one", () =>
    expect(place(middle, "4\n5\n6\nx\nx\nx\nx\n4\n5\n6\n")).toMatchObject({ offset: -3 }));
  it("nowhere when a removed line differs, whatever the fuzz", () =>
    expect(place(middle, "1\n2\n3\n4\nV\n6\n", 3)).toBe("refused"));
  it("with fuzz for the outermost context only", () => {
    expect(place(middle, "1\n2\n3\nx\n5\n6\n7\n", 0)).toBe("refused");
    expect(place(middle, "1\n2\n3\nx\n5\n6\n7\n", 1)).toMatchObject({ fuzz: 1, offset: 0 });
  });
  it("keeps what fuzz has overlooked", () => {
    const { output } = applyHunks(new Text("1\n2\n3\nx\n5\n6\n"), hunks(middle), 1);
    expect(output.text).toBe("1\n2\n3\nx\nfive\n6\n");
  });
  it("at the start of the file only, when there is less context before", () => {
    const start = "@@ -1,3 +1,4 @@\n+new\n 1\n 2\n 3\n";
    expect(place(start, numbered(1, 5))).toMatchObject({ offset: 0 });
    expect(place(start, `x\n${numbered(1, 5)}`)).toBe("refused");
    expect(place(start, `x\n${numbered(1, 5)}`, 3)).not.toBe("refused");
  });
  it("at the end of the file only, when there is less context after", () => {
    const end = "@@ -7,3 +7,4 @@\n 7\n 8\n 9\n+10\n";
    expect(place(end, numbered(1, 9))).toMatchObject({ offset: 0 });
    expect(place(end, numbered(3, 9))).toMatchObject({ offset: -2 });
    expect(place(end, numbered(1, 10))).toBe("refused");
    expect(place(end, numbered(1, 10), 3)).toMatchObject({ fuzz: 3 });
  });
  it("a later hunk is first looked for where the earlier ones have moved to", () => {
    const two = "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n@@ -5,3 +5,3 @@\n x\n-y\n+Y\n z\n";
    const text = "a\nb\nc\n0\nx\ny\nz\n0\n0\nx\ny\nz\n";
    expect(
      applyHunks(new Text(`0\n0\n0\n0\n${text}`), hunks(two), 0).placed.map(({ offset }) => offset),
    ).toEqual([4, 4]);
  });
  it("never above what an earlier hunk has changed", () => {
    const two = "@@ -4 +4 @@\n-4\n+four\n@@ -8 +8 @@\n-1\n+one\n";
    expect(applyHunks(new Text(numbered(1, 5)), hunks(two), 0).refused).toMatchObject([
      { index: 2 },
    ]);
  });
  it("in the wrong order, fails where GNU patch finds a place that is done already", () => {
    const two = "@@ -6 +6 @@\n-6\n+six\n@@ -5 +5 @@\n-L\n+new\n";
    const at = (third: string) =>
      applyHunks(new Text(`1\n2\n${third}\n4\n5\n6\nL\n8\n`), hunks(two), 0);
    expect(at("3").placed).toMatchObject([{ offset: 0 }, { offset: 2 }]);
    expect(at("L").refused).toMatchObject([{ index: 2 }]);
  });
  it("takes a missing newline at the end as a difference", () => {
    const body = "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n";
    expect(place(body, "a\n")).toBe("refused");
    expect(applyHunks(new Text("a"), hunks(body), 0).output.text).toBe("b\n");
  });
  it("does not glue lines together where GNU patch does", () => {
    const body = "@@ -1,2 +1,3 @@\n a\n+new\n b\n";
    expect(applyHunks(new Text("a"), hunks(body), 1).refused).toMatchObject([
      { reason: "no-newline" },
    ]);
  });
  it("does not take LF for CRLF", () =>
    expect(place("@@ -1 +1 @@\n-a\n+b\n", "a\r\n")).toBe("refused"));
});

describe("parsing", () => {
  it("leaves prose and signatures alone, also ones that look like headers", () => {
    const text = `From: x\n--- not a header\n\n---\n f | 2 +-\n\n--- a/f\t2020-01-01 10:00:00.000000000 +0100\n+++ b/f\t2020-01-01\n@@ -1,2 +1,1 @@ func()\n a\n--- b\n-- \n2.39.5\n`;
    const [diff, ...more] = parsePatch(text, "p");
    expect(more).toEqual([]);
    expect(diff).toMatchObject({ old: { path: "a/f", epoch: false }, new: { path: "b/f" } });
    expect(diff?.hunks[0]?.texts).toEqual(["a\n", "-- b\n"]);
  });
  it("reads context whose leading space was eaten", () =>
    expect(hunks("@@ -1,3 +1,3 @@\n\n-a\n+b\n\tc\n")[0]?.texts).toEqual([
      "\n",
      "a\n",
      "b\n",
      "\tc\n",
    ]));
  it.each([
    ["nothing changed (GNU patch and git refuse it too)", "@@ -1,2 +1,2 @@\n a\n b\n", 3],
    ["cut off", "@@ -1,2 +1,2 @@\n a\n", 4],
    ["a line that is none", "@@ -1,2 +1,2 @@\n a\nx\n", 5],
    ["more lines than announced", "@@ -1 +1,2 @@\n a\n-b\n", 5],
  ])("names the line of the damage: %s", (_, body, at) => {
    expect(() => hunks(body)).toThrowError(
      expect.objectContaining({ exit: 2, trouble: expect.objectContaining({ where: `p:${at}` }) }),
    );
  });
  it("refuses a hunk of no file", () =>
    expect(() => parsePatch("@@ -1 +1 @@\n-a\n+b\n", "p")).toThrow("damaged"));
  it("reads git's extended headers, with and without hunks", () => {
    const diffs = parsePatch(
      'diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\ndiff --git "a/t\\303\\251\\t" "b/t\\303\\251\\t"\nold mode 100644\nnew mode 100755\ndiff --git a/e b/e\nnew file mode 100644\nindex 0..e\ndiff --git a/b.png b/b.png\nindex 1..2\nBinary files a/b.png and b/b.png differ\n',
      "p",
    );
    expect(diffs.map(({ git, binary }) => [git?.move, git?.created, git?.newMode, binary])).toEqual(
      [
        ["rename", undefined, undefined, false],
        [undefined, undefined, "100755", false],
        [undefined, true, "100644", false],
        [undefined, undefined, undefined, "named"],
      ],
    );
    expect(
      touchedPaths([patch("diff --git a/a b b/a b\nold mode 100644\nnew mode 100755\n")]),
    ).toEqual(["a b"]);
  });
});

describe("names", () => {
  it("unquotes bytes", () =>
    expect(unquote(String.raw`"a/\303\251\t\"\\" rest`)).toEqual({
      name: 'a/\u00c3\u00a9\t"\\',
      rest: " rest",
    }));
  it.each([
    ["a/f\t1970-01-01 00:00:00.000000000 +0000", true],
    ["a/f\t1970-01-01 01:00:00.000000000 +0100", true],
    ["a/f\t1969-12-31 19:00:00 -0500", true],
    ["a/f\tThu Jan  1 00:00:00 1970", true],
    ["a/f\t2024-01-01 00:00:00.000000000 +0000", false],
    ["a/f", false],
  ])("knows the epoch: %s", (text, epoch) =>
    expect(headerName(text, false)).toEqual({ path: "a/f", epoch }),
  );
  it("ends a name at a tab, or (not git's own) at a space", () => {
    expect(headerName("a/with space\t2024-01-01", false).path).toBe("a/with space");
    expect(headerName("a/with space", true).path).toBe("a/with space");
    expect(headerName("a/f 2024-01-01", false).path).toBe("a/f");
    expect(headerName("/dev/null", false)).toEqual({ path: undefined, epoch: true });
  });
  it("strips components as -p does", () => {
    expect([0, 1, 2, 3].map((count) => stripName("a//b/c", count))).toEqual([
      "a//b/c",
      "b/c",
      "c",
      undefined,
    ]);
  });
  it.each(["/etc/x", "a/../b", "..", ".git/x", "a/.Git/x", ".tarpit-kit/lock", "", ".", "a\0b"])(
    "is not safe: %j",
    (path) => expect(safePath(path)).toBeUndefined(),
  );
  it.each([
    ["./a//b", "a/b"],
    ["a/.gitignore", "a/.gitignore"],
    ["..a/b", "..a/b"],
  ])("is safe: %s", (path, clean) => expect(safePath(path)).toBe(clean));
  it("decodes UTF-8, and takes no other bytes", () => {
    expect(treePath("caf\u00c3\u00a9")).toBe("caf\u00e9");
    expect(treePath("caf\u00e9")).toBeUndefined();
  });
});

describe("names on git's own line", () => {
  it.each([
    ["a/f b/f", 1, "f"],
    ["a/with space b/with space", 1, "with space"],
    ["a/x b/x b/x b/x", 1, "x b/x"],
    ["x y x y", 0, "x y"],
    ["a/b/c d/e/c", 2, "c"],
    ["a//f b/f", 1, "f"],
    ["a/f b/g", 1, undefined],
    ["a/f", 1, undefined],
    ["f f", 1, undefined],
    ["a/ b/", 1, undefined],
    ['"a/t\\t" "b/t\\t"', 1, "t\t"],
  ])("%s with -p%i", (names, strip, name) =>
    expect(gitNames({ names }, strip)).toEqual({ from: name, to: name }),
  );
});

describe("new files", () => {
  const create = "--- /dev/null\n+++ b/d/new.c\n@@ -0,0 +1,2 @@\n+caf\u00e9\n+two\n";
  const change =
    "--- a/d/new.c\n+++ b/d/new.c\n@@ -1,2 +1,2 @@\n caf\u00e9\n-two\n+three\n--- a/Kconfig\n+++ b/Kconfig\n@@ -1 +1 @@\n-x\n+y\n";
  it("are what the whole series makes of them, as bytes", () => {
    expect(newFiles([patch(create), patch(change)])).toEqual([
      { path: "d/new.c", bytes: Buffer.from("caf\u00e9\nthree\n", "latin1") },
    ]);
  });
  it("touched paths are those of all patches, stripped", () => {
    expect(touchedPaths([patch(create), patch(change)])).toEqual(["Kconfig", "d/new.c"]);
  });
});

import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  fingerprint,
  layOut,
  layOutToy,
  makeDirectory,
  notOurs,
  portsFor,
  run,
  tool,
} from "./patch-support.ts";

let dir = "";
let tree = "";
let ports: ReturnType<typeof portsFor>;
beforeEach(() => {
  dir = makeDirectory();
  tree = layOut(join(dir, "tree"), { one: "1\n2\n3\n", two: "a\nb\nc\n", "sub/x": "x\n" });
  ports = portsFor(layOutToy(join(dir, "toy")).kit);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const change = (path: string, from: string, to: string): string =>
  `--- a/${path}\n+++ b/${path}\n@@ -1 +1 @@\n-${from}\n+${to}\n`;
const patchesIn = (name: string, files: Record<string, string>): string =>
  join(
    layOut(join(dir, name), { series: `${Object.keys(files).join("\n")}\n`, ...files }),
    "series",
  );

describe("several foreign series in one tree, all of them called series", () => {
  it("are told apart, and one that has moved is known by its patches", async () => {
    const before = fingerprint(tree);
    const first = patchesIn("first/debian/patches", { p: change("one", "1", "one") });
    const second = patchesIn("second/debian/patches", { p: change("two", "a", "A") });
    expect(await run(tree, first, ports)).toMatchObject({ outcome: "applied" });
    expect(await run(tree, second, ports)).toMatchObject({
      outcome: "applied",
      series: "debian/patches/series",
    });
    for (const series of [first, second])
      expect(await run(tree, series, ports)).toMatchObject({ outcome: "already-applied" });
    const moved = patchesIn("moved", { p: change("one", "1", "one") });
    expect(await run(tree, moved, ports, { reverse: true })).toMatchObject({ outcome: "reversed" });
    await run(tree, second, ports, { reverse: true });
    expect(fingerprint(tree)).toEqual(before);
  });
  it("one on top of the other's files has to go first, and is named by its path", async () => {
    const first = patchesIn("first", { p: change("one", "1", "one") });
    const second = patchesIn("second", { q: change("one", "one", "uno") });
    await run(tree, first, ports);
    await run(tree, second, ports);
    await expect(run(tree, first, ports, { reverse: true })).rejects.toMatchObject({
      code: "patch.order",
      trouble: { next: `take it out first: tarpit-kit patch --reverse --series ${second} ${tree}` },
    });
  });
});

it("does not call a tree half-patched because a later patch undoes an earlier one", async () => {
  const series = patchesIn("p", {
    does: change("one", "1", "one"),
    fails: change("sub/x", "y", "z"),
    undoes: change("two", "A", "a"),
  });
  const error = await run(tree, series, ports).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "patch.refused", trouble: { data: { present: [] } } });
});

it("gives each refused hunk to --json as text, with the words that differ", async () => {
  layOut(tree, { one: "int caf\u00c3\u00a9 = 1;\n" });
  const series = patchesIn("p", { p: change("one", "int caf\u00c3\u00a9 = 2;", "x") });
  const error = await run(tree, series, ports).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    trouble: {
      data: {
        refusals: [
          {
            path: "one",
            patch: "p",
            line: 3,
            hunk: 1,
            reason: "no-match",
            expected: "int caf\u00e9 = 2;\n",
            found: "int caf\u00e9 = 1;\n",
            foundLine: 1,
            looksApplied: false,
            words: [
              { op: " ", text: "int caf\u00e9 = " },
              { op: "-", text: "2" },
              { op: "+", text: "1" },
              { op: " ", text: ";" },
            ],
          },
        ],
      },
    },
  });
});

it("shows the first refusals, and says how many more there are", async () => {
  const names = Array.from({ length: 25 }, (_, index) => `f${index}`);
  layOut(tree, Object.fromEntries(names.map((name) => [name, "other\n"])));
  const series = patchesIn("p", { p: names.map((name) => change(name, "1", "2")).join("") });
  const error = await run(tree, series, ports).catch((reason: unknown) => reason);
  const { trouble } = error as { trouble: { evidence: string[]; data: { refusals: unknown[] } } };
  expect(trouble.evidence.at(-1)).toBe("and 5 more: --json lists them all");
  expect(trouble.data.refusals).toHaveLength(25);
});

describe("a patch that names a binary file without its bytes", () => {
  const created =
    "diff --git a/img b/img\nnew file mode 100644\nindex 0..1\nBinary files /dev/null and b/img differ\n";
  it.each([
    ["creates it: an empty one, as GNU patch makes it", created],
    [
      "changes it: it stays",
      "diff --git a/two b/two\nindex 1..2\nBinary files a/two and b/two differ\n",
    ],
    ["is what diff -r says of two trees", "Binary files a/one.bin and b/one.bin differ\n"],
    ["says so in prose", "Binary files and text files differ\n"],
  ])("%s, and the result says so", async (_, text) => {
    const series = patchesIn("p", {
      p: `${text}diff --git a/one b/one\n${change("one", "1", "one")}`,
    });
    const gnu = join(dir, "gnu");
    tool("cp", ["-a", tree, gnu], dir);
    expect(tool("patch", ["-p1", "-s", "-i", join(dir, "p/p")], gnu).status).toBe(0);
    const result = await run(tree, series, ports);
    expect(fingerprint(tree, notOurs)).toEqual(fingerprint(gnu));
    expect(result.patches[0]?.files[0]).toMatchObject({ bytesMissing: true });
    expect(await run(tree, series, ports, { reverse: true })).toMatchObject({
      outcome: "reversed",
    });
  });
  it("deletes it: refused, as GNU patch does it, while it has bytes", async () => {
    const text =
      "diff --git a/two b/two\ndeleted file mode 100644\nindex 1..0\nBinary files a/two and /dev/null differ\n";
    await expect(run(tree, patchesIn("p", { p: text }), ports)).rejects.toMatchObject({
      trouble: { data: { refusals: [{ reason: "content-left", path: "two" }] } },
    });
  });
});

describe("what is in the way", () => {
  it.each<[string, Record<string, string>, string]>([
    [
      "a file made earlier, where a directory would have to be",
      {
        p: "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+x\n",
        q: "--- /dev/null\n+++ b/new/deep\n@@ -0,0 +1 @@\n+x\n",
      },
      "not-a-file",
    ],
    [
      "a directory made earlier, where a file would have to be",
      {
        p: "--- /dev/null\n+++ b/new/deep\n@@ -0,0 +1 @@\n+x\n",
        q: "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+x\n",
      },
      "not-a-file",
    ],
    [
      "a file that would become a directory",
      {
        p: "--- a/two\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-a\n-b\n-c\n--- /dev/null\n+++ b/two/deep\n@@ -0,0 +1 @@\n+x\n",
      },
      "not-a-file",
    ],
    [
      "a name longer than any file system takes",
      { p: `--- /dev/null\n+++ b/${"n".repeat(256)}\n@@ -0,0 +1 @@\n+x\n` },
      "unsafe-path",
    ],
  ])("%s: refused before anything is written", async (_, files, reason) => {
    const before = fingerprint(tree);
    await expect(run(tree, patchesIn("p", files), ports)).rejects.toMatchObject({
      code: "patch.refused",
      exit: 1,
      trouble: { data: { refusals: [{ reason }] } },
    });
    expect(fingerprint(tree)).toEqual(before);
  });
  it("a device in the tree is not written", async () => {
    tool("mkfifo", [join(tree, "pipe")], dir);
    await expect(
      run(tree, patchesIn("p", { p: change("pipe", "1", "2") }), ports),
    ).rejects.toMatchObject({
      trouble: { data: { refusals: [{ reason: "not-a-file" }] } },
    });
  });
});

describe("input without end", () => {
  it.each(["series", "p"])("%s is a pipe: refused, not waited for", async (name) => {
    const series = patchesIn("p", { p: change("one", "1", "one") });
    rmSync(join(dir, "p", name));
    tool("mkfifo", [join(dir, "p", name)], dir);
    await expect(run(tree, series, ports)).rejects.toMatchObject({ exit: 2 });
  });
  it("a patch that is a symbolic link to one is read, a link to a device is not", async () => {
    const series = patchesIn("p", { p: change("one", "1", "one") });
    tool("mv", ["p", "real"], join(dir, "p"));
    symlinkSync("real", join(dir, "p", "p"));
    expect(await run(tree, series, ports, { check: true })).toMatchObject({
      outcome: "would-apply",
    });
    rmSync(join(dir, "p", "p"));
    symlinkSync("/dev/zero", join(dir, "p", "p"));
    await expect(run(tree, series, ports)).rejects.toMatchObject({ code: "series.unreadable" });
  });
  it("a patch, or a file of the tree, of more than 256 MiB is refused by its size", async () => {
    const series = patchesIn("p", { p: change("one", "1", "one") });
    truncateSync(join(tree, "one"), (256 << 20) + 1);
    await expect(run(tree, series, ports)).rejects.toMatchObject({
      code: "patch.too-large",
      exit: 2,
    });
    writeFileSync(join(tree, "one"), "1\n");
    truncateSync(join(dir, "p", "p"), (256 << 20) + 1);
    await expect(run(tree, series, ports)).rejects.toMatchObject({
      code: "patch.too-large",
      exit: 2,
    });
  });
  it("more lines, or more hunks, than any patch has", async () => {
    const lines = patchesIn("lines", { p: "\n".repeat(10_000_001) });
    await expect(run(tree, lines, ports)).rejects.toMatchObject({ code: "patch.too-large" });
    const hunk = "@@ -1 +1 @@\n-a\n+b\n";
    const hunks = patchesIn("hunks", { p: `--- a/one\n+++ b/one\n${hunk.repeat(1_000_001)}` });
    await expect(run(tree, hunks, ports)).rejects.toMatchObject({ code: "patch.too-large" });
  });
  it("a patch that names one large file again and again is given up by what it costs", async () => {
    layOut(tree, { one: Array.from({ length: 50_000 }, (_, i) => `${i}\n`).join("") });
    const back = `${change("one", "0", "zero")}${change("one", "zero", "0")}`;
    await expect(run(tree, patchesIn("p", { p: back.repeat(300) }), ports)).rejects.toMatchObject({
      trouble: {
        data: {
          refusals: expect.arrayContaining([expect.objectContaining({ reason: "too-costly" })]),
        },
      },
    });
  });
});

it("an empty series and one of comments change nothing", async () => {
  mkdirSync(join(dir, "p"));
  writeFileSync(join(dir, "p/series"), "# nothing\n\n");
  expect(await run(tree, join(dir, "p"), ports)).toMatchObject({ outcome: "applied", written: 0 });
});

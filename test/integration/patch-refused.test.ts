import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
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
beforeEach(() => {
  dir = makeDirectory();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const numbers = (change: (line: string) => string): string =>
  Array.from({ length: 40 }, (_, index) => `${change(`${index + 1} x`)}\n`).join("");
const changed = { "10 x": "ten", "20 x": "twenty", "30 x": "thirty" } as Record<string, string>;
/** Three hunks; the tree has two lines more at its start, and another text where the second hunk goes. */
function scene(other: Record<string, string>): { tree: string; series: string; gnu: string } {
  const made = layOut(join(dir, "made"), {
    old: numbers((line) => line),
    new: numbers((line) => changed[line] ?? line),
  });
  const diff = tool("diff", ["-u", "--label", "a/sub/f", "--label", "b/sub/f", "old", "new"], made);
  const patches = layOut(join(dir, "patches"), {
    series: "p\nlater\n",
    p: diff.stdout,
    later: "--- a/g\n+++ b/g\n@@ -1 +1 @@\n-g\n+G\n",
  });
  const text = `new\nnew2\n${numbers((line) => other[line] ?? line)}`;
  const tree = layOut(join(dir, "tree"), { "sub/f": text, g: "g\n" });
  const gnu = join(dir, "gnu");
  cpSync(tree, gnu, { recursive: true });
  return { tree, series: join(patches, "series"), gnu };
}
const ports = () => portsFor(layOutToy(join(dir, "toy")).kit);
const gnuPatch = (gnu: string, ...args: string[]): number | null =>
  tool(
    "patch",
    ["-p1", "-f", "-F0", "-s", "--no-backup-if-mismatch", ...args, "-i", "../patches/p"],
    gnu,
  ).status;

it("--reject: what fits is applied, the rest is in FILE.rej, both as GNU patch writes them; --reverse gives all back", async () => {
  const { tree, series, gnu } = scene({ "21 x": "21 y" });
  const before = fingerprint(tree);
  expect(await run(tree, series, ports(), { onRefusal: "reject", check: true })).toMatchObject({
    outcome: "would-apply-in-part",
    written: 0,
  });
  expect(fingerprint(tree)).toEqual(before);
  const result = await run(tree, series, ports(), { onRefusal: "reject" });
  expect(result).toMatchObject({
    outcome: "applied-in-part",
    patches: [
      { name: "p", state: "applied-in-part" },
      { name: "later", state: "not-applied" },
    ],
    unresolved: [
      { path: "sub/f", hunk: 2, reason: "no-match", expected: "21 x\n", found: "21 y\n" },
    ],
  });
  expect(gnuPatch(gnu)).toBe(1);
  expect(fingerprint(tree, notOurs)).toEqual(fingerprint(gnu));
  expect(existsSync(join(tree, "sub/f.rej"))).toBe(true);
  await expect(run(tree, series, ports())).rejects.toMatchObject({
    code: "patch.half-patched",
    exit: 1,
  });
  await run(tree, series, ports(), { reverse: true });
  expect(fingerprint(tree)).toEqual(before);
});

it.each<[string, Record<string, string>]>([
  ["a line that was changed", { "20 x": "vingt" }],
  ["a changed line and its neighbour", { "30 x": "drei\u00dfig", "31 x": "31 other" }],
  ["context that was changed, which is no conflict", { "21 x": "21 y", "12 x": "twelve" }],
  ["the same change", { "20 x": "twenty", "19 x": "nineteen" }],
])("--merge leaves the markers that patch --merge leaves: %s", async (_, other) => {
  const { tree, series, gnu } = scene(other);
  const before = fingerprint(tree);
  const status = gnuPatch(gnu, "--merge");
  const result = await run(tree, series, ports(), { onRefusal: "merge", until: "p" });
  expect(result.outcome).toBe(status === 0 ? "applied" : "applied-in-part");
  const at = (root: string): string => readFileSync(join(root, "sub/f"), "latin1");
  expect(at(tree)).toBe(at(gnu));
  await run(tree, series, ports(), { reverse: true });
  expect(fingerprint(tree)).toEqual(before);
});

it("names the series of ours that would have fitted", async () => {
  const { tree, kit } = layOutToy(join(dir, "toy"));
  writeFileSync(join(tree, "net/netfilter/Makefile"), "nothing alike\n");
  await expect(run(tree, "linux-6.1", portsFor(kit))).rejects.toMatchObject({
    code: "patch.refused",
    trouble: {
      data: { fitting: ["linux-2.4"] },
      next: expect.stringContaining("--series linux-2.4"),
    },
  });
});

it("gives a search up that would cost more than the file's size says", async () => {
  const line = (index: number): string => (index % 2 === 0 ? "a\n" : "b\n");
  const text = Array.from({ length: 60_000 }, (_, index) => line(index)).join("");
  const hunk = (at: number): string => `@@ -${at},5 +${at},6 @@\n a\n b\n+c\n a\n a\n b\n`;
  const tree = layOut(join(dir, "tree"), { f: text });
  const patches = layOut(join(dir, "patches"), {
    series: "p\n",
    p: `--- a/f\n+++ b/f\n${Array.from({ length: 2000 }, (_, index) => hunk(index * 9 + 1)).join("")}`,
  });
  const error = await run(tree, join(patches, "series"), ports()).catch(
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: "patch.refused", exit: 1 });
  expect(JSON.stringify(error)).toContain("too-costly");
});

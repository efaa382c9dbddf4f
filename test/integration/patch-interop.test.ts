import { cpSync, mkdirSync, rmSync } from "node:fs";
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
  toySeries,
} from "./patch-support.ts";

let dir = "";
beforeEach(() => {
  dir = makeDirectory();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const order = ["common/new.patch", "common/kconfig.patch", "line/last.patch"];
const othersFiles = (path: string): boolean =>
  notOurs(path) || path === ".pc" || path === "patches";

/** A copy of the tree after `work` on it. */
function other(tree: string, name: string, work: (copy: string) => void): string[] {
  const copy = join(dir, name);
  cpSync(tree, copy, { recursive: true });
  work(copy);
  return fingerprint(copy, othersFiles);
}

const ok = (result: ReturnType<typeof tool>): void =>
  expect(`${result.stdout}${result.stderr}`.slice(0, result.status === 0 ? 0 : 500)).toBe("");

it("makes of our series what patch, git apply and quilt make of it", async () => {
  const { tree, kit } = layOutToy(dir);
  const patches = join(kit, "patches");
  const byPatch = other(tree, "patch", (copy) => {
    for (const name of order)
      ok(tool("patch", ["-p1", "-F0", "-s", "-i", join(patches, name)], copy));
  });
  const byGit = other(tree, "git", (copy) => {
    for (const name of order) ok(tool("git", ["apply", join(patches, name)], copy));
  });
  const byQuilt = other(tree, "quilt", (copy) => {
    const result = tool(
      "sh",
      [
        "-c",
        `QUILT_PATCHES=${patches} QUILT_SERIES=linux-6.1.series quilt --quiltrc - push -a --fuzz=0`,
      ],
      copy,
    );
    expect(result.status, result.stderr).toBe(0);
  });
  await run(tree, "linux-6.1", portsFor(kit));
  const byUs = fingerprint(tree, notOurs);
  expect(byPatch).toEqual(byUs);
  expect(byGit).toEqual(byUs);
  expect(byQuilt).toEqual(byUs);
});

it("takes a foreign series by its path, on a tree that is no kernel, with -p0 and -R", async () => {
  const tree = layOut(join(dir, "tree"), { "a.txt": "one\ntwo\n", "sub/b.txt": "new\n" });
  const patches = layOut(join(dir, "debian", "patches"), {
    series: "# first\nzero.diff -p0\nback.diff -p2 -R # undone\n\n",
    "zero.diff": "--- a.txt\n+++ a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n",
    "back.diff": "--- x/y/sub/b.txt\n+++ x/y/sub/b.txt\n@@ -1 +1 @@\n-old\n+new\n",
  });
  const byQuilt = other(tree, "quilt", (copy) => {
    const result = tool("sh", ["-c", `QUILT_PATCHES=${patches} quilt --quiltrc - push -a`], copy);
    expect(result.status, result.stderr).toBe(0);
  });
  const ports = portsFor(layOutToy(join(dir, "toy")).kit);
  const result = await run(tree, join(patches, "series"), ports);
  expect(result).toMatchObject({ outcome: "applied", series: "debian/patches/series", written: 2 });
  expect(fingerprint(tree, notOurs)).toEqual(byQuilt);
});

it("takes a patch out again that names the same file twice, undone last diff first", async () => {
  const tree = layOut(join(dir, "tree"), { f: "1\n2\n3\n" });
  const twice =
    "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n-1\n+one\n 2\n 3\n--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n one\n+more\n 2\n 3\n";
  const patches = layOut(join(dir, "p"), { series: "p\n", p: twice });
  const before = fingerprint(tree);
  const byPatch = other(tree, "patch", (copy) =>
    ok(tool("patch", ["-p1", "-F0", "-s", "-i", join(patches, "p")], copy)),
  );
  const ports = portsFor(layOutToy(join(dir, "toy")).kit);
  await run(tree, join(patches, "series"), ports);
  expect(fingerprint(tree, notOurs)).toEqual(byPatch);
  // Without the record, so that the patch itself is turned round.
  rmSync(join(tree, ".tarpit-kit"), { recursive: true });
  await run(tree, join(patches, "series"), ports, { reverse: true });
  expect(fingerprint(tree)).toEqual(before);
});

/** Things only git writes; git makes the diff, and git apply is the oracle. */
const gitCases: readonly { name: string; work: string }[] = [
  { name: "rename with a change", work: "git mv one moved && sed -i 's/5/five/' moved" },
  { name: "rename into a new directory", work: "mkdir -p deep/er && git mv one deep/er/one" },
  { name: "copy", work: "cp one copy && sed -i 's/7/seven/' copy && echo more >> one" },
  { name: "mode changes", work: "chmod +x one && chmod -x run && echo 'x' >> run" },
  { name: "empty files made and removed", work: "touch fresh && rm empty" },
  {
    name: "quoted and non-ASCII names, names with spaces",
    work: "printf 'a\\n' > 'tab\there' && printf 'a\\n' > 'caf\u00e9' && echo y >> 'with space'",
  },
  { name: "two files that change places", work: "git mv one t && git mv two one && git mv t two" },
  {
    name: "created executable, deleted file",
    work: "printf '#!/bin/sh\\n' > script && chmod 755 script && rm two",
  },
  { name: "no newline at end, both ways", work: "printf 'tail' >> one && printf 'x\\n' > bare" },
  {
    name: "Latin-1 and CRLF",
    work: "printf 'caf\\351 \\377\\r\\n' >> one && printf 'a\\r\\nc\\r\\n' > crlf",
  },
];

describe("git's extended headers", () => {
  it.each(gitCases)("$name: as git apply does it, and back", async ({ work }) => {
    const tree = layOut(join(dir, "tree"), {
      one: Array.from({ length: 20 }, (_, i) => `${i}\n`).join(""),
      two: Array.from({ length: 20 }, (_, i) => `second ${i}\n`).join(""),
      run: "#!/bin/sh\n",
      empty: "",
      bare: "x",
      crlf: "a\r\nb\r\n",
      "with space": "x\n",
    });
    ok(tool("chmod", ["+x", "run"], tree));
    const sandbox = join(dir, "sandbox");
    cpSync(tree, sandbox, { recursive: true });
    const script = `git init -q . && git add -A && git -c user.name=t -c user.email=t@t commit -qm x && { ${work}; } && git add -A && git diff --cached -M -C --find-copies-harder`;
    const made = tool("sh", ["-ec", script], sandbox);
    expect(made.stderr).toBe("");
    expect(made.stdout).toContain("diff --git");
    const patches = layOut(join(dir, "patches"), {
      series: "git.diff\n",
      "git.diff": `Subject: prose\n\n${made.stdout}-- \n2.39.5\n`,
    });
    const before = fingerprint(tree);
    const byGit = other(tree, "git", (copy) =>
      ok(tool("git", ["apply", join(patches, "git.diff")], copy)),
    );
    const ports = portsFor(layOutToy(join(dir, "toy")).kit);
    await run(tree, join(patches, "series"), ports);
    expect(fingerprint(tree, notOurs)).toEqual(byGit);
    const unrecorded = join(dir, "unrecorded");
    cpSync(tree, unrecorded, { recursive: true });
    rmSync(join(unrecorded, ".tarpit-kit"), { recursive: true });
    await run(tree, join(patches, "series"), ports, { reverse: true });
    expect(fingerprint(tree)).toEqual(before);
    expect(await run(unrecorded, join(patches, "series"), ports)).toMatchObject({
      outcome: "already-applied",
    });
    await run(unrecorded, join(patches, "series"), ports, { reverse: true });
    expect(fingerprint(unrecorded)).toEqual(before);
  });
});

describe("our own series", () => {
  it.each(["6.1", "6.12"])(
    "for Linux %s applies with us, patch, git apply and quilt alike, and comes out again",
    async (line) => {
      const root = new URL("../..", import.meta.url).pathname;
      const patches = join(root, "patches");
      // A stand-in for the tree: what the patches' own context says is there.
      const tree = join(dir, "tree");
      mkdirSync(tree);
      const { loadSeries } = await import("../../src/app/patch.ts");
      const ports = portsFor(root);
      const { patches: all } = await loadSeries(ports, `linux-${line}`);
      // The KUnit tests are for lines that the others add: on real trees in test/e2e/series.test.ts.
      const series = { patches: all.filter(({ name }) => !name.endsWith("_test.patch")) };
      const last = series.patches.at(-1)?.name ?? "";
      const files: Record<string, string> = {};
      for (const { diffs } of series.patches) {
        for (const diff of diffs) {
          if (diff.old?.path === undefined) continue;
          const lines: string[] = [];
          for (const hunk of diff.hunks) {
            while (lines.length < hunk.oldFirst - 1) lines.push(`filler ${lines.length}\n`);
            lines.push(...hunk.texts.filter((_, index) => hunk.ops[index] !== "+"));
          }
          files[diff.old.path.slice(2)] = lines.join("");
        }
      }
      layOut(tree, files);
      const before = fingerprint(tree);
      const names = series.patches.map(({ name }) => join(patches, name));
      const byPatch = other(tree, "patch", (copy) =>
        names.forEach((name) => ok(tool("patch", ["-p1", "-F0", "-s", "-i", name], copy))),
      );
      const byGit = other(tree, "git", (copy) =>
        names.forEach((name) => ok(tool("git", ["apply", name], copy))),
      );
      const byQuilt = other(tree, "quilt", (copy) => {
        const script = `QUILT_PATCHES=${patches} QUILT_SERIES=linux-${line}.series quilt --quiltrc - push ${last} --fuzz=0`;
        const result = tool("sh", ["-c", script], copy);
        expect(result.status, result.stderr).toBe(0);
      });
      const result = await run(tree, `linux-${line}`, ports, { until: last });
      expect(
        result.patches
          .flatMap(({ files }) => files)
          .flatMap(({ hunks }) => hunks)
          .every(({ offset, fuzz }) => offset === 0 && fuzz === 0),
      ).toBe(true);
      expect(fingerprint(tree, notOurs)).toEqual(byPatch);
      expect(byGit).toEqual(byPatch);
      expect(byQuilt).toEqual(byPatch);
      await run(tree, `linux-${line}`, ports, { reverse: true });
      expect(fingerprint(tree)).toEqual(before);
    },
  );
});

it("knows the toy series' order", () => {
  expect(Object.keys(toySeries)).toEqual(expect.arrayContaining(order));
});

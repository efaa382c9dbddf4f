import {
  chmodSync,
  cpSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TarpitError } from "../../src/core/errors.ts";
import type { PatchRequest } from "../../src/app/patch.ts";
import { patchTree } from "../../src/app/patch.ts";
import type { Ports } from "../../src/ports.ts";
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
let tree = "";
let kit = "";
let ports: ReturnType<typeof portsFor>;
let before: string[] = [];
beforeEach(() => {
  dir = makeDirectory();
  ({ tree, kit } = layOutToy(dir));
  ports = portsFor(kit);
  before = fingerprint(tree);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function trouble(promise: Promise<unknown>): Promise<TarpitError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TarpitError);
  const { trouble: said } = error as TarpitError;
  expect(said.what && said.where && said.next).toBeTruthy();
  return error as TarpitError;
}

const go = (more: Partial<PatchRequest> = {}, on: Ports = ports) =>
  run(tree, "linux-6.1", on, more);
const kconfig = "net/ipv4/netfilter/Kconfig";
const append = (path: string, text: string): void =>
  writeFileSync(join(tree, path), readFileSync(join(tree, path), "latin1") + text, "latin1");

describe("the whole way", () => {
  it("chooses the series by the tree's version, applies, knows it, and takes it out", async () => {
    mkdirSync(join(tree, "net/ipv4/netfilter"), { recursive: true });
    const plain = { tree, check: false, reverse: false, fuzz: 0 };
    expect(await patchTree(plain, ports)).toMatchObject({
      series: "linux-6.1",
      outcome: "applied",
      written: 4,
    });
    expect(await patchTree(plain, ports)).toMatchObject({ outcome: "already-applied", written: 0 });
    expect(await patchTree({ ...plain, check: true }, ports)).toMatchObject({
      outcome: "already-applied",
    });
    expect(await patchTree({ ...plain, reverse: true }, ports)).toMatchObject({
      outcome: "reversed",
      written: 4,
    });
    expect(await patchTree({ ...plain, reverse: true }, ports)).toMatchObject({
      outcome: "not-applied",
      written: 0,
    });
    expect(fingerprint(tree)).toEqual(before);
  });
  it("writes nothing at all with --check", async () => {
    const result = await go({ check: true });
    expect(result).toMatchObject({ outcome: "would-apply", written: 0 });
    expect(
      result.patches.map(({ files }) => files.map(({ path, action }) => `${action} ${path}`)),
    ).toEqual([
      ["create net/netfilter/deep/new.c"],
      [`modify ${kconfig}`, "modify net/netfilter/Makefile"],
      ["modify net/netfilter/deep/new.c", "delete old/gone.c"],
    ]);
    expect(fingerprint(tree)).toEqual(before);
  });
  it("stops after --until, goes on from there, and goes back to there", async () => {
    await go({ until: "kconfig" });
    const middle = fingerprint(tree, notOurs);
    expect(await go({ until: "common/new.patch" })).toMatchObject({ outcome: "already-applied" });
    expect(await go()).toMatchObject({ outcome: "applied", written: 2 });
    expect(await go({ reverse: true, until: "last" })).toMatchObject({ outcome: "reversed" });
    expect(fingerprint(tree, notOurs)).toEqual(middle);
    await go({ reverse: true });
    expect(fingerprint(tree)).toEqual(before);
    expect(await trouble(go({ until: "nothing" }))).toMatchObject({
      exit: 2,
      code: "series.until",
    });
  });
  it("reports offsets, and needs leave for fuzz", async () => {
    const path = join(tree, kconfig);
    writeFileSync(
      path,
      `# a\n# b\n${readFileSync(path, "latin1").replace("OPTION_9\n", "OPTION_NINE\n")}`,
    );
    expect(await trouble(go())).toMatchObject({ exit: 1, code: "patch.refused" });
    const { patches } = await go({ fuzz: 1 });
    expect(patches[1]?.files[0]?.hunks).toEqual([{ index: 1, offset: 2, fuzz: 1 }]);
    await go({ reverse: true });
    expect(readFileSync(path, "latin1")).toContain("OPTION_NINE");
  });
  it("sees what GNU patch has applied, and takes it out without a state file", async () => {
    for (const name of ["common/new.patch", "common/kconfig.patch", "line/last.patch"]) {
      expect(tool("patch", ["-p1", "-s", "-i", join(kit, "patches", name)], tree).status).toBe(0);
    }
    const patched = fingerprint(tree);
    expect(await go()).toMatchObject({ outcome: "already-applied", written: 0 });
    expect(fingerprint(tree)).toEqual(patched);
    expect(await go({ reverse: true, check: true })).toMatchObject({ outcome: "would-reverse" });
    await go({ reverse: true });
    expect(fingerprint(tree)).toEqual(before);
  });
  it("forgets a series whose files were all put back by hand", async () => {
    await go();
    const state = readFileSync(join(tree, ".tarpit-kit/state.json"));
    await go({ reverse: true });
    layOut(tree, { ".tarpit-kit/state.json": state.toString() });
    expect(await go({ check: true })).toMatchObject({ outcome: "would-apply" });
  });
});

describe("refusals", () => {
  it("name file, line, what was wanted and what is there, for every hunk, and change nothing", async () => {
    const path = join(tree, kconfig);
    writeFileSync(path, readFileSync(path, "latin1").replace("OPTION_12\n", "OPTION_TWELVE\n"));
    append("net/netfilter/Makefile", "");
    writeFileSync(join(tree, "net/netfilter/Makefile"), "nothing alike\n");
    const changed = fingerprint(tree);
    const error = await trouble(go());
    expect(error).toMatchObject({ exit: 1, code: "patch.refused" });
    expect(error.trouble.evidence).toEqual([
      `${kconfig}: hunk 1 (common/kconfig.patch:3): the hunk fits nowhere`,
      "  wanted at line 13: config OPTION_12",
      "  the tree has:       config OPTION_TWELVE",
      "  difference:         config [-OPTION_12-]{+OPTION_TWELVE+}",
      "net/netfilter/Makefile: hunk 1 (common/kconfig.patch:13): the hunk fits nowhere",
      "  wanted at line 1: obj-y += a.o",
      "  the tree has:       nothing alike",
      expect.stringContaining("difference"),
    ]);
    expect(fingerprint(tree)).toEqual(changed);
  });
  it("tell a half-patched tree", async () => {
    expect(
      tool("patch", ["-p1", "-s", "-i", join(kit, "patches/common/kconfig.patch")], tree).status,
    ).toBe(0);
    const half = fingerprint(tree);
    const error = await trouble(go());
    expect(error).toMatchObject({ exit: 1, code: "patch.half-patched" });
    expect(error.trouble.evidence?.[0]).toBe("in the tree already: common/kconfig.patch");
    expect(fingerprint(tree)).toEqual(half);
  });
  it("name the files that were changed since", async () => {
    await go();
    append(kconfig, "# mine\n");
    const changed = fingerprint(tree);
    for (const more of [{}, { reverse: true }, { check: true }]) {
      const error = await trouble(go(more));
      expect(error).toMatchObject({ exit: 1, code: "patch.local-changes" });
      expect(error.trouble.evidence).toEqual([kconfig]);
    }
    expect(fingerprint(tree)).toEqual(changed);
  });
  it("tell another version of the series from this one", async () => {
    await go();
    append("../kit/patches/line/last.patch", "\n");
    expect(await trouble(go())).toMatchObject({ exit: 1, code: "patch.other-version" });
    await go({ reverse: true });
    expect(fingerprint(tree)).toEqual(before);
  });
});

describe("bad input", () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ["no directory", () => run(join(dir, "none"), "linux-6.1", ports), "patch.no-tree"],
    [
      "no kernel",
      () => patchTree({ tree: kit, check: true, reverse: false, fuzz: 0 }, ports),
      "tree.no-kernel",
    ],
    ["no such series", () => run(tree, "linux-9", ports), "series.unknown"],
  ])("%s", async (_, work, code) => {
    expect(await trouble(work())).toMatchObject({ exit: 2, code });
    expect(fingerprint(tree)).toEqual(before);
  });
  it("an unknown kernel: the message lists the lines there are", async () => {
    writeFileSync(
      join(tree, "Makefile"),
      "VERSION = 5\nPATCHLEVEL = 10\nSUBLEVEL = 1\nEXTRAVERSION =\n",
    );
    const error = await trouble(patchTree({ tree, check: false, reverse: false, fuzz: 0 }, ports));
    expect(error).toMatchObject({ exit: 2, code: "series.unknown-kernel" });
    expect(error.trouble.next).toContain("6.1, 2.4");
  });
  it("a damaged patch is named with its line, a missing one with its path", async () => {
    writeFileSync(
      join(kit, "patches/line/last.patch"),
      (toySeries["line/last.patch"] ?? "").slice(0, 90),
    );
    const error = await trouble(go());
    expect(error).toMatchObject({ exit: 2, code: "patch.malformed" });
    expect(error.trouble.where).toMatch(/last\.patch:\d+$/);
    rmSync(join(kit, "patches/line/last.patch"));
    expect(await trouble(go())).toMatchObject({ exit: 2, code: "series.unreadable" });
  });
  it("a damaged state file", async () => {
    layOut(tree, {
      ".tarpit-kit/state.json": `{"version":1,"applied":[{"series":"x","patches":[],"directories":["../.."],"files":[]}]}`,
    });
    expect(await trouble(go())).toMatchObject({ exit: 2, code: "patch.state" });
  });
});

describe("safety", () => {
  const attack = (header: string) =>
    layOut(join(dir, "evil"), { series: "p\n", p: `${header}@@ -0,0 +1 @@\n+pwned\n` });
  it.each([
    ["..", "--- /dev/null\n+++ b/../outside\n"],
    [".. deep in", "--- /dev/null\n+++ b/a/../../outside\n"],
    ["an absolute path", "--- /dev/null\n+++ b//etc/../../outside\n"],
    [".git", "--- /dev/null\n+++ b/.git/hooks/post-commit\n"],
    ["a nested .GIT", "--- /dev/null\n+++ b/sub/.GIT/config\n"],
    ["our own state", "--- /dev/null\n+++ b/.tarpit-kit/state.json\n"],
    ["a symbolic link in the tree", "--- /dev/null\n+++ b/link/outside\n"],
    [
      "a link made by git headers",
      "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n",
    ],
    ["a path in an index line", "Index: a/../../outside\n"],
  ])("refuses %s", async (_, header) => {
    mkdirSync(join(dir, "elsewhere"));
    symlinkSync("../elsewhere", join(tree, "link"));
    const all = fingerprint(dir, (path) => path.startsWith("evil"));
    const series = join(attack(header), "series");
    expect(await trouble(run(tree, series, ports))).toMatchObject({
      exit: 1,
      code: "patch.refused",
    });
    expect(fingerprint(dir, (path) => path.startsWith("evil"))).toEqual(all);
  });
  it("does not patch through a link that stands for a file", async () => {
    rmSync(join(tree, kconfig));
    writeFileSync(join(dir, "real"), before.join("\n"));
    symlinkSync(join(dir, "real"), join(tree, kconfig));
    expect((await trouble(go())).trouble.evidence?.[0]).toContain("no regular file");
  });
  it("never writes through a shared inode, and keeps modes", async () => {
    linkSync(join(tree, kconfig), join(dir, "shared"));
    chmodSync(join(tree, "net/netfilter/Makefile"), 0o444);
    const original = readFileSync(join(dir, "shared"), "latin1");
    await go();
    expect(readFileSync(join(dir, "shared"), "latin1")).toBe(original);
    expect(statSync(join(tree, "net/netfilter/Makefile")).mode & 0o777).toBe(0o444);
    await go({ reverse: true });
    expect(statSync(join(tree, "net/netfilter/Makefile")).mode & 0o777).toBe(0o444);
    expect(readFileSync(join(tree, kconfig), "latin1")).toBe(original);
  });
  it("takes a file that is changed at 100,000 places", async () => {
    const places = Array.from({ length: 100_000 }, (_, at) => at);
    layOut(tree, { many: places.map((at) => `a${at}\nb${at}\n`).join("") });
    const hunks = places.map((at) => `@@ -${at * 2 + 1},1 +${at * 2 + 1},1 @@\n-a${at}\n+c${at}\n`);
    const patches = layOut(join(dir, "many"), {
      series: "many.patch\n",
      "many.patch": `--- a/many\n+++ b/many\n${hunks.join("")}`,
    });
    await run(tree, patches, ports);
    expect(readFileSync(join(tree, "many"), "latin1")).toBe(
      places.map((at) => `c${at}\nb${at}\n`).join(""),
    );
  });
  it("is not held up by originals that nothing refers to any more", async () => {
    const before = fingerprint(tree);
    await go();
    const patched = fingerprint(tree);
    const kept = join(tree, ".tarpit-kit/original");
    cpSync(kept, join(dir, "kept"), { recursive: true });
    await go({ reverse: true });
    cpSync(join(dir, "kept"), kept, { recursive: true });
    await go();
    expect(fingerprint(tree)).toEqual(patched);
    await go({ reverse: true });
    expect(fingerprint(tree)).toEqual(before);
  });
  it("does not follow a journal that leads out of the tree", async () => {
    mkdirSync(join(dir, "elsewhere"));
    symlinkSync("../elsewhere", join(tree, "link"));
    const step = { path: "link/x", before: null, after: "0".repeat(64), keep: false };
    const journal = {
      version: 2,
      kind: "apply",
      series: "s",
      steps: [step],
      made: [],
      removable: [],
      dropped: [],
      state: { version: 1, applied: [] },
    };
    layOut(tree, {
      ".tarpit-kit/journal/journal.json": JSON.stringify(journal),
      ".tarpit-kit/journal/new-0": "pwned",
    });
    expect(await trouble(go())).toMatchObject({ code: "patch.changed-meanwhile" });
    expect(fingerprint(join(dir, "elsewhere"))).toEqual([]);
  });
  it("excludes a second run on the same tree, but not a --check", async () => {
    const lock = await ports.files.lock(join(tree, ".tarpit-kit", "lock"));
    expect(await trouble(go())).toMatchObject({ exit: 3, code: "patch.locked" });
    expect(await go({ check: true })).toMatchObject({ outcome: "would-apply" });
    await lock.release();
    const both = await Promise.allSettled([go(), go()]);
    const lost = both.filter((one) => one.status === "rejected");
    for (const one of lost) expect(one.reason).toMatchObject({ code: "patch.locked" });
    expect(lost.length).toBeLessThan(2);
    expect(await go()).toMatchObject({ outcome: "already-applied" });
  });
});

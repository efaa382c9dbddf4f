import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it, test } from "vitest";
import { root } from "../support/artifacts.ts";
import { kit, scratch } from "../support/cli.ts";
import { type Tree24, releases24, trees24 } from "../support/trees-24.ts";
import { patchTree } from "../../src/app/patch.ts";
import type { TarpitError } from "../../src/core/errors.ts";
import { fingerprint, notOurs, portsFor, tool } from "./patch-support.ts";

const { dir, remove } = scratch("patch-24");
afterAll(remove);

const toy = join(root, "test/fixtures/toy-kernel-2.4");
const patches = join(root, "patches");
const patchFile = join(patches, "linux-2.4/ipt_TARPIT.patch");
const [help, menu, makefile] = [
  "Documentation/Configure.help",
  "net/ipv4/netfilter/Config.in",
  "net/ipv4/netfilter/Makefile",
] as const;
const others = (path: string): boolean => notOurs(path) || path === ".pc";

const copy = (name: string, from = toy): string => {
  const to = join(dir, name);
  cpSync(from, to, { recursive: true });
  return to;
};
const text = (tree: string, path: string): string => readFileSync(join(tree, path), "latin1");
const edit = (tree: string, path: string, change: (text: string) => string): void =>
  writeFileSync(join(tree, path), change(text(tree, path)), "latin1");
const crlf = (from: string): string => from.replaceAll("\n", "\r\n");

const apply = (tree: string, more: object = {}) =>
  patchTree({ tree, check: false, reverse: false, fuzz: 0, ...more }, portsFor(root));

const ran = ({ status, stdout, stderr }: ReturnType<typeof tool>): void =>
  expect([status, status === 0 ? "" : `${stdout}${stderr}`]).toEqual([0, ""]);

/** Each of four ways to put the series into a copy of the tree; what it is then. */
async function fourWays(tree: string): Promise<readonly string[][]> {
  const [gnu, git, quilt] = ["gnu", "git", "quilt"].map((way) => `${tree}-${way}`) as [
    string,
    string,
    string,
  ];
  for (const to of [gnu, git, quilt]) cpSync(tree, to, { recursive: true });
  ran(tool("patch", ["-p1", "-F0", "-s", "--no-backup-if-mismatch", "-i", patchFile], gnu));
  ran(tool("git", ["--git-dir=/nowhere", "apply", patchFile], git));
  const push = `QUILT_PATCHES=${patches} QUILT_SERIES=linux-2.4.series quilt --quiltrc - push -a -q --fuzz=0`;
  ran(tool("sh", ["-c", push], quilt));
  const result = await apply(tree);
  expect(result).toMatchObject({ series: "linux-2.4", outcome: "applied" });
  const hunks = result.patches.flatMap(({ files }) => files.flatMap((file) => file.hunks));
  expect(hunks.filter(({ fuzz }) => fuzz !== 0)).toEqual([]);
  return [tree, gnu, git, quilt].map((one) => fingerprint(one, others));
}

/** Every hunk is where it belongs: in 2.4 the same lines may stand in more places than one. */
function expectInPlace(tree: string): void {
  expect(text(tree, menu)).toMatch(
    /CONFIG_IP_NF_TARGET_REJECT \$CONFIG_IP_NF_FILTER.*\n.*TARPIT target support' CONFIG_IP_NF_TARGET_TARPIT \$CONFIG_IP_NF_FILTER\n/,
  );
  const before = text(tree, menu).split("TARPIT")[0] ?? "";
  expect(before).toMatch(
    /if \[ "\$CONFIG_IP_NF_FILTER" != "n" \]; then\n[^\n]*REJECT[^\n]*\n[^\n]*$/,
  );
  expect(text(tree, makefile)).toMatch(/ipt_MIRROR\.o\n.*ipt_TARPIT\.o\n.*ipt_TOS\.o\n/);
  expect(text(tree, help)).toMatch(
    /\n\nTARPIT target support\nCONFIG_IP_NF_TARGET_TARPIT\n {2}[^]*?\n\nREJECT target support\nCONFIG_IP_NF_TARGET_REJECT\n/,
  );
}

describe("a toy of Linux 2.4", () => {
  it("gets the series for 2.4 by itself, the same from us, patch -F0, git apply and quilt", async () => {
    const tree = copy("ways");
    // As in the real ones: not all of it is UTF-8.
    edit(tree, help, (from) => `Ma\xdflos\n  \xe9\n\n${from}`);
    const before = fingerprint(tree, others);
    const [ours, ...theirs] = await fourWays(tree);
    for (const one of theirs) expect(one).toEqual(ours);
    expectInPlace(tree);
    expect((await apply(tree)).outcome).toBe("already-applied");
    expect((await apply(tree, { reverse: true })).outcome).toBe("reversed");
    expect(fingerprint(tree, others)).toEqual(before);
  });

  test.each([
    "2.4.0",
    "2.4.9",
    "2.4.37.11",
    "2.4.21-63.EL",
    "2.4.15-greased-turkey",
    "2.4.17$(shell date)",
  ])("%s is Linux 2.4", async (version) => {
    const tree = copy(`version-${version.replaceAll(/\W/g, "-")}`);
    const [, sublevel = "", extra = ""] = /^2\.4\.(\d+)(.*)$/.exec(version) ?? [];
    edit(tree, "Makefile", (from) =>
      from
        .replace(/SUBLEVEL = .*/, () => `SUBLEVEL = ${sublevel}`)
        .replace(/EXTRAVERSION =.*/, () => `EXTRAVERSION = ${extra}`),
    );
    expect((await apply(tree, { check: true })).outcome).toBe("would-apply");
  });

  const refusal = (tree: string, more: object = {}): Promise<TarpitError> =>
    apply(tree, more).then(
      () => Promise.reject(new Error("it was not refused")),
      (error: TarpitError) => error,
    );

  it("is refused with CRLF line ends, and says so", async () => {
    const tree = copy("crlf");
    for (const path of ["Makefile", help, menu, makefile]) edit(tree, path, crlf);
    const before = fingerprint(tree);
    const error = await refusal(tree);
    expect(error).toMatchObject({ code: "tree.mangled", exit: 2 });
    expect(error.trouble.what).toContain("CRLF line ends");
    expect(error.trouble.next).toContain("core.autocrlf=false");
    expect(fingerprint(tree)).toEqual(before);
    const program = kit(["patch", tree]);
    expect(program.code).toBe(2);
    expect(program.stderr).toContain("CRLF");
  });

  it("is refused with CRLF line ends in one file, and says which", async () => {
    const tree = copy("crlf-one");
    edit(tree, menu, crlf);
    const error = await refusal(tree);
    expect(error).toMatchObject({ code: "patch.refused", exit: 1 });
    expect(error.trouble.evidence?.join("\n")).toMatch(/Config\.in[^]*CRLF line ends/);
  });

  test.each(["ipt_tos.c", "ipt_TOS.c"])(
    "is refused without %s, which differs only in letter case",
    async (lost) => {
      const tree = copy(`case-${lost}`);
      rmSync(join(tree, "net/ipv4/netfilter", lost));
      const error = await refusal(tree);
      expect(error).toMatchObject({ code: "tree.mangled", exit: 2 });
      expect(error.trouble.what).toContain(`letter case: ${lost} is missing`);
    },
  );

  it("is refused when its names are all in lower case", async () => {
    const tree = copy("lower");
    for (const name of ["ipt_REJECT.c", "ipt_MIRROR.c"])
      renameSync(
        join(tree, "net/ipv4/netfilter", name),
        join(tree, "net/ipv4/netfilter", name.toLowerCase()),
      );
    rmSync(join(tree, "net/ipv4/netfilter/ipt_TOS.c"));
    expect((await refusal(tree)).code).toBe("tree.mangled");
  });
});

describe("real trees of Linux 2.4", () => {
  const trees = trees24();
  const all = trees ?? releases24.map((name): Tree24 => ({ name, lay: () => undefined }));
  const wanted = [
    ...["Makefile", help, menu, makefile],
    ...["net/ipv4/netfilter/ipt_TOS.c", "net/ipv4/netfilter/ipt_tos.c"],
  ];
  const named = all.map((tree) => [tree.name, tree] as const);
  // Without the trees each is skipped by its name.
  test.skipIf(trees === undefined).each(named)("%s", async (name, { lay }) => {
    const tree = join(dir, name.replaceAll(/[^\w.-]/g, "_"));
    mkdirSync(tree);
    lay(wanted, tree);
    const [upper, lower] = ["ipt_TOS.c", "ipt_tos.c"].map((file) =>
      existsSync(join(tree, "net/ipv4/netfilter", file)),
    );
    // There are public copies of either kind.
    if (text(tree, "Makefile").includes("\r\n") || upper !== lower) {
      await expect(apply(tree)).rejects.toMatchObject({ code: "tree.mangled", exit: 2 });
      return;
    }
    const [ours, ...theirs] = await fourWays(tree);
    for (const one of theirs) expect(one).toEqual(ours);
    expectInPlace(tree);
  });

  test.skipIf(trees === undefined)("every release is among them", () => {
    const names = new Set(trees?.map(({ name }) => name));
    expect(releases24.filter((name) => !names.has(name))).toEqual([]);
  });
});

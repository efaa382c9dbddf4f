import { chmodSync, cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { extract, type ExtractRequest } from "../../src/app/extract.ts";
import { fingerprint, layOut, makeDirectory, portsFor, tool } from "./patch-support.ts";

let dir = "";
let tree = "";
beforeEach(() => {
  dir = makeDirectory();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const makefile = (version: string): string => {
  const [major, minor, sub] = version.split(".");
  return `VERSION = ${major}\nPATCHLEVEL = ${minor}\nSUBLEVEL = ${sub}\nEXTRAVERSION =\n`;
};
/** What of a 2.4 and of a 2.6 kernel a patch set adds to. */
const old = {
  Makefile: makefile("2.4.27"),
  "net/ipv4/netfilter/Config.in":
    "mainmenu_option next_comment\nif [ x ]; then\n  dep_tristate '  REJECT' CONFIG_A\n  dep_tristate '  MIRROR' CONFIG_B\nfi\nendmenu\n",
  "net/ipv4/netfilter/Makefile": "obj-$(CONFIG_A) += a.o\nobj-$(CONFIG_B) += b.o\n# end\n",
  "Documentation/Configure.help":
    "REJECT target support\nCONFIG_A\n  It rejects.\n\n  Say N.\n\nMIRROR target support\nCONFIG_B\n  It mirrors caf\u00e9.\n",
};
const newer = {
  Makefile: makefile("2.6.14"),
  "net/ipv4/netfilter/Kconfig": "menu A\nconfig A\n\tbool\n\nendmenu\n# end\n",
  "net/ipv4/netfilter/Makefile": old["net/ipv4/netfilter/Makefile"],
};
const patchlet = {
  info: "Title: A trap\nAuthor: Someone <s@example.org>\nStatus: Works\nRepository: extra\nRequires: linux-2.6 < 2.6.20\n\nHolds connections.\n--- is no diff\n",
  "linux/net/ipv4/netfilter/ipt_TRAP.c": "int trap; /* caf\u00e9 */\n",
  "linux/net/ipv4/netfilter/Config.in.ladd":
    "  dep_tristate '  REJECT' CONFIG_A\n  dep_tristate '  TRAP' CONFIG_TRAP\n",
  "linux/net/ipv4/netfilter/Makefile.ladd":
    "obj-$(CONFIG_A) += a.o\nobj-$(CONFIG_TRAP) += ipt_TRAP.o\n",
  "linux/Documentation/Configure.help.ladd":
    "CONFIG_A\nTRAP target support\nCONFIG_TRAP\n  Traps.\n",
  "linux/net/ipv4/netfilter/Kconfig.ladd": "config TRAP\n\ttristate\n",
  "linux-2.6/net/ipv4/netfilter/ipt_TRAP.c": "int trap26;\n",
  "linux-2.6/net/ipv4/netfilter/Kconfig.ladd": "config TRAP\n\ttristate 'TRAP'\n",
  "linux-2.6/net/ipv4/netfilter/Config.in.ladd": "nowhere\nnothing\n",
  "linux-2.6/net/ipv4/netfilter/Makefile.ladd":
    "obj-$(CONFIG_B) += b.o\nobj-$(CONFIG_TRAP) += ipt_TRAP.o\n",
  "linux-2.6.19/net/ipv4/netfilter/ipt_TRAP.c": "int later;\n",
  "iptables/extensions/libipt_TRAP.c": "int userspace;\n",
};

const ports = () => portsFor(layOut(join(dir, "kit"), { "patches/manifest.json": '{"lines":[]}' }));
const make = (request: ExtractRequest) => extract(request, ports());

/** Applies with GNU patch and git without fuzz, comes out again, and says what the tree becomes. */
function applied(patch: string): (path: string) => string {
  writeFileSync(join(dir, "made.patch"), patch, "latin1");
  const copies = ["gnu", "git"].map((name) => {
    const copy = join(dir, name);
    rmSync(copy, { recursive: true, force: true });
    cpSync(tree, copy, { recursive: true });
    return copy;
  }) as [string, string];
  const [gnu, git] = copies;
  const before = fingerprint(tree);
  const ok = (args: string[], cwd: string): void => {
    const result = tool(args[0] as string, args.slice(1), cwd);
    expect(`${result.status} ${result.stdout}${result.stderr}`.trim()).toBe("0");
  };
  const input = ["-i", "../made.patch"];
  ok(["patch", "-p1", "-F0", "-s", ...input], gnu);
  ok(["git", "apply", "--whitespace=nowarn", "../made.patch"], git);
  expect(fingerprint(git)).toEqual(fingerprint(gnu));
  ok(["patch", "-p1", "-F0", "-s", "-R", ...input], gnu);
  expect(fingerprint(gnu)).toEqual(before);
  return (path) => tool("cat", [path], git).stdout;
}

describe("a Patch-o-Matic-ng patchlet", () => {
  it("on 2.4: new files, Config.in, Configure.help, Makefile; no Kconfig", async () => {
    tree = layOut(join(dir, "tree"), old);
    const from = layOut(join(dir, "TRAP"), patchlet);
    const { patch, files } = await make({ kind: "pom", from, tree });
    expect(patch).toMatch(/^A trap\n\nHolds connections\.\n --- is no diff\n\nAuthor: Someone/);
    const now = applied(patch);
    expect(files).toHaveLength(4);
    expect(now("net/ipv4/netfilter/ipt_TRAP.c")).toBe("int trap; /* caf\u00e9 */\n");
    expect(now("net/ipv4/netfilter/Config.in")).toContain("CONFIG_A\n  dep_tristate '  TRAP'");
    expect(now("net/ipv4/netfilter/Makefile")).toBe(
      "obj-$(CONFIG_A) += a.o\nobj-$(CONFIG_TRAP) += ipt_TRAP.o\nobj-$(CONFIG_B) += b.o\n# end\n",
    );
    expect(now("Documentation/Configure.help")).toContain(
      "  Say N.\n\nTRAP target support\nCONFIG_TRAP\n  Traps.\n\nMIRROR",
    );
  });
  it("on 2.6: the variant nearest to the tree, with its Kconfig before endmenu", async () => {
    tree = layOut(join(dir, "tree"), newer);
    const from = layOut(join(dir, "TRAP"), patchlet);
    const now = applied((await make({ kind: "pom", from, tree })).patch);
    expect(now("net/ipv4/netfilter/ipt_TRAP.c")).toBe("int trap26;\n");
    expect(now("net/ipv4/netfilter/Kconfig")).toBe(
      "menu A\nconfig A\n\tbool\n\nconfig TRAP\n\ttristate 'TRAP'\n\nendmenu\n# end\n",
    );
    writeFileSync(join(tree, "Makefile"), makefile("2.6.19"));
    expect(
      applied((await make({ kind: "pom", from, tree })).patch)("net/ipv4/netfilter/ipt_TRAP.c"),
    ).toBe("int later;\n");
  });
  it("with patches by version; the requirements of its info count", async () => {
    tree = layOut(join(dir, "tree"), newer);
    const change =
      "--- a/net/ipv4/netfilter/Makefile\n+++ b/net/ipv4/netfilter/Makefile\n@@ -3 +3 @@\n-# end\n+# END\n";
    const from = layOut(join(dir, "P"), {
      info: "Title: P\nRepository: base\nRequires: linux-2.6 >= 2.6.14\n\nHelp.\n",
      "linux-2.6.patch": change,
      "linux-2.4.patch": "nonsense",
    });
    expect(
      applied((await make({ kind: "pom", from, tree })).patch)("net/ipv4/netfilter/Makefile"),
    ).toContain("# END\n");
    writeFileSync(join(tree, "Makefile"), makefile("2.6.13"));
    await expect(make({ kind: "pom", from, tree })).rejects.toMatchObject({
      exit: 1,
      code: "extract.no-variant",
    });
  });
  it.each<[string, Record<string, string>, string]>([
    [
      "an anchor that is not there",
      { "linux/net/ipv4/netfilter/Makefile.ladd": "none\nx\n" },
      "extract.no-place",
    ],
    ["a file that is not there", { "linux/net/none.ladd": "none\nx\n" }, "extract.no-place"],
    [
      "a new file in the way",
      { "linux/net/ipv4/netfilter/Makefile": "x\n" },
      "extract.already-there",
    ],
    [
      "lines that are there",
      { "linux/net/ipv4/netfilter/Makefile.ladd": "# end\nobj-$(CONFIG_B) += b.o\n" },
      "extract.already-there",
    ],
    ["a damaged info", { info: "what is this\n" }, "extract.info"],
    [
      "a patch that does not fit",
      { "linux.patch": "--- a/Makefile\n+++ b/Makefile\n@@ -1 +1 @@\n-none\n+x\n" },
      "extract.refused",
    ],
    [
      "a damaged patch",
      { "linux.patch": "--- a/Makefile\n+++ b/Makefile\n@@ -1 +1 @@\n-VERSION = 2\n" },
      "patch.malformed",
    ],
    ["a binary file", { "linux/image": "a\0b" }, "extract.unfit"],
  ])("refuses %s", async (_, files, code) => {
    tree = layOut(join(dir, "tree"), old);
    const from = layOut(join(dir, "BAD"), { info: "Repository: x\n\nHelp.\n", ...files });
    await expect(make({ kind: "pom", from, tree })).rejects.toMatchObject({ code });
  });
});

describe("an older Patch-o-Matic set", () => {
  it("X.patch with its config.in, configure.help and makefile", async () => {
    tree = layOut(join(dir, "tree"), old);
    const from = layOut(join(dir, "extra"), {
      "TRAP.patch":
        "--- linux/net/ipv4/netfilter/ipt_TRAP.c\tThu Jan  1 00:00:00 1970\n+++ linux-trap/net/ipv4/netfilter/ipt_TRAP.c\tMon Jul  1 10:00:00 2002\n@@ -0,0 +1 @@\n+int trap;\n",
      "TRAP.patch.help": "Author: Someone\n\nA trap.\n",
      "TRAP.patch.config.in": patchlet["linux/net/ipv4/netfilter/Config.in.ladd"],
      "TRAP.patch.configure.help": patchlet["linux/Documentation/Configure.help.ladd"],
      "TRAP.patch.makefile": patchlet["linux/net/ipv4/netfilter/Makefile.ladd"],
      "OTHER.patch": "not read\n",
    });
    const made = await make({ kind: "pom", from: join(from, "TRAP.patch"), tree });
    expect(made.patch.startsWith("Author: Someone\n\nA trap.\n---\n")).toBe(true);
    const now = applied(made.patch);
    expect(now("net/ipv4/netfilter/Makefile")).toContain("ipt_TRAP.o");
    expect(now("Documentation/Configure.help")).toContain("\n\nTRAP target support\n");
    expect(now("net/ipv4/netfilter/ipt_TRAP.c")).toBe("int trap;\n");
    await expect(make({ kind: "pom", from, tree })).rejects.toMatchObject({
      code: "extract.no-patchlet",
      exit: 2,
    });
  });
});

describe("two trees", () => {
  it("everything text diffs can say: created, deleted, empty, mode, no newline, Latin-1, odd names", async () => {
    tree = layOut(join(dir, "tree"), {
      same: "same\n",
      gone: "a\nb\n",
      "sub/tail": "no newline",
      latin: "caf\u00e9 \u00ff\r\n",
      "with space": "x\n",
      run: "#!/bin/sh\n",
      empty: "",
    });
    const fresh = join(dir, "new");
    cpSync(tree, fresh, { recursive: true });
    layOut(fresh, {
      "sub/tail": "no newline\nnow\n",
      latin: "caf\u00e9 \u00fe\r\nx",
      "with space": "y\n",
      "made/tab\there": "t\n",
      'made/quo"te': "q\n",
    });
    rmSync(join(fresh, "gone"));
    chmodSync(join(fresh, "run"), 0o755);
    const { patch } = await make({ kind: "trees", old: tree, tree: fresh, files: [] });
    applied(patch);
    expect(fingerprint(join(dir, "git"))).toEqual(fingerprint(fresh));
    const some = await make({ kind: "trees", old: tree, tree: fresh, files: ["latin"] });
    expect(some.files).toEqual(["latin"]);
  });
  it.each<[string, Record<string, string>, readonly string[], string]>([
    ["the same trees", {}, [], "extract.nothing"],
    ["a file neither has", {}, ["none"], "extract.no-file"],
    ["a binary file", { image: "\0" }, [], "extract.unfit"],
    ["a name that leaves the tree", {}, ["../x"], "extract.unfit"],
  ])("refuses %s", async (_, files, names, code) => {
    tree = layOut(join(dir, "tree"), { a: "a\n" });
    const fresh = layOut(join(dir, "new"), { a: "a\n", ...files });
    await expect(
      make({ kind: "trees", old: tree, tree: fresh, files: names }),
    ).rejects.toMatchObject({ code });
  });
});

describe("an out-of-tree module", () => {
  const module = {
    Makefile:
      "ifneq ($(KERNELRELEASE),)\nobj-m := trap.o\ntrap-objs := main.o \\\n\tother.o\nelse\nall:\n\tmake -C /lib/modules M=$(PWD)\nendif\n",
    Kconfig: 'config TRAP\n\ttristate "A trap"\n\thelp\n\t  Traps.\n',
    "main.c": '#include "trap.h"\n',
    "other.c": "int other;\n",
    "trap.h": "int trap;\n",
    "trap.mod.c": "built\n",
    README: "left out\n",
  };
  it("gets a place, and the files above know it", async () => {
    tree = layOut(join(dir, "tree"), {
      "drivers/misc/Kconfig": 'menu "Misc"\nsource "drivers/misc/a/Kconfig"\nendmenu\n',
      "drivers/misc/Makefile": "obj-y += a/\n",
    });
    const from = layOut(join(dir, "trap"), module);
    const now = applied((await make({ kind: "module", from, tree })).patch);
    expect(now("drivers/misc/trap/Makefile")).toBe(
      "obj-$(CONFIG_TRAP) += trap.o\ntrap-objs += main.o other.o\n",
    );
    expect(now("drivers/misc/Kconfig")).toBe(
      'menu "Misc"\nsource "drivers/misc/a/Kconfig"\nsource "drivers/misc/trap/Kconfig"\nendmenu\n',
    );
    expect(now("drivers/misc/Makefile")).toBe("obj-y += a/\nobj-$(CONFIG_TRAP) += trap/\n");
    expect(
      fingerprint(join(dir, "git")).filter((line) => line.includes("misc/trap/")),
    ).toHaveLength(5);
    await expect(make({ kind: "module", from, tree, into: "none/trap" })).rejects.toMatchObject({
      code: "extract.no-place",
    });
    await expect(make({ kind: "module", from, tree, into: "../trap" })).rejects.toMatchObject({
      code: "extract.into",
    });
  });
});

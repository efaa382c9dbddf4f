import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import {
  buildPeriodExtensions,
  periodIdentity,
  periodTrees,
} from "../../src/app/period-extension.ts";
import { verifyArtifacts } from "../../src/app/verify-artifacts.ts";
import { judgePeriodExtension, type PeriodFacts } from "../../src/core/abi/judge-period.ts";
import { findExtensionTargets } from "../../src/core/abi/extension.ts";
import type { Abi } from "../../src/core/arch.ts";
import { parseElf } from "../../src/core/elf/file.ts";
import { loadImage } from "../../src/core/elf/load.ts";
import { libraryNeeds } from "../../src/core/elf/needs.ts";
import { versionOfIptables } from "../../src/core/period-extension.ts";
import {
  crossTest,
  hostArch,
  loadArchFile,
  makeArtifacts,
  root,
  testWorld,
  writeSums,
} from "../support/artifacts.ts";

const world = testWorld();
afterAll(() => world.remove());
const abi = hostArch().abis[0] as Abi;
const toy = join(root, "test/fixtures/toy-iptables");

/** A tree of iptables as its Makefile and its header make it one. */
function makeTree(version: string, name = version): string {
  const tree = join(world.dir, "iptables", name);
  cpSync(toy, tree, { recursive: true });
  const variable = /^1\.2\.[1-6]/.test(version) ? "NETFILTER_VERSION" : "IPTABLES_VERSION";
  writeFileSync(join(tree, "Makefile"), `#\n${variable}:=${version}\nOLD_${variable}:=1.0\n`);
  const header = join(tree, "include/iptables.h");
  if (version.startsWith("1.2."))
    writeFileSync(header, readFileSync(header, "utf8").replace("\tu_int8_t revision;\n", ""));
  return tree;
}

const portsWith = (...trees: string[]) => ({
  ...world.ports,
  host: {
    ...world.ports.host,
    env: { ...world.ports.host.env, TARPIT_KIT_IPTABLES: trees.join(":") },
  },
});

const facts = (path: string): PeriodFacts => {
  const elf = parseElf(readFileSync(path));
  const targets = findExtensionTargets(loadImage(elf), "TARPIT");
  return { targets, registers: true, needs: libraryNeeds(elf) };
};

describe("versionOfIptables", () => {
  test.each([
    ["NETFILTER_VERSION:=1.2.6a\n", "1.2.6a"],
    ["CC=gcc\nIPTABLES_VERSION:=1.3.8\nOLD_IPTABLES_VERSION:=1.3.7\n", "1.3.8"],
    ["IPTABLES_VERSION := 1.2.11\n", "1.2.11"],
    ["OLD_IPTABLES_VERSION:=1.3.7\n", undefined],
    ["IPTABLES_VERSION:=1.4.0\n", undefined],
    ['IPTABLES_VERSION:=1.3.8"\n', undefined],
    ["", undefined],
  ])("%j", (makefile, version) => expect(versionOfIptables(makefile)).toBe(version));
});

describe("the extension for iptables 1.2 and 1.3", () => {
  const out = join(world.dir, "out");
  let built: Awaited<ReturnType<typeof buildPeriodExtensions>>;
  beforeAll(async () => {
    built = await buildPeriodExtensions(
      [abi],
      out,
      portsWith(makeTree("1.2.6a"), makeTree("1.2.9"), makeTree("1.3.8")),
    );
  });

  it("is built for each tree, in a directory that names its version", () => {
    expect(built.map(({ file }) => file)).toEqual(
      ["1.2.6a", "1.2.9", "1.3.8"].map(
        (version) => `${abi.name}/iptables-${version}/libipt_TARPIT.so`,
      ),
    );
  });

  test.each(["1.2.6a", "1.2.9", "1.3.8"])(
    "reads as one for iptables %s, and for no other",
    (version) => {
      const file = join(out, abi.name, `iptables-${version}`, "libipt_TARPIT.so");
      expect(facts(file).targets).toMatchObject([
        { version, revision: 0, size: abi.xtAlign, userspaceSize: abi.xtAlign },
      ]);
      expect(judgePeriodExtension(file, version, abi, facts(file))).toEqual([]);
      expect(judgePeriodExtension(file, "1.3.7", abi, facts(file))[0]).toMatchObject({
        code: "extension.identity",
        args: { field: "version", expected: "1.3.7", actual: version },
      });
    },
  );

  /** Loaded by a program with the symbols that iptables had. */
  const load = (version: string, ...options: string[]) => {
    const tree = join(world.dir, "iptables", version);
    const loader = join(tree, "loader");
    execFileSync("gcc", [
      "-rdynamic",
      "-I",
      join(tree, "include"),
      "-o",
      loader,
      join(tree, "loader.c"),
    ]);
    const file = join(out, abi.name, `iptables-${version}`, "libipt_TARPIT.so");
    const { stdout, status } = spawnSync(loader, [file, ...options], { encoding: "utf8" });
    return { status, lines: stdout.split("\n") };
  };

  test.each([
    [[], "0|tarpit |--tarpit |"],
    [["tarpit"], "0|tarpit |--tarpit |"],
    [["honeypot"], "1|honeypot |--honeypot |"],
    [["reset"], "2|reset |--reset |"],
  ])("is loaded, and takes %j", (options, said) => {
    for (const version of ["1.2.9", "1.3.8"]) {
      const { status, lines } = load(version, ...options);
      expect(status).toBe(0);
      const size = `${abi.xtAlign}/${abi.xtAlign}`;
      expect(lines.slice(0, 2)).toEqual([`TARPIT ${version} ${size}`, said]);
      expect(lines[2]).toContain(`TARPIT v${version} options`);
    }
  });

  it("refuses two options, and one that is inverted", () => {
    expect(load("1.3.8", "honeypot", "reset")).toMatchObject({ status: 2 });
    expect(load("1.3.8", "!", "reset").lines[1]).toContain("cannot be inverted");
    expect(load("1.3.8", "other").lines[1]).toBe("not an option of it: other");
  });
});

describe("TARPIT_KIT_IPTABLES", () => {
  it("names nothing: nothing is built, and the key of a build is the same", async () => {
    expect(await buildPeriodExtensions([abi], world.dir, portsWith())).toEqual([]);
    expect(await periodIdentity(portsWith())).toEqual([]);
  });

  it("names what is no such tree, or the same version twice", async () => {
    const none = makeTree("1.4.0");
    await expect(periodTrees(portsWith(none))).rejects.toMatchObject({
      code: "extension.iptables-tree",
      exit: 2,
    });
    const [one, two] = [makeTree("1.3.5"), makeTree("1.3.5", "twin")];
    await expect(periodTrees(portsWith(one, two))).rejects.toMatchObject({
      code: "extension.iptables-twice",
    });
    expect(await periodTrees(portsWith(one, one))).toHaveLength(1);
    rmSync(join(one, "include"), { recursive: true });
    await expect(periodTrees(portsWith(one))).rejects.toMatchObject({ exit: 2 });
  });

  it("decides about the key of a build by the headers and the version", async () => {
    const tree = makeTree("1.3.6");
    const before = await periodIdentity(portsWith(tree));
    writeFileSync(join(tree, "README"), "x");
    expect(await periodIdentity(portsWith(tree))).toEqual(before);
    writeFileSync(join(tree, "include/iptables.h"), "x");
    expect(await periodIdentity(portsWith(tree))).not.toEqual(before);
  });

  it("names a tree whose headers do not compile: the compiler's words", async () => {
    const tree = makeTree("1.3.4");
    writeFileSync(join(tree, "include/iptables.h"), "#error broken\n");
    await expect(
      buildPeriodExtensions([abi], join(world.dir, "broken"), portsWith(tree)),
    ).rejects.toMatchObject({ code: "extension.period", exit: 1 });
  });
});

describe("verify", () => {
  const place = `extensions/${abi.name}`;
  const withPeriod = async (name: string, change: (dir: string) => void = () => undefined) => {
    const dir = makeArtifacts(join(world.dir, name), { scope: "module" });
    await buildPeriodExtensions([abi], join(dir, "extensions"), portsWith(makeTree("1.2.9")));
    change(dir);
    writeSums(dir);
    return verifyArtifacts({ dir }, world.ports);
  };
  const file = `${place}/iptables-1.2.9/libipt_TARPIT.so`;
  const found = (report: Awaited<ReturnType<typeof withPeriod>>) =>
    report.findings.filter(({ severity }) => severity !== "unchecked");

  it("tells which iptables each fits", async () => {
    const report = await withPeriod("fits");
    expect(report.ok).toBe(true);
    expect(found(report)).toEqual([
      { code: "extension.period", severity: "info", args: { file, version: "1.2.9" } },
    ]);
    expect(report.checked).toContainEqual({ check: "extension for iptables 1.2.9", file });
  });

  it("finds one that lies where another version is looked for", async () => {
    const report = await withPeriod("moved", (dir) => {
      mkdirSync(join(dir, place, "iptables-1.3.8"));
      cpSync(join(dir, file), join(dir, place, "iptables-1.3.8/libipt_TARPIT.so"));
    });
    expect(report.ok).toBe(false);
    const args = found(report).flatMap((one) => ("field" in one.args ? [one.args.field] : []));
    expect(args).toEqual(["version", "layout"]);
  });

  it("finds one that is cut, missing, or the one for today's iptables", async () => {
    const of = async (name: string, change: (path: string, dir: string) => void) =>
      found(await withPeriod(name, (dir) => change(join(dir, file), dir))).map(({ code }) => code);
    expect(
      await of("cut", (path) => writeFileSync(path, readFileSync(path).subarray(0, 99))),
    ).toEqual(["extension.unreadable"]);
    expect(await of("gone", (path) => rmSync(path))).toEqual(["extension.missing"]);
    const today = await of("today", (path, dir) =>
      cpSync(join(dir, place, "libxt_TARPIT.so"), path),
    );
    expect(today).toContain("extension.identity");
  });
});

describe("judging what it asks of the C library", () => {
  const good: PeriodFacts = {
    targets: [
      {
        name: "TARPIT",
        version: "1.2.9",
        revision: 0,
        family: 0,
        size: 8,
        userspaceSize: 8,
        layout: "iptables-1.2",
      },
    ],
    registers: true,
    needs: { glibc: "2.3", sysvHash: true, gnuHash: false },
  };
  const codes = (change: Partial<PeriodFacts>): string[] =>
    judgePeriodExtension("x.so", "1.2.9", { ...abi, xtAlign: 8 }, { ...good, ...change }).map(
      ({ code }) => code,
    );
  test.each([
    ["2.2.5", []],
    ["2.3", []],
    ["2.3.1", ["extension.libc"]],
    ["2.4", ["extension.libc"]],
    ["2.34", ["extension.libc"]],
    [undefined, []],
  ])("glibc %s", (glibc, expected) =>
    expect(codes({ needs: { ...good.needs, glibc } })).toEqual(expected),
  );
  it("needs DT_HASH", () =>
    expect(codes({ needs: { glibc: "2.0", sysvHash: false, gnuHash: true } })).toEqual([
      "extension.no-hash",
    ]));
  it("has to register one target", () => {
    expect(codes({ registers: false })).toEqual(["extension.no-target"]);
    expect(codes({ targets: [] })).toEqual(["extension.no-target"]);
  });
});

crossTest(
  "for 64-bit and 32-bit SPARC and for i386: no symbol above GLIBC_2.3, by readelf as well",
  async () => {
    const abis = [...loadArchFile("sparc64").abis, ...loadArchFile("x86_64").abis.slice(1)];
    expect(abis.map(({ name }) => name)).toEqual(["sparc64", "sparc", "i386"]);
    const out = join(world.dir, "cross");
    const built = await buildPeriodExtensions(
      abis,
      out,
      portsWith(makeTree("1.2.9"), makeTree("1.3.8")),
    );
    expect(built).toHaveLength(6);
    for (const { file, version, abi: name } of built) {
      const own = abis.find((one) => one.name === name) as Abi;
      expect(judgePeriodExtension(file, version, own, facts(join(out, file)))).toEqual([]);
      const readelf = (flag: string) =>
        execFileSync("readelf", ["-W", flag, join(out, file)], { encoding: "utf8" });
      const versions = [...readelf("-V").matchAll(/GLIBC_(\d+)\.(\d+)/g)];
      expect(versions.length).toBeGreaterThan(0);
      for (const [, major, minor] of versions)
        expect([Number(major), Number(minor) <= 3]).toEqual([2, true]);
      expect(readelf("-d")).toMatch(/\(HASH\)/);
      expect(readelf("-d")).not.toMatch(/\(INIT_ARRAY\)/);
    }
  },
);

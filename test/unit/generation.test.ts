import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Arch, archOfGeneration } from "../../src/core/arch.ts";
import {
  compilerFits,
  compilerNumber,
  type Generation,
  generationFor,
  type Toolchain,
} from "../../src/core/generation.ts";
import { explainConfigIn, readConfigIn } from "../../src/core/kconfig/config-in.ts";
import { parseKernelVersion } from "../../src/core/kernel-version.ts";
import { makeArguments, makeEnvironment, type MakeSetup } from "../../src/core/make.ts";
import {
  caseWords,
  olderRuleCases,
  ruleWords,
  trackedPorts,
} from "../../src/core/prove/older-rules.ts";
import { BuildLogReader } from "../../src/core/build-log.ts";

const data = <T>(path: string): T =>
  JSON.parse(readFileSync(new URL(`../../data/${path}.json`, import.meta.url), "utf8")) as T;
const generation = data<Generation>("generations/2.4");
const toolchain = data<Toolchain>("toolchains/gcc12");
const sparc64 = data<Arch>("arches/sparc64");

describe("generations of kernels", () => {
  test.each([
    ["2.4.0", "2.4"],
    ["2.4.37.11", "2.4"],
    ["2.6.0", undefined],
    ["2.2.26", undefined],
    ["6.1.192", undefined],
  ])("%s: %s", (text, name) => {
    const version = parseKernelVersion(text);
    expect(version && generationFor([generation], version)?.name).toBe(name);
  });

  test("an arch has its own ways for 2.4, none, or nothing else", () => {
    expect(archOfGeneration(sparc64, undefined)).toBe(sparc64);
    expect(archOfGeneration(sparc64, "2.4")).toMatchObject({ name: "sparc64", srcArch: "sparc64" });
    expect(archOfGeneration(data<Arch>("arches/arm64"), "2.4")).toBeUndefined();
    const i386 = data<Arch>("arches/i386");
    expect(archOfGeneration(i386, "2.4")).toBe(i386);
    expect(archOfGeneration(i386, undefined)).toBeUndefined();
  });
});

describe("compilers", () => {
  test.each([
    ["12", [12]],
    ["2.95.3", [2, 95, 3]],
    ["4.1.2\n", [4, 1, 2]],
    ["egcs-2.91.66", [2, 91, 66]],
    ["clang", undefined],
  ])("%j", (text, number) => expect(compilerNumber(text)).toEqual(number));

  test.each([
    [[2, 95, 3], true],
    [[2, 95, 2], false],
    [[4, 1, 3], true],
    [[4, 2], false],
    [[4, 2, 0], false],
    [[12], false],
  ])("%j for the authors of 2.4: %s", (version, fits) => {
    expect(compilerFits(version, generation.compilers)).toBe(fits);
  });

  test("the toolchain profile is for what it was measured with", () => {
    expect(compilerFits([12], toolchain.compilers)).toBe(true);
    expect(compilerFits([10, 2], toolchain.compilers)).toBe(false);
    expect(toolchain.label).toMatch(/not supported upstream/);
  });
});

describe("make for 2.4", () => {
  const setup: MakeSetup = {
    tree: "/t/linux",
    arch: sparc64,
    jobs: 2,
    epoch: 7,
    launcher: "ccache",
    older: { generation, toolchain, extraVersion: ".11-emulator", path: "/t/bin:/bin" },
  };
  test("flags go with the compiler, and nothing of kbuild's is there", () => {
    const args = makeArguments(setup);
    const cc = args.find((arg) => arg.startsWith("CC="));
    expect(cc).toMatch(
      /^CC=ccache sparc64-linux-gnu-gcc -U__GNUC__ .*-ffile-prefix-map=\/t\/linux=\. -w$/,
    );
    expect(args).toContain("EXTRAVERSION=.11-emulator");
    expect(args).toContain("SHELL=/bin/bash");
    expect(args.join(" ")).not.toMatch(/KBUILD|KCFLAGS|O=/);
  });
  test("time is the epoch's, the shims come first, ccache sees no directory", () => {
    expect(makeEnvironment(setup)).toMatchObject({
      SOURCE_DATE_EPOCH: "7",
      PATH: "/t/bin:/bin",
      CCACHE_BASEDIR: "/t/linux",
      CCACHE_NAMESPACE: "tarpit-kit",
      MAKEFILES: undefined,
    });
  });
  test("the compiler's own calls are counted in the log, others are not", () => {
    const reader = new BuildLogReader();
    for (const line of [
      "make[2]: Entering directory '/t/linux/net'",
      "sparc64-linux-gnu-gcc -D__KERNEL__ -O2 -DKBUILD_BASENAME=socket  -c -o socket.o socket.c",
      "ccache sparc64-linux-gnu-gcc -O2 -DEXPORT_SYMTAB -c netsyms.c",
      "gcc -D__ASSEMBLY__ -traditional -c -o head.o head.S",
      "sparc64-linux-gnu-ld -m elf64_sparc -r -o network.o socket.o netsyms.o",
      "gcc -o scripts/split-include scripts/split-include.c",
    ])
      reader.line(line);
    expect(reader.progress).toEqual({ compiled: 3, item: "head.S" });
  });
});

describe("Config.in", () => {
  const files: Readonly<Record<string, string>> = {
    "arch/x/config.in": `bool 'One' CONFIG_ONE
if [ "$CONFIG_ONE" = "y" -a "$CONFIG_TWO" != "n" ]; then
   source net/Config.in
else
   define_bool CONFIG_NONE y
fi
`,
    "net/Config.in": `dep_tristate 'Long \\
 text' CONFIG_LONG $CONFIG_TWO $CONFIG_THREE
tristate "quoted CONFIG_ODD text" CONFIG_PLAIN
`,
  };
  const tree = () => readConfigIn("arch/x/config.in", (path) => Promise.resolve(files[path]));
  const why = async (symbol: string, wanted: string, settings: Record<string, string>) => {
    const dropped = { symbol, wanted, got: "n", origin: "t" };
    return explainConfigIn(dropped, await tree(), new Map(Object.entries(settings))).reason;
  };

  test("definitions with the ifs and caps around them", async () => {
    expect((await tree()).get("LONG")).toEqual([
      {
        file: "net/Config.in",
        line: 1,
        verb: "dep_tristate",
        conditions: ['[ "$CONFIG_ONE" = "y" -a "$CONFIG_TWO" != "n" ]'],
        caps: ["TWO", "THREE"],
      },
    ]);
    expect((await tree()).has("ODD")).toBe(false);
    expect((await tree()).get("NONE")?.[0]?.conditions[0]).toMatch(/^!\[/);
  });

  test("what was not met: an if, a cap, or nothing that is known", async () => {
    expect(await why("LONG", "y", { ONE: "y", TWO: "m", THREE: "y" })).toMatchObject({
      kind: "depends",
      unmet: ["TWO=m allows no more than m"],
    });
    expect(await why("PLAIN", "y", { ONE: "n", TWO: "y" })).toMatchObject({
      kind: "depends",
      unmet: ['[ "$CONFIG_ONE" = "y" -a "$CONFIG_TWO" != "n" ]'],
    });
    expect(await why("PLAIN", "y", { ONE: "y", TWO: "y" })).toMatchObject({ kind: "unexplained" });
    expect(await why("NONE", "n", {})).toMatchObject({ kind: "no-prompt" });
    expect(await why("NOT_LONG", "y", {})).toEqual({ kind: "unknown", near: [] });
  });
});

describe("rules without iptables", () => {
  const words = (text: string) => ruleWords(text.split(" "), 8);
  test.each([
    ["-A INPUT -p tcp --dport 25 -j TARPIT --tarpit", "INPUT tcp 0 25 0 0 TARPIT 0 0"],
    ["-A FORWARD -p tcp --dport 25 -j TARPIT --reset", "FORWARD tcp 0 25 0 0 TARPIT 8 2"],
    ["-A INPUT -p tcp --sport 25 --tcp-flags SYN,ACK ACK -j DROP", "INPUT tcp 25 0 18 16 DROP 0 0"],
  ])("%s", (args, expected) => expect(words(args)).toBe(expected));

  test("the cases have sizes that extensions send, and one that none does", () => {
    const sizes = olderRuleCases.map((one) => caseWords(one, 4).split(" ").at(-2));
    expect(new Set(sizes)).toEqual(new Set(["0", "4", "8"]));
    expect(olderRuleCases.filter(({ refused }) => refused)).toHaveLength(6);
  });

  test("conntrack's entries by the port of the original", () => {
    const line = (port: number) =>
      `tcp 6 117 SYN_SENT src=10.0.0.2 dst=10.0.0.1 sport=1025 dport=${port} src=10.0.0.1 dst=10.0.0.2 sport=${port} dport=7000 use=1`;
    expect(trackedPorts([line(7001), line(7008)], [7001, 7000])).toEqual([line(7001)]);
  });
});

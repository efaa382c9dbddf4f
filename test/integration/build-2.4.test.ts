import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeToy, type Ran, type Toy, toyKernel24, toyRelease24 } from "../support/toy.ts";

let toy: Toy;
beforeEach(() => {
  toy = makeToy(toyKernel24);
});
afterEach(() => toy.remove());

const base = (...more: string[]): string[] => [
  "build",
  "--arch",
  "toy",
  "--tree",
  toy.tree,
  "--out",
  toy.out,
  ...more,
];
const place = (suffix = ""): string => join(toy.out, `${toyRelease24}${suffix}-toy`);
const text = (name: string, suffix = ""): string => readFileSync(join(place(suffix), name), "utf8");
const metadata = (suffix = "") =>
  JSON.parse(text("metadata.json", suffix)) as Record<string, unknown>;
const ok = (ran: Ran): Ran => {
  if (ran.code !== 0) throw new Error(`exit ${ran.code}\n${ran.stderr}`);
  return ran;
};
const picture = (dir: string): string[] =>
  (readdirSync(dir, { recursive: true }) as string[]).toSorted().map((name) => {
    const info = statSync(join(dir, name));
    return `${name} ${info.isDirectory() ? "d" : `${info.size} ${info.mtimeMs}`}`;
  });
/** Lines of the log in which the compiler makes an object. */
const compiles = (): string[] =>
  text("build.log")
    .split("\n")
    .filter((line) => / -c -o /.test(line));

describe("build on a toy of Linux 2.4", () => {
  test("makes artifacts that verify, and leaves the user's tree alone", async () => {
    const before = picture(toy.tree);
    const ran = ok(await toy.run(base()));
    expect(ran.stdout).toBe(`${place()}\n`);
    expect(ran.stderr).toContain("not supported upstream");
    expect(picture(toy.tree)).toEqual(before);
    expect(readdirSync(place()).toSorted()).toEqual([
      "SHA256SUMS",
      "System.map",
      "build.log",
      "config",
      "image",
      "metadata.json",
      "modules.tar.gz",
      "provenance.json",
      "sbom.cdx.json",
      "vmlinux",
    ]);
    expect(metadata()).toMatchObject({
      generation: "2.4",
      kernel: { release: toyRelease24 },
      toolchain: { name: "gcc12", supportedUpstream: false },
      extraSeries: [{ name: "linux-2.4-gcc12" }],
      emulatorOnly: false,
    });
    // The base has it on, and nothing here can compute what it wants.
    expect(text("config")).toContain("# CONFIG_MODVERSIONS is not set");
    expect(text("config")).toContain("CONFIG_IP_NF_TARGET_TARPIT=m");
    const verified = ok(await toy.run(["verify", "--artifacts", toy.out, "--json"]));
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true });
  });

  test("what the build says of time and place is the epoch's and ours", async () => {
    ok(await toy.run(base(), { SOURCE_DATE_EPOCH: "1000000000" }));
    const image = readFileSync(join(place(), "vmlinux"), "latin1");
    expect(image).toMatch(
      /Linux version 2\.4\.36-toy \(tarpit-kit@tarpit-kit\) \(gcc\) #1 Sun Sep +9 01:46:40 UTC 2001/,
    );
    expect(image).not.toContain(toy.dir);
  });

  test("unchanged is seen; an edited source is compiled anew, in a new copy", async () => {
    ok(await toy.run(base()));
    expect(ok(await toy.run(base())).stderr).toContain("unchanged");
    writeFileSync(join(toy.tree, "kernel/sched.c"), "int schedule(void)\n{\n\treturn 0;\n}\n");
    const ran = await toy.run(base());
    // The toolchain's series no longer fits: refused, with the user's own tree named.
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(toy.tree);
  });

  test("a failed compile shows the compiler's error; the next run goes on where it stopped", async () => {
    const ran = await toy.run(base("--jobs", "1"), { FAIL: "sched.o" });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/sched\.c:\d+:\d+: error: .*nothing/);
    expect(existsSync(place())).toBe(false);
    ok(await toy.run(base("--jobs", "1")));
    expect(compiles().filter((line) => line.includes("sched.c"))).toHaveLength(1);
    expect(compiles().filter((line) => line.includes("ip_tables.c"))).toHaveLength(1);
    // Taken up again after it was complete: headers have one time, so make has nothing to do.
    for (const name of ["image", "config"]) {
      const path = join(place(), name);
      utimesSync(path, 1, 1);
    }
    ok(await toy.run(base("--jobs", "1")));
    expect(compiles().filter((line) => line.includes("sched.c"))).toHaveLength(0);
  });

  test("an emulator's profile has a release of its own, and its series is in nothing else", async () => {
    ok(await toy.run(base("--profile", "toy-2.4-emulator")));
    ok(await toy.run(base()));
    expect(readdirSync(toy.out).toSorted()).toEqual([
      ".tarpit-kit",
      "2.4.36-toy-emulator-toy",
      "2.4.36-toy-toy",
    ]);
    expect(metadata("-emulator")).toMatchObject({
      emulatorOnly: true,
      extraSeries: [{ name: "linux-2.4-gcc12" }, { name: "linux-2.4-emulator" }],
    });
    expect(text("config", "-emulator")).toContain("CONFIG_IP_NF_TARGET_TARPIT=y");
    const builds = readdirSync(join(toy.cacheDir, "builds")).filter(
      (name) => !name.includes("lock"),
    );
    const mains = builds.map((name) =>
      readFileSync(join(toy.cacheDir, "builds", name, "linux/init/main.c"), "utf8"),
    );
    expect(mains.filter((source) => source.includes("emulator"))).toHaveLength(1);
    expect(mains).toHaveLength(2);
    ok(await toy.run(["verify", "--artifacts", place("-emulator")]));
    ok(await toy.run(["verify", "--artifacts", place()]));
    const proved = await toy.run(["prove", "--artifacts", place()]);
    expect(proved.code).toBe(2);
  });

  test("--scope module compiles the one object", async () => {
    ok(await toy.run(base("--scope", "module")));
    expect(readdirSync(place()).toSorted()).toEqual([
      "SHA256SUMS",
      "build.log",
      "config",
      "ipt_TARPIT.o",
      "metadata.json",
      "provenance.json",
      "sbom.cdx.json",
    ]);
    expect(compiles().filter((line) => line.includes("sched.c"))).toHaveLength(0);
    ok(await toy.run(["verify", "--artifacts", toy.out]));
  });

  test("a compiler that its authors knew is used as it is; one that nobody knows is refused", async () => {
    const compiler = (version: string): string => {
      const path = join(toy.dir, `gcc-${version}`);
      writeFileSync(
        path,
        `#!/bin/sh\n[ "$1" = -dumpversion ] && echo ${version} && exit\nexec gcc "$@"\n`,
      );
      chmodSync(path, 0o755);
      return path;
    };
    const ran = ok(await toy.run(base("--cc", compiler("4.1.2"))));
    expect(ran.stderr).not.toContain("not supported");
    expect(metadata()).toMatchObject({
      toolchain: { name: null, supportedUpstream: true },
      extraSeries: [],
    });
    expect(text("build.log")).not.toContain("-fno-ipa-sra");
    const odd = await toy.run(base("--cc", compiler("8")));
    expect(odd.code).toBe(2);
    expect(odd.stderr).toMatch(/8 is no compiler for Linux 2\.4[\s\S]*2\.95\.3 to below 4\.2/);
  });

  test("a release that the toolchain profile does not build whole is refused, its module is not", async () => {
    const makefile = join(toy.tree, "Makefile");
    writeFileSync(
      makefile,
      readFileSync(makefile, "utf8").replace("SUBLEVEL = 36", "SUBLEVEL = 30"),
    );
    const ran = await toy.run(base());
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/does not build all of Linux 2\.4\.30[\s\S]*--scope module/);
    ok(await toy.run(base("--scope", "module")));
  });

  test("a module that does not fit its kernel is found", async () => {
    ok(await toy.run(base("--scope", "module")));
    const path = join(place(), "ipt_TARPIT.o");
    const wrong = readFileSync(path, "latin1").replace("2.4.36-toy", "2.4.35-toy");
    writeFileSync(path, wrong, "latin1");
    const ran = await toy.run(["verify", "--artifacts", toy.out]);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/is for kernel 2\.4\.35-toy, expected 2\.4\.36-toy/);
  });
});

describe("config on a toy of Linux 2.4", () => {
  const config = (...more: string[]): Promise<Ran> =>
    toy.run(["config", toy.tree, "--arch", "toy", ...more]);

  test("a request that oldconfig caps is told with the line that caps it, and the old .config stays", async () => {
    writeFileSync(join(toy.tree, ".config"), "CONFIG_MODULES=y\n");
    const ran = await config(
      "--base",
      "defconfig",
      "--set",
      "IP_NF_FILTER=m",
      "--set",
      "IP_NF_TARGET_TARPIT=y",
      "--set",
      "IP_NF_TARGET_REJECT=y",
    );
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("CONFIG_IP_NF_TARGET_REJECT: asked y (--set), got m");
    expect(ran.stderr).toMatch(/net\/ipv4\/netfilter\/Config\.in:\d+ depends on .*IP_NF_FILTER/);
    expect(ran.stderr).toContain("not met: IP_NF_FILTER=m allows no more than m");
    expect(readFileSync(join(toy.tree, ".config"), "utf8")).toBe("CONFIG_MODULES=y\n");
  });

  test("a symbol inside an if that is false, an unknown one, and one that cannot be", async () => {
    const dropped = await config("--base", "allnoconfig", "--set", "IP_NF_TARGET_MIRROR=m");
    expect(dropped.stderr).toMatch(/not met: \[ "\$CONFIG_(EXPERIMENTAL|NET)" = "y" \]/);
    const unknown = await config("--base", "defconfig", "--set", "IP_NF_TARGET_REJEKT=m");
    expect(unknown.code).toBe(2);
    const forbidden = await config("--base", "defconfig", "--set", "MODVERSIONS=y");
    expect(forbidden.code).toBe(2);
    expect(forbidden.stderr).toContain("genksyms");
  });

  test("a base that 2.4 has not, and a profile of another generation, are refused", async () => {
    expect((await config("--base", "tinyconfig")).code).toBe(2);
    const wrong = await config("--profile", "toy");
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("profile toy is for kernels of kbuild");
  });
});

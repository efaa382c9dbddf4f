import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeToy, type Ran, type Toy, toyRelease } from "../support/toy.ts";

let toy: Toy;
beforeEach(() => {
  toy = makeToy();
});
afterEach(() => toy.remove());

const base = (): string[] => ["build", "--arch", "toy", "--tree", toy.tree, "--out", toy.out];
const place = (): string => join(toy.out, `${toyRelease}-toy`);
const log = (): string => readFileSync(join(place(), "build.log"), "utf8");
const metadata = (): Record<string, unknown> =>
  JSON.parse(readFileSync(join(place(), "metadata.json"), "utf8")) as Record<string, unknown>;
const ok = (ran: Ran): Ran => {
  expect(ran.stderr + ran.stdout, "the run's words").toContain("");
  if (ran.code !== 0) throw new Error(`exit ${ran.code}\n${ran.stderr}`);
  return ran;
};
/** Everything below a directory: names, sizes and times. */
const picture = (dir: string): string[] =>
  (readdirSync(dir, { recursive: true }) as string[]).toSorted().map((name) => {
    const info = statSync(join(dir, name));
    return `${name} ${info.isDirectory() ? "d" : `${info.size} ${info.mtimeMs}`}`;
  });

describe("build on a toy kernel", () => {
  test("makes artifacts that verify, prints exactly one line, and leaves the user's tree alone", async () => {
    const before = picture(toy.tree);
    const ran = ok(await toy.run(base()));
    expect(ran.stdout).toBe(`${place()}\n`);
    expect(picture(toy.tree)).toEqual(before);
    expect(readdirSync(place()).toSorted()).toEqual([
      "SHA256SUMS",
      "System.map",
      "build.log",
      "config",
      "extensions",
      "image",
      "metadata.json",
      "modules.tar.gz",
      "provenance.json",
      "sbom.cdx.json",
      "vmlinux",
    ]);
    expect(metadata()).toMatchObject({
      version: 1,
      arch: "toy",
      scope: "kernel",
      kernel: { release: toyRelease },
    });
    ok(await toy.run(["verify", "--artifacts", toy.out]));
  });

  test("a second run with nothing changed does nothing and says so; a changed file, and a damaged artifact, are built again", async () => {
    ok(await toy.run(base()));
    const before = picture(place());
    const again = ok(await toy.run(base()));
    expect(again.stderr).toContain("unchanged");
    expect(picture(place())).toEqual(before);
    writeFileSync(join(toy.tree, "net/core.c"), "int net_core = 2;\n");
    expect(ok(await toy.run(base())).stderr).not.toContain("unchanged");
    rmSync(join(place(), "image"));
    ok(await toy.run(base()));
    expect(existsSync(join(place(), "image"))).toBe(true);
  });

  test("cache verify: a patched tree that was changed behind our back goes, and is made again", async () => {
    const tar = join(toy.dir, "toy.tar");
    execFileSync("tar", ["-cf", tar, "-C", toy.dir, "linux"]);
    const build = ["build", "--arch", "toy", "--kernel", tar, "--out", toy.out];
    ok(await toy.run(build));
    const verify = async () => (await toy.run(["cache", "verify"])).stdout;
    expect(await verify()).toMatch(/^ok +trees\/\w+: its source and the series$/m);
    const trees = join(toy.cacheDir, "trees");
    const [name = ""] = readdirSync(trees);
    const changed = join(trees, name, "linux/net/core.c");
    rmSync(changed);
    writeFileSync(changed, "int net_core = 3;\n");
    expect(await verify()).toMatch(/^damaged +trees\/.*core\.c .*differ; removed$/m);
    expect(existsSync(join(trees, name))).toBe(false);
    rmSync(join(place(), "image"));
    ok(await toy.run(build));
    expect(readdirSync(trees)).toEqual([name]);
    expect((await toy.run(["cache", "gc", "--max-size", "0", "--json"])).stdout).toContain(
      '"busy":false',
    );
    expect(readdirSync(trees)).toEqual([]);
  });

  test("a cached tree that somebody wrote into is noticed and made again, its source too: the bytes are those of the source", async () => {
    const tar = join(toy.dir, "toy.tar");
    execFileSync("tar", ["-cf", tar, "-C", toy.dir, "linux"]);
    const build = ["build", "--arch", "toy", "--kernel", tar, "--out", toy.out];
    ok(await toy.run(build));
    const image = readFileSync(join(place(), "image"));
    const [name = ""] = readdirSync(join(toy.cacheDir, "trees"));
    const cached = join(toy.cacheDir, "trees", name, "linux");
    const again = async (): Promise<string> => {
      rmSync(join(place(), "image"));
      const { stderr } = ok(await toy.run(build));
      expect(readFileSync(join(place(), "image")).equals(image)).toBe(true);
      return stderr;
    };
    expect(await again()).not.toContain("made again");
    // Through the hard link, so that the source has it as well.
    writeFileSync(join(cached, "net/core.c"), "int net_core = 99;\n");
    const words = await again();
    expect(words).toContain("was changed: it is made again");
    expect(words).toContain(
      "the cached source was changed since it was unpacked: it is fetched again",
    );
    // A file that only the patched tree has.
    writeFileSync(join(cached, "net/netfilter/xt_TARPIT.c"), "int broken;\n");
    expect(await again()).toContain("was changed: it is made again");
  });

  test("a cached build whose image was damaged is noticed, by the next run and by cache verify", async () => {
    ok(await toy.run(base()));
    const image = readFileSync(join(place(), "image"));
    const builds = join(toy.cacheDir, "builds");
    const name = readdirSync(builds).find((one) => !one.endsWith(".lock")) ?? "";
    const cached = join(builds, name, "arch/toy/boot/image");
    const { mtime, atime } = statSync(cached);
    const damage = () => {
      writeFileSync(cached, Buffer.concat([image, Buffer.from("!")]));
      utimesSync(cached, atime, mtime);
      rmSync(join(place(), "image"), { force: true });
    };
    damage();
    expect(ok(await toy.run(base())).stderr).toContain("is damaged: it is made again");
    expect(readFileSync(join(place(), "image")).equals(image)).toBe(true);
    expect((await toy.run(["cache", "verify"])).stdout).toMatch(/^ok +builds\/toy-\w+: images/m);
    damage();
    expect((await toy.run(["cache", "verify"])).stdout).toMatch(/^damaged +builds\/.*; removed$/m);
    expect(existsSync(join(builds, name))).toBe(false);
  });

  test("the cache is brought within TARPIT_KIT_CACHE_SIZE after a build, once a day", async () => {
    ok(await toy.run(base(), { TARPIT_KIT_CACHE_SIZE: "0" }));
    const kept = () => ["trees", "builds"].flatMap((kind) => readdirSync(join(toy.cacheDir, kind)));
    expect(kept().filter((name) => !name.endsWith(".lock"))).toEqual([]);
    rmSync(join(place(), "image"));
    ok(await toy.run(base(), { TARPIT_KIT_CACHE_SIZE: "0" }));
    expect(kept().filter((name) => !name.endsWith(".lock")).length).toBe(2);
    const odd = await toy.run([...base(), "--set", "NETFILTER_ADVANCED=y"], {
      TARPIT_KIT_CACHE_SIZE: "much",
    });
    expect(ok(odd).stderr).toContain("TARPIT_KIT_CACHE_SIZE=much is no size");
  });

  test("a failed compile shows the compiler's error first, not the log; the next run goes on", async () => {
    const broken = join(toy.tree, "net/ipv4.c");
    writeFileSync(broken, "int net_ipv4 = ;\n");
    const ran = await toy.run(base());
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/net\/ipv4\.c:1:\d+: error: expected expression/);
    expect(ran.stderr.split("\n").length).toBeLessThan(30);
    expect(existsSync(place())).toBe(false);
    writeFileSync(broken, "int net_ipv4;\n");
    ok(await toy.run(base()));
  });

  test("warnings are collected with file and line, in the result and in metadata", async () => {
    writeFileSync(join(toy.tree, "net/core.c"), "#warning odd weather\nint net_core;\n");
    const ran = ok(await toy.run([...base(), "--json"]));
    const [result] = (
      JSON.parse(ran.stdout) as {
        results: { warnings: { file: string; line: number; message: string }[] }[];
      }
    ).results;
    expect(result?.warnings).toMatchObject([{ line: 1, message: "#warning odd weather" }]);
    expect(result?.warnings[0]?.file).toMatch(/net\/core\.c$/);
    expect(String(metadata()["warnings"])).toContain("odd weather");
  });

  test("Ctrl-C ends the children with exit 130, and the same command goes on where it stopped", async () => {
    slow("0.4");
    const first = toy.start([...base(), "--jobs", "1"]);
    await first.until("kernel");
    await compiled(2);
    first.child.kill("SIGINT");
    const ran = await first.done;
    expect(ran.code).toBe(130);
    expect(ran.stderr).toContain("interrupted");
    expect(children()).toEqual([]);
    const again = ok(await toy.run(base()));
    expect(again.stderr).toContain("built");
    expect(log().match(/ CC /g)?.length).toBeLessThan(6);
  });

  test("kill -9 in the middle of compiling: nothing half made appears, make ends too, the same command succeeds", async () => {
    slow("0.4");
    const first = toy.start([...base(), "--jobs", "1"]);
    await first.until("kernel");
    await compiled(2);
    first.child.kill("SIGKILL");
    await first.done;
    expect(existsSync(place())).toBe(false);
    ok(await toy.run(base()));
    ok(await toy.run(["verify", "--artifacts", toy.out]));
    expect(children()).toEqual([]);
  });

  test("two builds for one output directory exclude each other", async () => {
    slow("0.5");
    const first = toy.start([...base(), "--jobs", "1"]);
    await first.until("kernel");
    const second = await toy.run(base());
    expect(second.code).toBe(3);
    expect(second.stderr).toMatch(/another build is at work/);
    expect(second.stderr).toContain("--out");
    first.child.kill("SIGINT");
    await first.done;
  });

  /** Makes each file of the toy take a while, by the Makefile's own switch. */
  function slow(seconds: string): void {
    const makefile = join(toy.tree, "Makefile");
    writeFileSync(
      makefile,
      readFileSync(makefile, "utf8").replace("srctree :=", `SLOW := ${seconds}\nsrctree :=`),
    );
  }
  const buildLog = (): string => {
    const builds = join(toy.cacheDir, "builds");
    const dir = existsSync(builds)
      ? readdirSync(builds).find((name) => name.startsWith("toy-") && !name.endsWith(".lock"))
      : undefined;
    const path = join(builds, dir ?? "", "build.log");
    return dir && existsSync(path) ? readFileSync(path, "utf8") : "";
  };
  const compiled = async (files: number): Promise<void> => {
    for (let tries = 0; tries < 400; tries += 1) {
      if ((buildLog().match(/ CC /g)?.length ?? 0) >= files) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("nothing was compiled");
  };
  /** make processes that work on this toy. */
  const children = (): string[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        } catch {
          return "";
        }
      })
      .filter((line) => line.startsWith("make") && line.includes(toy.dir));
});

describe("bad input to build", () => {
  const refused = async (
    args: string[],
    code: number,
    ...words: (string | RegExp)[]
  ): Promise<Ran> => {
    const ran = await toy.run(args);
    expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code });
    for (const word of words) expect(ran.stderr).toMatch(word);
    expect(ran.stderr).toMatch(/^error: /m);
    expect(ran.stderr).toMatch(/next: {2}\S/);
    expect(ran.stdout).toBe("");
    return ran;
  };

  test("unknown arch, profile, kernel, and a tree that is none", async () => {
    await refused(["build", "--arch", "vax", "--tree", toy.tree], 2, "vax", "toy");
    await refused([...base(), "--profile", "nope"], 2, "nope", "choose one of: toy");
    await refused(["build", "--arch", "toy", "--kernel", "7.x"], 2, "7.x");
    // Refused for want of a series, not for want of a network: nothing is fetched.
    await refused(["build", "--arch", "toy", "--kernel", "5.10.1"], 2, "5.10.1", "6.1");
    mkdirSync(join(toy.dir, "empty"));
    await refused(["build", "--arch", "toy", "--tree", join(toy.dir, "empty")], 2, "kernel");
    const makefile = join(toy.tree, "Makefile");
    writeFileSync(
      makefile,
      readFileSync(makefile, "utf8").replace("PATCHLEVEL = 1", "PATCHLEVEL = 99"),
    );
    await refused(base(), 2, "6.99", "6.1");
  });

  test("local changes where the series has to go: named in the user's own tree, and nothing is left", async () => {
    const kconfig = join(toy.tree, "net/netfilter/Makefile");
    writeFileSync(kconfig, "# mine\n");
    const ran = await refused(base(), 1, "net/netfilter/Makefile");
    expect(ran.stderr).not.toContain(".draft");
    expect(existsSync(place())).toBe(false);
    expect(readFileSync(kconfig, "utf8")).toBe("# mine\n");
  });

  test("a half patched tree is told from one with local changes", async () => {
    const makefile = join(toy.tree, "net/netfilter/Makefile");
    const line = "objs-$(CONFIG_NETFILTER_XT_TARGET_TARPIT) += xt_TARPIT.o\n";
    writeFileSync(makefile, readFileSync(makefile, "utf8") + line);
    await refused(base(), 1, "has a part of linux-6.1", "net/netfilter/Makefile");
  });

  test("a missing compiler is the doctor's business", async () => {
    await refused([...base(), "--cross-compile", "nowhere-linux-gnu-"], 3, "nowhere-linux-gnu-gcc");
  });

  test("a symbol that does not exist, and one that is dropped, are named with what they need", async () => {
    const fragment = join(toy.dir, "own.config");
    writeFileSync(fragment, "# mine\nCONFIG_NETFILTER_XTABLE=y\n");
    await refused(
      [...base(), "--fragment", fragment],
      2,
      "NETFILTER_XTABLE",
      "near: NETFILTER_XTABLES",
      "own.config:2",
    );
    await refused([...base(), "--set", "INET=n"], 1, "INET");
    await refused([...base(), "--base", join(toy.dir, "gone.config")], 2, "gone.config");
  });

  test("a kernel without modules has the target built in", async () => {
    const wanted = ["MODULES=n", "IP_NF_TARGET_TARPIT=y", "IP6_NF_TARGET_TARPIT=y"];
    ok(await toy.run([...base(), ...wanted.flatMap((one) => ["--set", one])]));
    expect(readFileSync(join(place(), "config"), "utf8")).toContain("CONFIG_IP_NF_TARGET_TARPIT=y");
    ok(await toy.run(["verify", "--artifacts", toy.out]));
  });

  test("the owner's own .config is a base; what is in it stays", async () => {
    const own = join(toy.dir, "own.config");
    writeFileSync(
      own,
      "CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_INET=y\nCONFIG_IPV6=y\nCONFIG_NETFILTER=y\nCONFIG_NETFILTER_XTABLES=m\nCONFIG_IP_NF_IPTABLES=m\nCONFIG_NETFILTER_XT_TARGET_TCPMSS=m\n",
    );
    ok(await toy.run([...base(), "--base", own]));
    const config = readFileSync(join(place(), "config"), "utf8");
    expect(config).toContain("CONFIG_NETFILTER_XT_TARGET_TCPMSS=m");
    expect(config).toContain("CONFIG_NETFILTER_XTABLES=m");
    expect(config).toContain("CONFIG_IP_NF_TARGET_TARPIT=m");
  });

  test("an output directory that is a file, or holds something that is not ours", async () => {
    writeFileSync(join(toy.dir, "file"), "");
    await refused(
      ["build", "--arch", "toy", "--tree", toy.tree, "--out", join(toy.dir, "file")],
      2,
      "file",
    );
    mkdirSync(place(), { recursive: true });
    writeFileSync(join(place(), "precious"), "keep me");
    await refused(base(), 2, "was not made by tarpit-kit");
    expect(readFileSync(join(place(), "precious"), "utf8")).toBe("keep me");
  });

  test("another build's artifacts move aside when a different one takes their place", async () => {
    ok(await toy.run(base()));
    const first = readFileSync(join(place(), "config"), "utf8");
    ok(await toy.run([...base(), "--set", "NETFILTER_ADVANCED=y"]));
    const previous = join(toy.out, ".tarpit-kit/previous");
    const [kept] = readdirSync(previous);
    expect(readFileSync(join(previous, kept ?? "", "config"), "utf8")).toBe(first);
    expect(readFileSync(join(place(), "config"), "utf8")).not.toBe(first);
  });

  test("a cache that cannot be made is the environment's trouble", async () => {
    writeFileSync(join(toy.dir, "no-cache"), "");
    const ran = await toy.run(base(), { TARPIT_KIT_CACHE: join(toy.dir, "no-cache/x") });
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain("no-cache");
  });
});

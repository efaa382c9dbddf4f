import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeToy, type Ran, type Toy, toyRelease } from "../support/toy.ts";

let toy: Toy;
beforeEach(() => {
  toy = makeToy();
});
afterEach(() => toy.remove());

const base = (out = toy.out): string[] => [
  ...["build", "--arch", "toy", "--tree", toy.tree],
  ...["--out", out],
];
const place = (out = toy.out): string => join(out, `${toyRelease}-toy`);
const ok = (ran: Ran): Ran => {
  if (ran.code !== 0) throw new Error(`exit ${ran.code}\n${ran.stderr}`);
  return ran;
};
const refused = async (args: string[], code: number, word: string | RegExp): Promise<Ran> => {
  const ran = await toy.run(args);
  expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code });
  expect(ran.stderr).toMatch(word);
  expect(ran.stderr).toMatch(/next: {2}\S/);
  return ran;
};
/** The program in a shell, for what only a shell can set up. */
const inShell = (script: string, ...args: string[]) =>
  spawnSync("sh", ["-c", script, "sh", process.execPath, bin(), ...args], {
    encoding: "utf8",
    cwd: toy.dir,
    env: { ...process.env, NO_COLOR: "1", TARPIT_KIT_CACHE: toy.cacheDir },
  });
const bin = (): string => join(toy.packageRoot, "dist/bin.js");

describe("names from outside do not become paths", () => {
  test("the key in a foreign metadata.json", async () => {
    const out = join(toy.dir, "deep/er/out");
    mkdirSync(place(out), { recursive: true });
    writeFileSync(join(toy.dir, "deep/precious"), "keep me");
    writeFileSync(join(place(out), "metadata.json"), '{"key":"/../../../.."}');
    await refused(base(out), 2, "was not made by tarpit-kit");
    expect(existsSync(join(toy.dir, "deep/precious"))).toBe(true);
    expect(existsSync(place(out))).toBe(true);
  });

  test("the release that a tree gives itself", async () => {
    const makefile = join(toy.tree, "Makefile");
    const text = readFileSync(makefile, "utf8");
    writeFileSync(makefile, text.replace("EXTRAVERSION =", "EXTRAVERSION :=/../../x"));
    await refused(base(), 2, "cannot be a kernel's release");
    expect(readdirSync(toy.out)).toEqual([".tarpit-kit"]);
  });

  test("tools that make or a shell would expand", async () => {
    for (const [option, value] of [
      ["--cc", "gcc;id"],
      ["--cross-compile", "$(shell touch pwned)"],
      ["--launcher", "-x"],
    ] as const) {
      await refused([...base(), `${option}=${value}`], 2, "one plain word");
      const config = ["config", toy.tree, "--arch", "toy", `${option}=${value}`];
      if (option !== "--launcher") await refused(config, 2, "one plain word");
    }
    expect(existsSync(join(toy.dir, "pwned"))).toBe(false);
  });
});

describe("where things are", () => {
  test("a relative cache; an out of any name, through a link; a tree through a link", async () => {
    const odd = join(toy.dir, "sp ace/ü'q\"");
    mkdirSync(odd, { recursive: true });
    symlinkSync(odd, join(toy.dir, "link"));
    symlinkSync(toy.tree, join(toy.dir, "tree"));
    const args = ["build", "--arch", "toy", "--tree", "tree", "--out", "link/o ut"];
    const ran = ok(await toy.run(args, { TARPIT_KIT_CACHE: "kept here/../cache" }));
    expect(ran.stdout).toBe(`${place(join(toy.dir, "link/o ut"))}\n`);
    expect(existsSync(join(place(join(odd, "o ut")), "image"))).toBe(true);
    expect(existsSync(join(toy.dir, "cache/trees"))).toBe(true);
  });

  test("a cache in which kbuild cannot work is refused before anything is done", async () => {
    const ran = await toy.run(base(), { TARPIT_KIT_CACHE: join(toy.dir, "a b") });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/space.*\n.*a b \(the cache\)\n.*TARPIT_KIT_CACHE/);
    expect(existsSync(join(toy.dir, "a b"))).toBe(false);
  });

  test("an output directory that was copied is its own; what is remembered of it may be damaged", async () => {
    ok(await toy.run(base()));
    const copy = join(toy.dir, "copy");
    execFileSync("cp", ["-a", toy.out, copy]);
    const again = ok(await toy.run(base(copy)));
    expect(again.stderr).toContain("unchanged");
    expect(again.stdout).toBe(`${place(copy)}\n`);
    const corner = join(copy, ".tarpit-kit");
    for (const name of readdirSync(corner).filter((one) => one.endsWith(".json")))
      writeFileSync(join(corner, name), '{"key');
    expect(ok(await toy.run(base(copy))).stderr).toContain("built");
  });

  test("the current directory is gone", () => {
    const gone = inShell('mkdir gone && cd gone && rmdir ../gone && "$1" "$2" doctor');
    expect(gone.status).toBe(3);
    expect(gone.stderr).toContain("current directory");
  });
});

describe("stdout", () => {
  test("--json gives one object for a command line that is wrong, too", async () => {
    for (const [args, command] of [
      [["--json", "build"], "build"],
      [["nope", "--json"], "tarpit-kit"],
      [["--json"], "tarpit-kit"],
      [["build", "--arch", "toy", "--jobs", "0", "--json"], "build"],
      [["completion", "tcsh", "--json"], "completion"],
      [["patch", toy.tree, "--fuzz", "", "--json"], "patch"],
    ] as const) {
      const ran = await toy.run(args);
      expect(ran.code).toBe(2);
      expect(JSON.parse(ran.stdout)).toMatchObject({
        version: 1,
        command,
        ok: false,
        error: { code: "usage" },
      });
    }
  });

  test("a full disk under it is told; a reader that has gone is not", () => {
    const full = inShell('"$1" "$2" completion bash >/dev/full');
    expect(full.status).toBe(3);
    expect(full.stderr).toMatch(/^error: the disk is full\n {2}where: standard output/);
    const gone = inShell('{ "$1" "$2" completion bash; echo "exit $?" >&2; } | true');
    expect(gone.stderr).toBe("exit 0\n");
  });

  test("--verbose shows every command line, and --quiet none", async () => {
    const ran = ok(await toy.run([...base(), "--verbose"]));
    expect(ran.stderr).toMatch(/\$ .*make -C \S+ O=\S+ ARCH=toy/);
    expect(ran.stderr).toMatch(/\$ find .* \| LC_ALL=C sort -z \| sha256sum/);
    rmSync(toy.out, { recursive: true });
    expect(ok(await toy.run([...base(), "--quiet"])).stderr).toBe("");
  });
});

describe("modules.tar.gz", () => {
  test("unpacked at / it touches nothing but the release's own directory, whatever our umask was", () => {
    const ran = inShell(
      'umask 077; "$1" "$2" build --arch toy --tree "$3" --out "$4"',
      toy.tree,
      toy.out,
    );
    expect(ran.stderr).toContain("built");
    const list = execFileSync("tar", ["-tvzf", join(place(), "modules.tar.gz")], {
      encoding: "utf8",
    });
    const lines = list.trim().split("\n");
    for (const line of lines) {
      expect(line).toContain(` lib/modules/${toyRelease}/`);
      expect(line).toMatch(/^(drwxr-xr-x|-rw-r--r--) 0\/0 /);
    }
    // As on a merged-/usr system, where /lib is a link.
    const root = join(toy.dir, "root");
    mkdirSync(join(root, "usr/lib"), { recursive: true });
    symlinkSync("usr/lib", join(root, "lib"));
    execFileSync("tar", ["-C", root, "-xzf", join(place(), "modules.tar.gz")]);
    expect(existsSync(join(root, "usr/lib/modules", toyRelease, "modules.dep"))).toBe(true);
  });
});

describe("a base configuration", () => {
  const own = [
    ...["MODULES", "NET", "INET", "IPV6", "NETFILTER"].map((name) => `CONFIG_${name}=y`),
    ...["NETFILTER_XTABLES", "IP_NF_IPTABLES"].map((name) => `CONFIG_${name}=m`),
    "",
  ];

  test("with CRLF, packed, through a link: the same configuration", async () => {
    writeFileSync(join(toy.dir, "crlf"), own.join("\r\n"));
    writeFileSync(join(toy.dir, "packed"), gzipSync(own.join("\n")));
    symlinkSync("packed", join(toy.dir, "linked"));
    const made = [];
    for (const name of ["crlf", "packed", "linked"]) {
      ok(await toy.run([...base(), "--base", name]));
      made.push(readFileSync(join(place(), "config"), "utf8"));
    }
    expect(made[0]).toContain("CONFIG_NETFILTER_XTABLES=m\n");
    expect(new Set(made).size).toBe(1);
  });

  test("that is cut off, or another arch's, is refused", async () => {
    writeFileSync(join(toy.dir, "cut"), gzipSync(own.join("\n")).subarray(0, 30));
    await refused([...base(), "--base", "cut"], 2, "cannot be unpacked");
    const title =
      "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.1.0 Kernel Configuration\n#\n";
    writeFileSync(join(toy.dir, "x86"), title + own.join("\n"));
    await refused([...base(), "--base", "x86"], 2, "is for x86, not for toy");
  });
});

test("options that contradict each other are refused, and no output directory is made for them", async () => {
  const build = ["build", "--arch", "toy", "--out", toy.out];
  for (const [more, word] of [
    [["--against", "h", "--tree", toy.tree], "--against takes source and configuration"],
    [["--against", "h", "--set", "A=y"], "--against --set"],
    [["--kernel", "6.1", "--tree", toy.tree], "both name the source"],
    [["--userland", "32"], "no 32-bit userland"],
    [["--profile", "none"], 'unknown profile "none"'],
  ] as const) {
    await refused([...build, ...more], 2, word);
    expect(existsSync(toy.out)).toBe(false);
  }
});

test("config: a tree that kconfig cannot be compiled in, and a base that the tree does not have", async () => {
  const config = ["config", toy.tree, "--arch", "toy", "--base"];
  await refused([...config, "none_defconfig"], 2, 'no base configuration "none_defconfig"');
  const makefile = join(toy.tree, "Makefile");
  const says = (words: string): void =>
    writeFileSync(
      makefile,
      `VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 9\ndefconfig:\n\t@echo "${words}" >&2; false\n`,
    );
  says("mkdir: x: Permission denied");
  await refused([...config, "defconfig"], 3, "the tree cannot be written");
  says("ld: final link failed: No space left on device");
  await refused([...config, "defconfig"], 3, "the disk is full");
  says("kaputt");
  await refused([...config, "defconfig"], 1, "kaputt");
});

describe("other runs", () => {
  test("three at once on one cache and tree: they wait for each other and make the same", async () => {
    const outs = ["one", "two", "three"].map((name) => join(toy.dir, name));
    const runs = await Promise.all(outs.map((out) => toy.run(base(out))));
    for (const ran of runs) ok(ran);
    const images = outs.map((out) => readFileSync(join(place(out), "modules.tar.gz"), "hex"));
    expect(new Set(images).size).toBe(1);
    for (const out of outs) ok(await toy.run(["verify", "--artifacts", out]));
  });

  test("Ctrl-C while waiting for one, and in a download, ends at once with 130", async () => {
    const makefile = join(toy.tree, "Makefile");
    const text = readFileSync(makefile, "utf8");
    writeFileSync(makefile, text.replace("srctree :=", "SLOW := 3\nsrctree :="));
    const first = toy.start([...base(), "--jobs", "1"]);
    await first.until("kernel");
    const second = toy.start(base(join(toy.dir, "second")));
    await second.until("waiting for another run");
    second.child.kill("SIGINT");
    expect((await second.done).code).toBe(130);
    first.child.kill("SIGINT");
    expect((await first.done).code).toBe(130);

    let asked: () => void = () => undefined;
    const request = new Promise<void>((resolve) => (asked = resolve));
    const server = createServer((_, answer) => {
      answer.writeHead(200, { "content-length": "1000000" });
      answer.write("slow");
      asked();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/linux-6.1.tar.xz#sha256=${"0".repeat(64)}`;
    const fetching = toy.start(["fetch", url]);
    await request;
    fetching.child.kill("SIGINT");
    const ran = await fetching.done;
    server.closeAllConnections();
    server.close();
    expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 130 });
  });
});

test("a build that fails on its way to the artifacts leaves nothing in the output directory", async () => {
  const broken = join(toy.packageRoot, "extensions/libxt_TARPIT.c");
  cpSync(broken, `${broken}.kept`);
  writeFileSync(broken, "#error no\n");
  expect((await toy.run(base())).code).toBe(1);
  const left = readdirSync(join(toy.out, ".tarpit-kit"));
  expect(left.filter((name) => name.startsWith("stage-"))).toEqual([]);
  expect(statSync(toy.out).isDirectory()).toBe(true);
});

import { spawn, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTwoFilesPatch } from "diff";
import type { Arch } from "../../src/core/arch.ts";
import { hostArch, root } from "./artifacts.ts";

const fixtures = join(root, "test/fixtures");
export const toyKernel = join(fixtures, "toy-kernel");
export const toyRelease = "6.1.999";
/** The same in the manner of Linux 2.4. */
export const toyKernel24 = join(fixtures, "toy-kernel-2.4");
export const toyRelease24 = "2.4.36-toy";

/** The package with a toy architecture, profile and series instead of the real ones: what the program itself is, it is. */
export interface Toy {
  readonly dir: string;
  readonly packageRoot: string;
  readonly cacheDir: string;
  /** A copy of the toy kernel tree that may be written into. */
  readonly tree: string;
  readonly out: string;
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Started;
  remove(): void;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly done: Promise<Ran>;
  /** Resolves when stderr holds the text. */
  until(text: string): Promise<void>;
}

export function makeToy(kernel: string = toyKernel): Toy {
  const dir = mkdtempSync(join(tmpdir(), "tk-toy-"));
  const packageRoot = join(dir, "package");
  cpSync(join(fixtures, "toy-package"), packageRoot, { recursive: true });
  for (const name of ["dist", "package.json", "extensions"]) {
    cpSync(join(root, name), join(packageRoot, name), { recursive: true });
  }
  cpSync(join(root, "data/requirements.json"), join(packageRoot, "data/requirements.json"));
  for (const name of ["launchers", "generations", "toolchains"])
    cpSync(join(root, "data", name), join(packageRoot, "data", name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(packageRoot, "node_modules"));
  mkdirSync(join(packageRoot, "data/arches"), { recursive: true });
  writeFileSync(join(packageRoot, "data/arches/toy.json"), JSON.stringify(toyArch()));
  writeSeries(join(packageRoot, "patches"));
  writeSeries24(join(packageRoot, "patches"));
  const tree = join(dir, "linux");
  cpSync(kernel, tree, { recursive: true });
  const cacheDir = join(dir, "cache");
  const start = starter(packageRoot, cacheDir, dir);
  return {
    dir,
    packageRoot,
    cacheDir,
    tree,
    out: join(dir, "out"),
    start,
    run: (args, env) => start(args, env).done,
    remove: () => {
      chmodSync(dir, 0o755);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** This machine under another name: its own compiler, one userland, the toy tree's paths. */
function toyArch(): Arch {
  const host = hostArch();
  const { qemu: _qemu, ...arch } = host;
  return {
    ...arch,
    name: "toy",
    makeArch: "toy",
    srcArch: "toy",
    targets: ["vmlinux", "image", "modules"],
    bootImage: "arch/toy/boot/image",
    bootImageName: "image",
    defaultProfile: "toy",
    generations: { "2.4": { defaultProfile: "toy-2.4" } },
    abis: host.abis.slice(0, 1),
  };
}

const read = (...path: string[]): string => readFileSync(join(...path), "utf8");

/** A series in the shape of the real one: a new file, Kconfig and Makefile hunks. */
function writeSeries(patches: string): void {
  const change = (path: string, edit: (text: string) => string): string => {
    const before = read(toyKernel, path);
    return createTwoFilesPatch(`a/${path}`, `b/${path}`, before, edit(before), "", "");
  };
  const entry = (symbol: string): string =>
    `\nconfig ${symbol}\n\ttristate "TARPIT target support"\n\tdepends on NETFILTER_XTABLES\n\tselect NETFILTER_XT_TARGET_TARPIT\n`;
  const parts = [
    createTwoFilesPatch("/dev/null", "b/net/netfilter/xt_TARPIT.c", "", moduleSource(), "", ""),
    change(
      "net/netfilter/Makefile",
      (text) => `${text}objs-$(CONFIG_NETFILTER_XT_TARGET_TARPIT) += xt_TARPIT.o\n`,
    ),
    change(
      "net/netfilter/Kconfig",
      (text) => `${text}\nconfig NETFILTER_XT_TARGET_TARPIT\n\ttristate\n`,
    ),
    change(
      "net/ipv4/netfilter/Kconfig",
      (text) => text + entry("IP_NF_TARGET_TARPIT") + entry("IP6_NF_TARGET_TARPIT"),
    ),
  ];
  mkdirSync(join(patches, "common"), { recursive: true });
  writeFileSync(
    join(patches, "common/toy.patch"),
    `A toy of the target.\n\nSigned-off-by: Test <test@example.org>\n\n${parts.join("")}`,
  );
  writeFileSync(join(patches, "linux-6.1.series"), "common/toy.patch\n");
  const line = {
    line: "6.1",
    range: ">=6.1 <6.2",
    series: "linux-6.1.series",
    verified: [toyRelease],
  };
  const older = {
    line: "2.4",
    range: ">=2.4.0 <=2.4.37.11",
    series: "linux-2.4.series",
    verified: [toyRelease24],
  };
  writeFileSync(join(patches, "manifest.json"), JSON.stringify({ lines: [older, line] }));
}

/** The target of 2.4 as data and no code, and the series that toolchain and emulator put on top. */
function writeSeries24(patches: string): void {
  const change = (path: string, from: string, to: string): string => {
    const before = read(toyKernel24, path);
    if (!before.includes(from)) throw new Error(`${path} has no ${from}`);
    return createTwoFilesPatch(`a/${path}`, `b/${path}`, before, before.replace(from, to), "", "");
  };
  const write = (name: string, parts: readonly string[]): void => {
    const text = `A toy.\n\nSigned-off-by: Test <test@example.org>\n\n${parts.join("")}`;
    writeFileSync(join(patches, "common", `${name}.patch`), text);
    writeFileSync(join(patches, `${name}.series`), `common/${name}.patch\n`);
  };
  const directory = "net/ipv4/netfilter";
  const reject = "CONFIG_IP_NF_TARGET_REJECT $CONFIG_IP_NF_FILTER\n";
  write("linux-2.4", [
    createTwoFilesPatch("/dev/null", `b/${directory}/ipt_TARPIT.c`, "", moduleSource24, "", ""),
    change(
      `${directory}/Config.in`,
      reject,
      `${reject}    dep_tristate '    TARPIT target support' CONFIG_IP_NF_TARGET_TARPIT $CONFIG_IP_NF_FILTER\n`,
    ),
    change(
      `${directory}/Makefile`,
      "obj-$(CONFIG_IP_NF_TARGET_TOS)",
      "obj-$(CONFIG_IP_NF_TARGET_TARPIT) += ipt_TARPIT.o\nobj-$(CONFIG_IP_NF_TARGET_TOS)",
    ),
  ]);
  write("linux-2.4-gcc12", [change("kernel/sched.c", "return 0", "return 0 /* gcc12 */")]);
  write("linux-2.4-emulator", [change("init/main.c", "== 0", "== 0 /* emulator */")]);
}

/** struct ipt_target of 2.4 and .modinfo, as linux/module.h of that time writes it. */
const moduleSource24 = `#include <linux/kernel.h>
#include <linux/version.h>
static unsigned int hold(void) { return 0; }
static int check(void) { return 1; }
#ifdef MODULE
extern char __this_module[];
#define ME __this_module
static const char version[] __attribute__((used, section(".modinfo"))) = "kernel_version=" UTS_RELEASE;
static const char license[] __attribute__((used, section(".modinfo"))) = "license=GPL";
#else
#define ME 0
#endif
struct ipt_target {
\tvoid *list[2];
\tconst char name[30];
\tunsigned int (*target)(void);
\tint (*checkentry)(void);
\tvoid (*destroy)(void);
\tvoid *me;
} tarpit_reg = { { 0, 0 }, "TARPIT", hold, check, 0, ME };
`;

const moduleSource = (): string =>
  read(fixtures, "elf/module.c")
    .replace(/#define RELEASE ".*"/, `#define RELEASE "${toyRelease}"`)
    .replace(/#define FLAGS ".*"/, '#define FLAGS ""');

function starter(packageRoot: string, cacheDir: string, cwd: string): Toy["start"] {
  return (args, env = {}) => {
    const child = spawn(process.execPath, [join(packageRoot, "dist/bin.js"), ...args], {
      cwd,
      env: { ...process.env, NO_COLOR: "1", TARPIT_KIT_CACHE: cacheDir, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    const waiting: { text: string; resolve: () => void }[] = [];
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      for (const { text, resolve } of waiting) if (stderr.includes(text)) resolve();
    });
    const done = new Promise<Ran>((resolve) => {
      child.on("close", (code) => resolve({ code, stdout, stderr }));
    });
    const until = (text: string): Promise<void> =>
      new Promise((resolve) => {
        waiting.push({ text, resolve });
        if (stderr.includes(text)) resolve();
      });
    return { child, done, until };
  };
}

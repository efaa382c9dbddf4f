import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { cpioArchive, type CpioEntry } from "../../src/core/cpio.ts";
import { root } from "./artifacts.ts";
import { tool } from "./cli.ts";

/** What a guest is made of: an init of test/guest, programs of this machine, modules of a kernel. */
export interface GuestParts {
  /** The Python program of test/guest that is PID 1. */
  readonly script: string;
  /** C programs of test/guest, each linked with packet.c. */
  readonly native?: readonly string[];
  /** Programs of this machine, with the libraries they need. */
  readonly programs?: readonly string[];
  /** Directories of this machine, whole. */
  readonly directories?: readonly string[];
  /** Files by their place in the guest. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  readonly modules: ModuleTree;
}

/** A directory that holds lib/modules/RELEASE, with depmod's files; `names` and what they need, or all. */
export interface ModuleTree {
  readonly dir: string;
  readonly release: string;
  readonly names?: readonly string[];
}

export interface Machine {
  readonly image: string;
  readonly initramfs: string;
  /** For the logs; must exist. */
  readonly work: string;
  readonly cpus?: number;
  readonly memoryMiB?: number;
  /**
   * Every instruction takes a nanosecond of guest time, and idle time passes at once: figures do not
   * depend on how busy this machine is, and two hours of waiting take no time.
   */
  readonly countInstructions?: boolean;
  /** Added to the kernel's command line; NAME=value reaches the program as a setting. */
  readonly settings?: Readonly<Record<string, string | number>>;
  readonly kernelOptions?: readonly string[];
  readonly timeoutMs: number;
}

/** One line of the report (test/guest/lab.py). */
export type ReportLine = Readonly<Record<string, unknown>> & { readonly key: string };

export interface GuestReport {
  readonly lines: readonly ReportLine[];
  /** The program has said that it is done, nothing raised, and QEMU has ended by itself. */
  readonly finished: boolean;
  readonly console: string;
}

const guestSources = join(root, "test/guest");
const python = "/usr/bin/python3";
const pluginDir = "/usr/lib/x86_64-linux-gnu/xtables";
const everyGuest = [
  python,
  "/usr/sbin/xtables-legacy-multi",
  "/usr/sbin/xtables-nft-multi",
  "/usr/bin/ip",
  "/usr/bin/kmod",
];
const links: readonly (readonly [string, string])[] = [
  ...["iptables", "ip6tables"].flatMap((name) =>
    ["legacy", "nft"].flatMap((kind) =>
      ["", "-save", "-restore"].map(
        (verb) => [`usr/sbin/${name}-${kind}${verb}`, `xtables-${kind}-multi`] as const,
      ),
    ),
  ),
  ...["modprobe", "rmmod", "insmod", "modinfo"].map(
    (name) => [`usr/sbin/${name}`, "../bin/kmod"] as const,
  ),
];
const extensions =
  /^lib(xt_(TARPIT|CT|NFQUEUE|MARK|mark|conntrack|standard|tcp|udp)|ipt_[a-z]+|ip6t_[a-z]+)\.so$/;

/** Every Python file that is loaded once the script is, its own included. */
function pythonFiles(script: string): string[] {
  const code = [
    "import runpy, sys, encodings.idna",
    `sys.path.insert(0, ${JSON.stringify(guestSources)})`,
    `runpy.run_path(${JSON.stringify(join(guestSources, script))}, run_name="guest")`,
    "print(*{m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)}, sep='\\n')",
  ].join("\n");
  return tool(python, ["-I", "-B", "-c", code]).trim().split("\n");
}

/** Shared libraries and the loader, as ldd(1) finds them. */
export const libraries = (files: readonly string[]): string[] =>
  files.flatMap((file) => {
    const said = spawnSync("ldd", [file], { encoding: "utf8" }).stdout;
    return [...said.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] as string);
  });

/** Below usr/ whatever way leads there: /lib, /bin and the like are symlinks in the guest as well. */
const placed = (path: string): string => join(realpathSync(dirname(path)), basename(path)).slice(1);

export const fileEntry = (path: string, data: string | Buffer, mode = 0o755): CpioEntry => ({
  kind: "file",
  path,
  data: Buffer.from(data),
  mode,
});

function machineEntries(parts: GuestParts, loaded: readonly string[]): CpioEntry[] {
  if (process.arch !== "x64")
    throw new Error(
      `the guest is packed from the programs of an x86_64 machine; this is ${process.arch}`,
    );
  const plugins = readdirSync(pluginDir)
    .filter((name) => extensions.test(name))
    .map((name) => join(pluginDir, name));
  const binaries = [
    ...everyGuest,
    ...(parts.programs ?? []),
    ...plugins,
    ...loaded.filter((path) => path.includes(".so")),
  ];
  const files = new Set([...binaries, ...loaded, ...libraries(binaries)]);
  return [
    ...["bin", "sbin", "lib", "lib64"]
      .filter((name) => existsSync(`/${name}`) && realpathSync(`/${name}`).startsWith("/usr/"))
      .map((name): CpioEntry => ({
        kind: "symlink",
        path: name,
        target: readlinkSync(`/${name}`),
      })),
    ...(parts.directories ?? []).flatMap((dir) =>
      readdirSync(dir, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name))
        .map((path) => fileEntry(placed(path), readFileSync(path), 0o644)),
    ),
    ...[...files].map((path) => fileEntry(placed(path), readFileSync(path))),
    ...links.map(([path, target]): CpioEntry => ({ kind: "symlink", path, target })),
    fileEntry("etc/protocols", "tcp 6 TCP\nudp 17 UDP\n", 0o644),
  ];
}

/** The named modules and those they need, or all of them: each with what it needs (modules.dep). */
export function neededModules({ dir, release, names }: ModuleTree): Map<string, readonly string[]> {
  const lines = readFileSync(join(dir, "lib/modules", release, "modules.dep"), "utf8");
  const needs = new Map(
    lines
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(": ").flatMap((part) => part.replace(/:$/, "").split(" ")))
      .map(([path = "", ...others]) => [path, others.filter(Boolean)] as const),
  );
  const nameOf = (path: string): string => basename(path).replace(/\.ko.*$/, "");
  const chosen = [...needs].flatMap(([path, others]) =>
    !names || names.includes(nameOf(path)) ? [path, ...others] : [],
  );
  return new Map(chosen.map((path) => [path, needs.get(path) ?? []]));
}

function moduleEntries(tree: ModuleTree): CpioEntry[] {
  const base = join(tree.dir, "lib/modules", tree.release);
  const indexes = readdirSync(base).filter((name) => name.startsWith("modules."));
  return [...neededModules(tree).keys(), ...indexes].map((path) =>
    fileEntry(join("usr/lib/modules", tree.release, path), readFileSync(join(base, path)), 0o644),
  );
}

/** A static program from one C file of test/guest and packet.c. */
export function nativeEntry(name: string, work: string, compiler = "gcc"): CpioEntry {
  const output = join(work, name);
  const sources = [`${name}.c`, "packet.c"].map((source) => join(guestSources, source));
  const flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s"];
  tool(compiler, [...flags, "-o", output, ...sources]);
  return fileEntry(`usr/bin/${name}`, readFileSync(output));
}

/** Packs a guest; returns the path of its initramfs. */
export function packGuest(parts: GuestParts, work: string): string {
  mkdirSync(work, { recursive: true });
  const path = join(work, "initramfs.gz");
  const loaded = pythonFiles(parts.script);
  const [own = [], library = []] = [true, false].map((ours) =>
    loaded.filter((file) => file.startsWith(guestSources) === ours),
  );
  const entries: CpioEntry[] = [
    { kind: "character", path: "dev/console", major: 5, minor: 1 },
    { kind: "directory", path: "tmp", mode: 0o1777 },
    fileEntry("init", readFileSync(join(guestSources, parts.script))),
    ...own.map((file) => fileEntry(basename(file), readFileSync(file), 0o644)),
    ...machineEntries(parts, library),
    ...moduleEntries(parts.modules),
    ...(parts.native ?? []).map((name) => nativeEntry(name, work)),
    ...Object.entries(parts.files ?? {}).map(([name, data]) => fileEntry(name, data)),
  ];
  writeFileSync(path, gzipSync(cpioArchive(entries), { level: 1 }));
  return path;
}

/** Modules of an artifact directory, unpacked below `work`. */
export function artifactModules(artifacts: string, work: string): ModuleTree {
  const dir = join(work, "modules");
  mkdirSync(dir, { recursive: true });
  tool("tar", ["-xzf", join(artifacts, "modules.tar.gz"), "-C", dir, "--no-same-owner"]);
  const [release = ""] = readdirSync(join(dir, "lib/modules"));
  return { dir, release };
}

function qemuArguments(machine: Machine, consoleLog: string, reportLog: string): string[] {
  // The CPU model is pinned: with ERMS one string instruction copies any number of bytes.
  const clock = machine.countInstructions
    ? ["-icount", "shift=0,sleep=off", "-cpu", "max,-erms,-fsrm", "-smp", "1"]
    : ["-cpu", "max", "-smp", String(machine.cpus ?? 2)];
  const settings = Object.entries(machine.settings ?? {}).map(
    ([name, value]) => `${name}=${value}`,
  );
  // See QemuMachine's append.
  const kernel = ["console=ttyS0", "panic=-1", "ignore_loglevel", "no_timer_check"];
  return [
    ...["-M", "q35", "-accel", machine.countInstructions ? "tcg,thread=single" : "tcg", ...clock],
    ...["-m", String(machine.memoryMiB ?? 768), "-display", "none", "-nodefaults", "-no-reboot"],
    ...["-serial", `file:${consoleLog}`, "-serial", `file:${reportLog}`],
    ...["-kernel", machine.image, "-initrd", machine.initramfs, "-append"],
    [...kernel, ...(machine.kernelOptions ?? []), ...settings].join(" "),
  ];
}

const parse = (line: string): ReportLine => {
  try {
    return JSON.parse(line) as ReportLine;
  } catch {
    return { key: "error", text: `not JSON: ${line}` };
  }
};

/** Boots an x86_64 kernel (without KVM, which a test machine need not have) and waits for its end. */
export async function runLabGuest(machine: Machine): Promise<GuestReport> {
  const [consoleLog, reportLog] = ["console.log", "report.log"].map((name) =>
    join(machine.work, name),
  ) as [string, string];
  const qemu = spawn("qemu-system-x86_64", qemuArguments(machine, consoleLog, reportLog), {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let words = "";
  qemu.stderr.on("data", (data: Buffer) => (words += data.toString()));
  const timer = setTimeout(() => qemu.kill("SIGKILL"), machine.timeoutMs);
  const code = await new Promise<number | null>((resolve) => {
    qemu.on("error", (error) => {
      words += String(error);
      resolve(null);
    });
    qemu.on("close", resolve);
  });
  clearTimeout(timer);
  const text = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
  const lines = text(reportLog)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map(parse);
  const finished =
    code === 0 && lines.at(-1)?.key === "done" && lines.every((line) => line.key !== "error");
  return { lines, finished, console: `${text(consoleLog)}${words}` };
}

/** Lines of a kernel's log that a healthy kernel does not write. */
export function complaints(console: string): string[] {
  const bad =
    /WARNING|BUG|Oops|[Kk]ernel panic|Call Trace|UBSAN|kmemleak: [1-9]|possible .* detected|suspicious|unsafe|held lock|general protection|unable to handle|refcount|unregister_netdevice: waiting|soft lockup|hung task|ODEBUG/;
  return console.split("\n").filter((line) => bad.test(line));
}

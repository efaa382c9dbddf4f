import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { cpioArchive, type CpioEntry } from "../../src/core/cpio.ts";
import { root } from "./artifacts.ts";
import { tool } from "./cli.ts";

export interface Check {
  readonly group: string;
  readonly name: string;
  readonly ok: boolean;
  readonly info: string;
}

export interface GuestRun {
  readonly checks: readonly Check[];
  /** The guest has said that it is done, and QEMU has ended by itself. */
  readonly finished: boolean;
  readonly console: string;
}

const script = join(root, "test/e2e/target/guest-test.py");
const python = "/usr/bin/python3";

/** What runs in the guest is this machine's own: Debian's iptables, with Debian's extensions. */
const pluginDir = "/usr/lib/x86_64-linux-gnu/xtables";
const programs = [
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
        (what) => [`usr/sbin/${name}-${kind}${what}`, `xtables-${kind}-multi`] as const,
      ),
    ),
  ),
  ["usr/sbin/modprobe", "../bin/kmod"],
  ["usr/sbin/rmmod", "../bin/kmod"],
];

/** The extensions the rules use, with what stands behind -p tcp, -p udp and -j ACCEPT. */
const extensions =
  /^lib(xt_(TARPIT|CT|NFQUEUE|MARK|mark|conntrack|standard|tcp|udp)|ipt_[a-z]+|ip6t_[a-z]+)\.so$/;

/** Every file Python has loaded once the script is: its own library as far as it is used. */
function pythonFiles(): string[] {
  const code = [
    "import runpy, sys, encodings.idna",
    `runpy.run_path(${JSON.stringify(script)}, run_name="guest")`,
    "print(*{m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)}, sep='\\n')",
  ].join("\n");
  return tool(python, ["-I", "-B", "-c", code]).trim().split("\n");
}

/** Shared libraries and the loader, as ldd(1) finds them. */
const libraries = (files: readonly string[]): string[] =>
  files.flatMap((file) => {
    const said = spawnSync("ldd", [file], { encoding: "utf8" }).stdout;
    return [...said.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] as string);
  });

/** Below usr/ whatever way leads there: /lib, /bin and the like are symlinks in the guest as well. */
const placed = (path: string): string => join(realpathSync(dirname(path)), basename(path)).slice(1);

function hostEntries(): CpioEntry[] {
  if (process.arch !== "x64")
    throw new Error(
      `the guest is packed from the programs of an x86_64 machine; this is ${process.arch}`,
    );
  const modules = pythonFiles().filter((path) => path !== script);
  const plugins = readdirSync(pluginDir)
    .filter((name) => extensions.test(name))
    .map((name) => join(pluginDir, name));
  const binaries = [...programs, ...plugins, ...modules.filter((path) => path.includes(".so"))];
  const files = [...new Set([...binaries, ...modules, ...libraries(binaries)].map(String))];
  return [
    ...["bin", "sbin", "lib", "lib64"]
      .filter((name) => existsSync(`/${name}`) && realpathSync(`/${name}`).startsWith("/usr/"))
      .map((name): CpioEntry => ({
        kind: "symlink",
        path: name,
        target: readlinkSync(`/${name}`),
      })),
    ...files.map((path): CpioEntry => ({
      kind: "file",
      path: placed(path),
      data: readFileSync(path),
      mode: statSync(path).mode & 0o777,
    })),
    ...links.map(([path, target]): CpioEntry => ({ kind: "symlink", path, target })),
    { kind: "file", path: "etc/protocols", data: Buffer.from("tcp 6 TCP\nudp 17 UDP\n") },
  ];
}

/** The kernel's modules, all of them: which are needed is for modprobe to find out. */
function moduleEntries(artifacts: string, work: string): CpioEntry[] {
  const to = join(work, "modules");
  mkdirSync(to, { recursive: true });
  tool("tar", ["-xzf", join(artifacts, "modules.tar.gz"), "-C", to, "--no-same-owner"]);
  return readdirSync(join(to, "lib"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return {
        kind: "file",
        path: join("usr", path.slice(to.length + 1)),
        data: readFileSync(path),
      } satisfies CpioEntry;
    });
}

/** Beside Debian's, which stays what the rules are made with unless XTABLES_LIBDIR says otherwise. */
const ownExtension = (artifacts: string): CpioEntry => ({
  kind: "file",
  path: "usr/lib/tarpit-kit/libxt_TARPIT.so",
  data: readFileSync(join(artifacts, "extensions/x86_64/libxt_TARPIT.so")),
  mode: 0o644,
});

function initramfs(artifacts: string, work: string): string {
  const path = join(work, "initramfs.gz");
  const entries: CpioEntry[] = [
    { kind: "character", path: "dev/console", major: 5, minor: 1 },
    { kind: "file", path: "init", data: readFileSync(script), mode: 0o755 },
    { kind: "directory", path: "tmp", mode: 0o1777 },
    ...hostEntries(),
    ownExtension(artifacts),
    ...moduleEntries(artifacts, work),
  ];
  writeFileSync(path, gzipSync(cpioArchive(entries), { level: 1 }));
  return path;
}

const parseLine = (line: string): Partial<Check> & { done?: boolean } => {
  try {
    return JSON.parse(line) as Partial<Check> & { done?: boolean };
  } catch {
    return { group: "report", name: line, ok: false, info: "not JSON" };
  }
};

/**
 * Boots an x86_64 kernel (without KVM, which a test machine need not have) into the guest test.
 * Console and report have a serial port each, so that neither damages the other.
 * TARPIT_KIT_GROUPS=VRF,peer_table runs these groups alone.
 */
export function runGuest(
  artifacts: string,
  work: string,
  timeoutMs: number,
  groups = process.env["TARPIT_KIT_GROUPS"],
): GuestRun {
  mkdirSync(work, { recursive: true });
  const [consoleLog, reportLog] = [join(work, "console.log"), join(work, "report.log")];
  const options = [
    ...["-M", "q35", "-cpu", "max", "-accel", "tcg", "-smp", "2", "-m", "768"],
    ...["-display", "none", "-nodefaults", "-no-reboot"],
    ...["-serial", `file:${consoleLog}`, "-serial", `file:${reportLog}`],
    ...["-kernel", join(artifacts, "bzImage"), "-initrd", initramfs(artifacts, work)],
    ...["-append", `console=ttyS0 panic=-1 ignore_loglevel${groups ? ` groups=${groups}` : ""}`],
  ];
  const qemu = spawnSync("qemu-system-x86_64", options, {
    encoding: "utf8",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const text = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
  const lines = text(reportLog)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map(parseLine);
  return {
    checks: lines.filter((line): line is Check => line.group !== undefined),
    finished: qemu.status === 0 && lines.at(-1)?.done === true,
    console: `${text(consoleLog)}${qemu.stderr}`,
  };
}

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { downloadSource } from "../../src/app/prove/iptables-source.ts";
import type { Ports } from "../../src/ports.ts";
import { root } from "./artifacts.ts";
import { tool } from "./cli.ts";

/**
 * The shell and the utilities of the guests that record facts: a busybox of Debian's source, static.
 */
const applets =
  "ASH BASE64 CAT CP ECHO FIND GREP GZIP ID LN LS MKDIR MV NC OD PRINTF RM RMMOD SED SLEEP TEST UNAME";
const features = [
  ...["STATIC", "ASH_ECHO", "ASH_PRINTF", "ASH_TEST", "ASH_GETOPTS", "DESKTOP", "LFS"],
  ...["FEATURE_FIND_NAME", "FEATURE_FIND_TYPE", "FEATURE_FANCY_ECHO", "FEATURE_MODPROBE_SMALL"],
  ...[
    "FEATURE_NC_EXTRA",
    "NC_EXTRA",
    "SH_IS_ASH",
    "FEATURE_SH_MATH",
    "EGREP",
    "FEATURE_SEAMLESS_GZ",
  ],
];
/** Of a guest whose PID 1 is the shell. */
const ofInit = "DMESG IFCONFIG KILL MOUNT";
const program = "busybox";
const cacheDir = process.env["TARPIT_KIT_CACHE"] ?? join(homedir(), ".cache/tarpit-kit");

/** What each has a link for in /bin. */
export const busyboxLinks =
  "sh base64 cat cp echo find grep gzip id ln ls mkdir mv nc od printf rm rmmod sed sleep test uname";
export const initLinks = `${busyboxLinks} dmesg ifconfig kill mount`;

export type Width = "sparc64" | "sparc";
const flagsOf = { sparc64: [], sparc: ["-m32"] } as const;
const compiler = "sparc64-linux-gnu-gcc";

/** Kernels before 2.6: what today's C library asks them in calls they do not have. */
const oldKernelSource = join(root, "test/guest/old-kernel.c");
const oldKernelFlags = [
  ...["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fno-pie"],
  ...["-fno-stack-protector", "-U_FORTIFY_SOURCE"],
];
const oldKernelLink = [
  ...["-Wl,--allow-multiple-definition", "-Wl,--wrap=_dl_aux_init"],
  // Pages of a megabyte would fill the RAM disk.
  "-Wl,-z,max-page-size=0x2000",
];

function oldKernelObject(width: Width, work: string): string {
  const to = join(work, `old-kernel-${width}.o`);
  tool(compiler, [...flagsOf[width], ...oldKernelFlags, "-c", "-o", to, oldKernelSource]);
  return to;
}

/** A program of ours for a kernel before 2.6, static. */
export function oldKernelProgram(source: string, width: Width, work: string): Buffer {
  const to = join(work, "program");
  const object = oldKernelObject(width, work);
  const flags = [
    ...flagsOf[width],
    ...oldKernelFlags,
    ...oldKernelLink,
    "-static",
    "-no-pie",
    "-s",
  ];
  tool(compiler, [...flags, "-o", to, object, source]);
  return readFileSync(to);
}

interface Kind {
  readonly width: Width;
  /** For a kernel before 2.6, whose PID 1 is the shell. */
  readonly old: boolean;
}

/** Built once, then from the cache. */
export async function busybox(ports: Ports, kind: Kind): Promise<Buffer> {
  const version = tool("dpkg-query", ["-W", "-f", "${source:Version}", program]);
  const names = [...applets.split(" "), ...(kind.old ? ofInit.split(" ") : []), ...features];
  const options = names.map((name) => `CONFIG_${name}=y`).join("\n");
  const more = kind.old ? `\n${kind.width}\n${readFileSync(oldKernelSource, "utf8")}` : "";
  const key = createHash("sha256").update(`2 ${version}\n${options}${more}`).digest("hex");
  const home = join(cacheDir, "guest-busybox");
  const place = join(home, `${kind.width}-${key.slice(0, 16)}`);
  if (existsSync(place)) return readFileSync(place);
  const work = join(home, `work-${process.pid}`);
  const source = join(work, "source");
  mkdirSync(source, { recursive: true });
  try {
    const wanted = { source: program, binary: program, version };
    const tarball = await downloadSource(work, wanted, ports);
    tool("tar", ["-xf", tarball, "-C", source, "--strip-components=1", "--no-same-owner"]);
    const cross = ["ARCH=sparc64", "CROSS_COMPILE=sparc64-linux-gnu-"];
    tool("make", [...cross, "allnoconfig"], { cwd: source });
    const set = [...options.split("\n"), ...linked(kind, work)];
    configure(source, set, cross);
    tool("make", [...cross, `-j${ports.host.cpus}`, program], { cwd: source });
    renameSync(join(source, program), place);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return readFileSync(place);
}

/** Options of busybox for how it is compiled and linked. */
function linked({ width, old }: Kind, work: string): readonly string[] {
  const flags = flagsOf[width].join(" ");
  const before = old ? [oldKernelObject(width, work), ...oldKernelLink] : [];
  return [
    `CONFIG_EXTRA_CFLAGS="${flags}"`,
    `CONFIG_EXTRA_LDFLAGS="${[flags, ...before].join(" ").trim()}"`,
  ];
}

function configure(source: string, set: readonly string[], cross: readonly string[]): void {
  const config = join(source, ".config");
  const names = set.map((line) => line.slice(0, line.indexOf("=")));
  const rest = readFileSync(config, "utf8")
    .split("\n")
    .filter(
      (line) => !names.some((name) => line.includes(`${name} `) || line.includes(`${name}=`)),
    );
  writeFileSync(config, [...rest, ...set, ""].join("\n"));
  // Each new question has a default.
  tool("make", [...cross, "oldconfig"], { cwd: source, input: "\n".repeat(5000) });
  const result = readFileSync(config, "utf8");
  for (const name of ["STATIC", "ASH", "FIND", "OD", "BASE64"])
    if (!result.includes(`CONFIG_${name}=y\n`)) throw new Error(`busybox has no ${name}`);
}

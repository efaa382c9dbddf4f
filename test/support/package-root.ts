import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { tool } from "./cli.ts";

/** This machine's own apt sources, so that a root comes from where its packages come from. */
function aptSources(): string[] {
  const parts = existsSync("/etc/apt/sources.list.d") ? readdirSync("/etc/apt/sources.list.d") : [];
  return ["sources.list", ...parts.map((name) => join("sources.list.d", name))]
    .map((name) => join("/etc/apt", name))
    .filter((path) => /\.(list|sources)$/.test(path) && existsSync(path));
}

/** A small Debian with `include` in it, without what nobody reads in a guest. */
export function debianRoot(
  dir: string,
  include: readonly string[],
  more: readonly string[] = [],
): string {
  const unread = ["doc", "locale", "man", "info"].map(
    (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
  );
  tool("mmdebstrap", [
    ...["--quiet", "--mode=root", "--variant=apt", `--include=${include.join(",")}`],
    ...unread,
    ...more,
    "bookworm",
    dir,
    ...aptSources(),
  ]);
  return dir;
}

/**
 * A root that no package manager has filled, for a machine whose programs do not run here: this
 * machine's busybox runs the maintainer scripts, dpkg's own files are empty.
 */
export function bareRoot(dir: string): string {
  const busybox = realpathSync(tool("sh", ["-c", "command -v busybox"]).trim());
  const libraries = spawnSync("ldd", [busybox], { encoding: "utf8" }).stdout;
  const needed = [...libraries.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] as string);
  for (const [from, to] of [[busybox, "/bin/busybox"], ...needed.map((path) => [path, path])] as [
    string,
    string,
  ][]) {
    mkdirSync(dirname(join(dir, to)), { recursive: true });
    copyFileSync(from, join(dir, to));
  }
  for (const name of ["sh", "run-parts", "depmod", "rm", "rmdir"])
    symlinkSync("busybox", join(dir, "bin", name));
  for (const name of ["updates", "info", "triggers"])
    mkdirSync(join(dir, "var/lib/dpkg", name), { recursive: true });
  for (const name of ["status", "available"]) writeFileSync(join(dir, "var/lib/dpkg", name), "");
  for (const name of ["tmp", "dev"]) mkdirSync(join(dir, name));
  tool("mknod", [join(dir, "dev/null"), "c", "1", "3"]);
  return dir;
}

/** With /proc, which dkms needs and which goes with the command: mounted in a namespace of its own. */
const inside = '[ ! -d "$1/proc" ] || mount -t proc proc "$1/proc" || exit 125; exec chroot "$@"';

/** Runs a command in the root; its words. */
export const inRoot = (root: string, ...command: readonly string[]): string =>
  tool(
    "unshare",
    ["--mount", "--propagation=private", "sh", "-c", inside, "sh", root, ...command],
    {
      env: {
        DEBIAN_FRONTEND: "noninteractive",
        LC_ALL: "C",
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      },
    },
  );

/** Installs packages of an artifact directory in the root, as its admin would: dpkg -i. */
export function installIn(root: string, debs: readonly string[]): string {
  mkdirSync(join(root, "debs"), { recursive: true });
  for (const deb of debs) copyFileSync(deb, join(root, "debs", basename(deb)));
  return inRoot(root, "dpkg", "-i", ...debs.map((deb) => join("/debs", basename(deb))));
}

/** A script for /etc/kernel/HOOK.d in each of them: it notes how it was called. */
export function noteHooks(root: string): () => string[] {
  for (const hook of ["preinst", "postinst", "prerm", "postrm"]) {
    const path = join(root, "etc/kernel", `${hook}.d`, "note");
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `#!/bin/sh\necho "${hook} $* INITRD=$INITRD" >> /hooks\n`);
    chmodSync(path, 0o755);
  }
  return () => readFileSync(join(root, "hooks"), "utf8").trim().split("\n");
}

export interface Machine {
  readonly program: string;
  readonly args: readonly string[];
  readonly console: string;
  readonly memoryMiB: number;
  /** More for the kernel's command line. */
  readonly options?: string;
}

/**
 * Boots a root as its own initramfs, with the kernel that is installed in it. `init` is a shell
 * script; the machine ends when it does (a kernel whose init is gone panics, and restarts never).
 */
export async function bootRoot(
  root: string,
  image: string,
  init: string,
  machine: Machine,
  work: string,
  timeoutMs: number,
): Promise<string> {
  writeFileSync(join(root, "init"), `#!/bin/sh\n${init}`);
  chmodSync(join(root, "init"), 0o755);
  const initramfs = join(work, `${basename(root)}.cpio`);
  const unused =
    "-path ./boot -o -path ./var/cache -o -path ./var/lib/apt -o -path ./debs -o -path ./usr/src";
  tool("sh", [
    "-c",
    `cd "$1" && find . \\( ${unused} \\) -prune -o -print0 | cpio --quiet -0 -o -H newc > "$2"`,
    "sh",
    root,
    initramfs,
  ]);
  const qemu = spawn(
    machine.program,
    [
      ...machine.args,
      ...["-m", String(machine.memoryMiB), "-display", "none", "-no-reboot", "-serial", "stdio"],
      ...["-kernel", image, "-initrd", initramfs, "-append"],
      `console=${machine.console} panic=-1 quiet ${machine.options ?? ""}`,
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let console = "";
  qemu.stdout.on("data", (data: Buffer) => (console += data.toString()));
  qemu.stderr.on("data", (data: Buffer) => (console += data.toString()));
  const timer = setTimeout(() => qemu.kill("SIGKILL"), timeoutMs);
  await new Promise((resolve) => {
    qemu.on("error", resolve);
    qemu.on("close", resolve);
  });
  clearTimeout(timer);
  return console.replaceAll("\r", "");
}

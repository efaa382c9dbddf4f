import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Arch } from "../../core/arch.ts";
import { badInput } from "../../core/errors.ts";
import { parseFragment } from "../../core/kconfig/dotconfig.ts";
import type { Ports } from "../../ports.ts";

/** Bases that are make targets of the tree itself. */
export const isTarget = (base: string): boolean =>
  base === "tinyconfig" ||
  base === "allnoconfig" ||
  base === "defconfig" ||
  /^[\w.-]+_defconfig$/.test(base);

/** The text of a base that is a file, or the running kernel's own configuration. */
export async function baseText(base: string, arch: Arch, ports: Ports): Promise<string> {
  if (base === "running") return runningConfig(arch, ports);
  const path = await realPath(resolve(ports.host.cwd, base), ports);
  const info = path === undefined ? undefined : await ports.files.stat(path);
  if (path === undefined || !info || info.kind === "directory") {
    throw badInput("config.base", {
      what: `there is no base configuration "${base}"`,
      where: "--base",
      next: "give allnoconfig, tinyconfig, defconfig, NAME_defconfig, running, or the path of a .config",
    });
  }
  return checked(unpacked(await ports.files.readBytes(path), base), base, arch);
}

const realPath = (path: string, ports: Ports): Promise<string | undefined> =>
  ports.files.realpath(path).catch(() => undefined);

/** The largest configuration that is read; real ones are about 0.3 MB. */
const largest = 16 << 20;

function unpacked(bytes: Buffer, origin: string): string {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString("utf8");
  try {
    return gunzipSync(bytes, { maxOutputLength: largest }).toString("utf8");
  } catch (error) {
    throw badInput("config.base", {
      what: "this base configuration cannot be unpacked",
      where: `${origin}: ${(error as Error).message}`,
      next: "give a whole .config, or one that gzip -t accepts",
    });
  }
}

/** The configuration with the line ends kconfig knows; it takes a CR for a part of the value. */
function checked(text: string, origin: string, arch: Arch): string {
  const lines = text.replaceAll("\r\n", "\n");
  parseFragment(lines, origin);
  refuseOtherArch(lines, origin, arch);
  return lines;
}

/** `# Linux/sparc64 6.1.192 Kernel Configuration`: the mainmenu that kconfig writes first (Kconfig, `mainmenu`). */
const title = /^# (?:Automatically generated.*\n# )?Linux\/(\w+) \d\S* Kernel Configuration$/m;

/** Names an ARCH= may have beside the directory below arch/ (the kernel's top Makefile, SRCARCH). */
const aliases: Readonly<Record<string, string>> = {
  i386: "x86",
  x86_64: "x86",
  sparc32: "sparc",
  sparc64: "sparc",
  parisc64: "parisc",
  sh64: "sh",
};

/** olddefconfig would drop most of it without a word. */
function refuseOtherArch(text: string, origin: string, arch: Arch): void {
  const named = title.exec(text.slice(0, 400))?.[1];
  if (named === undefined || (aliases[named] ?? named) === arch.srcArch) return;
  throw badInput("config.base-arch", {
    what: `this configuration is for ${named}, not for ${arch.name}`,
    where: origin,
    next: `give one of a ${arch.name} kernel; to use it all the same, take out the comment that says Linux/${named}`,
  });
}

/** /proc/config.gz (IKCONFIG_PROC), else what distributions put into /boot. */
async function runningConfig(arch: Arch, ports: Ports): Promise<string> {
  const release = ports.host.kernelRelease;
  const candidates = [
    "/proc/config.gz",
    `/boot/config-${release}`,
    `/lib/modules/${release}/config`,
  ];
  for (const path of candidates) {
    if (await ports.files.stat(path))
      return checked(unpacked(await ports.files.readBytes(path), path), path, arch);
  }
  throw badInput("config.running", {
    what: `the configuration of the running kernel ${release} is not to be found`,
    where: candidates.join(", "),
    next: "copy it here and give its path: --base ./config",
  });
}

import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { badInput } from "../../core/errors.ts";
import { parseFragment } from "../../core/kconfig/dotconfig.ts";
import type { Ports } from "../../ports.ts";

/** Bases that are make targets of the tree itself. */
export const isTarget = (base: string): boolean =>
  base === "tinyconfig" ||
  base === "allnoconfig" ||
  base === "defconfig" ||
  /^[\w.-]+_defconfig$/.test(base);

export const targetName = (base: string): string => base;

/** The text of a base that is a file, or the running kernel's own configuration. */
export async function baseText(base: string, ports: Ports): Promise<string> {
  if (base === "running") return runningConfig(ports);
  const path = resolve(ports.host.cwd, base);
  const info = await ports.files.stat(path);
  if (!info || info.kind === "directory") {
    throw badInput("config.base", {
      what: `there is no base configuration "${base}"`,
      where: "--base",
      next: "give allnoconfig, tinyconfig, defconfig, NAME_defconfig, running, or the path of a .config",
    });
  }
  return checked(unpacked(await ports.files.readBytes(path)), base);
}

const unpacked = (bytes: Buffer): string =>
  (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("utf8");

function checked(text: string, origin: string): string {
  parseFragment(text, origin);
  return text;
}

/** /proc/config.gz (IKCONFIG_PROC), else what distributions put into /boot. */
async function runningConfig(ports: Ports): Promise<string> {
  const release = ports.host.kernelRelease;
  const candidates = [
    "/proc/config.gz",
    `/boot/config-${release}`,
    `/lib/modules/${release}/config`,
  ];
  for (const path of candidates) {
    if (await ports.files.stat(path))
      return checked(unpacked(await ports.files.readBytes(path)), path);
  }
  throw badInput("config.running", {
    what: `the configuration of the running kernel ${release} is not to be found`,
    where: candidates.join(", "),
    next: "copy it here and give its path: --base ./config",
  });
}

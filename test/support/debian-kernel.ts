import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { kitOk, tool } from "./cli.ts";
import type { ModuleTree } from "./lab-guest.ts";

/** Debian's own kernel for guests, both modules built against its headers. */
export interface DebianKernel {
  readonly release: string;
  readonly image: string;
  readonly modules: Omit<ModuleTree, "names">;
  /** What `build` made of our module and its extension. */
  readonly artifacts: string;
  readonly ours: Buffer;
  /** Our extension, for a guest's directory /ours: Debian's own knows revision 0 only. */
  readonly extensions: Readonly<Record<string, Buffer>>;
  /** The stock target as the package xtables-addons-dkms or TARPIT_STOCK_KO has it. */
  readonly stock: Buffer | undefined;
}

const cache = process.env["TARPIT_KIT_CACHE"] ?? join(homedir(), ".cache/tarpit-kit");

/** The newest cloud kernel whose headers are installed: it boots in QEMU in seconds. */
const installed = (): string | undefined =>
  readdirSync("/usr/src")
    .map((name) => /^linux-headers-(.*-cloud-amd64)$/.exec(name)?.[1])
    .filter((name) => name !== undefined)
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .at(-1);

/** Image and modules out of the package, which is not installed: no boot loader is to hear of it. */
function unpacked(release: string): string {
  const dir = join(cache, "guest-kernels", release);
  if (existsSync(join(dir, "complete"))) return join(dir, "complete");
  const work = join(dir, `work-${process.pid}`);
  mkdirSync(join(work, "root"), { recursive: true });
  tool("apt-get", ["download", `linux-image-${release}`], { cwd: work });
  const deb = readdirSync(work).find((name) => name.endsWith(".deb")) as string;
  tool("dpkg-deb", ["-x", join(work, deb), join(work, "root")]);
  tool("depmod", ["-b", join(work, "root"), release]);
  if (!existsSync(join(dir, "complete"))) renameSync(join(work, "root"), join(dir, "complete"));
  rmSync(work, { recursive: true, force: true });
  return join(dir, "complete");
}

function stockModule(release: string): Buffer | undefined {
  const path =
    process.env["TARPIT_STOCK_KO"] ?? `/lib/modules/${release}/updates/dkms/xt_TARPIT.ko`;
  return existsSync(path) ? readFileSync(path) : undefined;
}

/** Why there is no such kernel to measure on; undefined when there is. */
export const withoutDebianKernel: string | undefined =
  process.arch !== "x64"
    ? "not on an x86_64 machine"
    : existsSync("/usr/src") && installed()
      ? undefined
      : "apt-get install --no-install-recommends linux-headers-cloud-amd64 xtables-addons-dkms brings it";

/** Why the stock module is not measured beside ours; undefined when it is. */
export const withoutStock: string | undefined =
  withoutDebianKernel ??
  (stockModule(installed() as string)
    ? undefined
    : "neither xtables-addons-dkms has built it nor TARPIT_STOCK_KO names it");

/** Builds our module against the headers; `work` takes the artifacts. */
export function debianKernel(work: string): DebianKernel {
  const release = installed();
  if (release === undefined) throw new Error(withoutDebianKernel);
  const dir = unpacked(release);
  const artifacts = kitOk([
    ...["build", "--arch", "x86_64", "--scope", "module", "--userland", "64"],
    ...["--against", `/usr/src/linux-headers-${release}`, "--out", join(work, "out")],
  ]);
  return {
    release,
    image: join(dir, "boot", `vmlinuz-${release}`),
    modules: { dir, release },
    artifacts,
    ours: readFileSync(join(artifacts, "xt_TARPIT.ko")),
    extensions: Object.fromEntries(
      ["libipt_TARPIT.so", "libxt_TARPIT.so"].map((name) => [
        `ours/${name}`,
        readFileSync(join(artifacts, "extensions/x86_64", name)),
      ]),
    ),
    stock: stockModule(release),
  };
}

import { join } from "node:path";
import { findExtensionTargets } from "../../core/abi/extension.ts";
import { target } from "../../core/abi/judge.ts";
import type { Abi } from "../../core/arch.ts";
import {
  extensionControl,
  extensionDirectory,
  imageStem,
  kernelControl,
  moduleControl,
  type KernelPackage,
} from "../../core/deb.ts";
import {
  depmodFiles,
  depmodOverride,
  extensionScripts,
  kernelScripts,
  moduleScripts,
} from "../../core/deb-scripts.ts";
import { parseElf } from "../../core/elf/file.ts";
import { loadImage } from "../../core/elf/load.ts";
import { extensionNames } from "../../core/extension.ts";
import type { Ports } from "../../ports.ts";
import { put, runTool, type DebContents } from "./stage.ts";

/** linux-image-RELEASE: image, System.map, config and modules; no headers. */
export async function kernelDeb(
  dir: string,
  bootImage: string,
  about: KernelPackage,
  ports: Ports,
): Promise<DebContents> {
  const { release } = about;
  const image = `boot/${imageStem(about.arch)}-${release}`;
  return {
    overrides: await imageOverrides(dir, bootImage, image, ports),
    control: kernelControl(about),
    software: "the Linux kernel",
    scripts: kernelScripts(about),
    fill: async (root) => {
      await put(join(dir, bootImage), join(root, image), ports);
      await put(join(dir, "System.map"), join(root, "boot", `System.map-${release}`), ports);
      await put(join(dir, "config"), join(root, "boot", `config-${release}`), ports);
      const args = ["-xzf", join(dir, "modules.tar.gz"), "-C", root, "--no-same-owner"];
      await runTool({ program: "tar", args, env: { LC_ALL: "C" } }, ports);
      // build and source lead into a tree of the machine it was built on.
      for (const name of [...depmodFiles, "build", "source"])
        await ports.files.remove(join(root, "lib/modules", release, name));
      await writeOverride(root, `linux-image-${release}`, release, "kernel/net/netfilter", ports);
    },
  };
}

/** An image that is an ELF file keeps the symbols its boot loader asks for (arch/sparc/boot/Makefile, `-K`). */
async function imageOverrides(
  dir: string,
  bootImage: string,
  image: string,
  ports: Ports,
): Promise<readonly string[]> {
  const magic = await ports.files.readSlice(join(dir, bootImage), 0, 4).catch(() => undefined);
  if (magic?.toString("latin1") !== "\x7fELF") return [];
  return [
    "# The boot loader looks for symbols of the image.",
    `unstripped-binary-or-object [${image}]`,
  ];
}

const writeOverride = (
  root: string,
  name: string,
  release: string,
  directory: string,
  ports: Ports,
): Promise<void> => {
  const path = join(root, "lib/depmod.d", `${name}.conf`);
  return ports.files.write(path, depmodOverride(release, directory), 0o644);
};

/** A module for a kernel that is there already; depmod(8) takes updates/ before the kernel's own. */
export const moduleDeb = (dir: string, about: KernelPackage, ports: Ports): DebContents => ({
  control: moduleControl(about),
  software: "tarpit-kit",
  scripts: moduleScripts(about),
  fill: async (root) => {
    const { release } = about;
    const to = join(root, "lib/modules", release, "updates/xt_TARPIT.ko");
    await put(join(dir, "xt_TARPIT.ko"), to, ports);
    await writeOverride(root, `xt-tarpit-module-${release}`, release, "updates", ports);
  },
});

/** iptables-tarpit for one ABI, depending on the libxtables it was compiled for. */
export async function extensionDeb(
  dir: string,
  abi: Abi,
  version: string,
  ports: Ports,
): Promise<DebContents> {
  const from = join(dir, "extensions", abi.name);
  const image = loadImage(parseElf(await ports.files.readBytes(join(from, extensionNames[0]))));
  const libxtables =
    /\.(\d+)$/.exec(findExtensionTargets(image, target.name)[0]?.version ?? "")?.[1] ?? "12";
  return {
    control: extensionControl(abi, version, libxtables),
    software: "tarpit-kit",
    scripts: extensionScripts(abi),
    fill: async (root) => {
      for (const name of extensionNames)
        await put(join(from, name), join(root, extensionDirectory(abi), name), ports);
    },
  };
}

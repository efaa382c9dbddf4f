import type { Abi } from "./arch.ts";
import { extensionDirectory, imageStem, type KernelPackage } from "./deb.ts";

/** Maintainer scripts (Debian policy 6), in the order dpkg knows them. */
export const hookNames = ["preinst", "postinst", "prerm", "postrm"] as const;
export type HookName = (typeof hookNames)[number];
export type Scripts = Readonly<Partial<Record<HookName, string>>>;

/** What depmod(8) writes: made by postinst, so postrm takes it away. */
export const depmodFiles: readonly string[] = [
  "modules.alias",
  "modules.alias.bin",
  "modules.builtin.alias.bin",
  "modules.builtin.bin",
  "modules.dep",
  "modules.dep.bin",
  "modules.devname",
  "modules.softdep",
  "modules.symbols",
  "modules.symbols.bin",
  "modules.weakdep",
];

const script = (...lines: readonly string[]): string => `#!/bin/sh\nset -e\n${lines.join("\n")}\n`;

const when = (actions: readonly string[], ...lines: readonly string[]): string[] => [
  `case "$1" in`,
  `${actions.join("|")})`,
  ...lines.map((line) => `\t${line}`),
  "\t;;",
  "esac",
];

/** A program of linux-base or dpkg, where there is one: a root that is filled from outside (dpkg --root) may lack it. */
const ifThere = (program: string, args: string): string =>
  `if command -v ${program} >/dev/null; then ${program} ${args}; fi`;

/**
 * Maintainer scripts of a kernel package: Debian's kernel policy hands the release and the image
 * to the scripts in /etc/kernel/HOOK.d, which make the initramfs and the boot menu
 * (kernel-handbook, "Kernel hooks"; DEB_MAINT_PARAMS and INITRD are part of that agreement).
 * linux-update-symlinks(1) keeps /vmlinuz and /vmlinuz.old, the way back of boot loaders that know
 * no menu; linux-check-removal(1) asks before the running kernel goes.
 */
export function kernelScripts({ arch, release, initrd }: KernelPackage): Scripts {
  const image = `/boot/${imageStem(arch)}-${release}`;
  const before: Readonly<Record<HookName, readonly string[]>> = {
    preinst: [],
    postinst: when(
      ["configure"],
      `depmod ${release}`,
      'if [ -n "$2" ]; then change=upgrade; else change=install; fi',
      ifThere("linux-update-symlinks", `"$change" ${release} ${image}`),
    ),
    prerm: when(["remove"], ifThere("linux-check-removal", release)),
    postrm: [
      ...when(["remove", "purge"], ifThere("linux-update-symlinks", `remove ${release} ${image}`)),
      ...when(
        ["remove", "purge"],
        `for file in ${depmodFiles.join(" ")}; do`,
        `\trm -f "/lib/modules/${release}/$file"`,
        "done",
        `if [ -d /lib/modules/${release} ]; then rmdir --ignore-fail-on-non-empty /lib/modules/${release}; fi`,
      ),
    ],
  };
  const hooks = (hook: HookName): string[] => [
    `export DEB_MAINT_PARAMS="$*"`,
    `export INITRD=${initrd ? "Yes" : "No"}`,
    `if [ -d /etc/kernel/${hook}.d ]; then`,
    `\trun-parts --exit-on-error --arg=${release} --arg=${image} /etc/kernel/${hook}.d`,
    "fi",
  ];
  return Object.fromEntries(
    hookNames.map((hook) => [hook, script(...before[hook], ...hooks(hook))]),
  );
}

/** A lone module needs no boot menu: depmod after it came and after it went. */
export function moduleScripts({ release }: KernelPackage): Scripts {
  const text = script(`if [ -d /lib/modules/${release} ]; then`, `\tdepmod ${release}`, "fi");
  return { postinst: text, postrm: text };
}

/**
 * depmod.d(5): of several xt_TARPIT for this release ours is the one that loads. xtables-addons-dkms
 * builds one into updates/dkms/, which depmod would take before that of the kernel itself. The
 * release is read as a regular expression.
 */
export const depmodOverride = (release: string, directory: string): string =>
  `override xt_TARPIT ${release.replaceAll(/[.+]/g, String.raw`\$&`)} ${directory}\n`;

const stockName = "libxt_TARPIT.so";

/**
 * xtables-addons-common has a libxt_TARPIT.so at the same path: that one file steps aside while our
 * package is there (dpkg-divert(1)), and comes back when it goes.
 */
export function extensionScripts(abi: Abi): Scripts {
  const path = `/${extensionDirectory(abi)}/${stockName}`;
  const divert = (verb: string): string[] => [
    "if [ -x /usr/bin/dpkg-divert ]; then",
    `\tdpkg-divert --quiet --package iptables-tarpit --${verb} --rename --divert ${path}.xtables-addons ${path}`,
    "fi",
  ];
  return {
    preinst: script(...when(["install", "upgrade"], ...divert("add"))),
    postrm: script(...when(["remove", "abort-install", "disappear"], ...divert("remove"))),
  };
}

/** dkms(8) builds the module for every kernel whose headers are there, now and whenever one comes. */
export function dkmsScripts(name: string, version: string): Scripts {
  return {
    postinst: script(
      ...when(["configure"], `/usr/lib/dkms/common.postinst ${name} ${version} "" "" "$2"`),
    ),
    prerm: script(
      ...when(
        ["remove", "upgrade", "deconfigure"],
        `if [ -n "$(dkms status -m ${name} -v ${version})" ]; then`,
        `\tdkms remove -m ${name} -v ${version} --all`,
        "fi",
      ),
    ),
  };
}

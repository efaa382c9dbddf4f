import type { Abi, Arch } from "./arch.ts";

/** Debian's name of an ABI, and its multiarch triplet, below which libxtables looks for extensions. */
interface DebianAbi {
  readonly architecture: string;
  readonly triplet: string;
}

/** https://wiki.debian.org/Multiarch/Tuples, for each ABI of data/arches. */
export const debianAbis: Readonly<Record<string, DebianAbi>> = {
  arm64: { architecture: "arm64", triplet: "aarch64-linux-gnu" },
  armhf: { architecture: "armhf", triplet: "arm-linux-gnueabihf" },
  i386: { architecture: "i386", triplet: "i386-linux-gnu" },
  mips64: { architecture: "mips64", triplet: "mips64-linux-gnuabi64" },
  ppc64: { architecture: "ppc64", triplet: "powerpc64-linux-gnu" },
  riscv64: { architecture: "riscv64", triplet: "riscv64-linux-gnu" },
  sparc: { architecture: "sparc", triplet: "sparc-linux-gnu" },
  sparc64: { architecture: "sparc64", triplet: "sparc64-linux-gnu" },
  x86_64: { architecture: "amd64", triplet: "x86_64-linux-gnu" },
};

/** Ports whose boot loader takes an uncompressed image, which Debian then calls vmlinux. */
const plainImages: ReadonlySet<string> = new Set(["mips64", "ppc64", "riscv64"]);

/** Name below /boot: what the port's boot loader configuration looks for. */
export const imageStem = (arch: Arch): string =>
  plainImages.has(arch.debianArch) ? "vmlinux" : "vmlinuz";

/** Fields of a binary package (deb-control(5)), in the order they are written. */
export interface Control {
  readonly package: string;
  readonly version: string;
  readonly architecture: string;
  readonly section: string;
  readonly depends: readonly string[];
  readonly conflicts?: readonly string[];
  readonly multiArch?: "same";
  readonly summary: string;
  readonly description: readonly string[];
}

/** A package name holds lower-case letters, digits, `+`, `-` and `.` (Debian policy 5.6.1). */
export const packageName = (text: string): string =>
  text.toLowerCase().replaceAll(/[^a-z0-9+.-]/g, "-");

/** An upstream version with revision 1; it starts with a digit (policy 5.6.12). */
export const packageVersion = (text: string): string =>
  `${text.replaceAll(/[^A-Za-z0-9.+~-]/g, "+").replace(/^(?!\d)/, "0")}-1`;

/** Each file counts as whole KiB, each directory as one (policy 5.6.20). */
export const installedSize = (sizes: readonly number[], directories: number): number =>
  sizes.reduce((sum, size) => sum + Math.ceil(size / 1024), directories);

export function controlFile(control: Control, installed: number): string {
  const list = (name: string, values: readonly string[] | undefined): string =>
    values && values.length > 0 ? `${name}: ${values.join(", ")}\n` : "";
  return [
    `Package: ${control.package}\n`,
    `Version: ${control.version}\n`,
    `Architecture: ${control.architecture}\n`,
    "Maintainer: tarpit-kit <root@localhost>\n",
    `Installed-Size: ${installed}\n`,
    list("Depends", control.depends),
    list("Conflicts", control.conflicts),
    control.multiArch ? `Multi-Arch: ${control.multiArch}\n` : "",
    `Section: ${control.section}\n`,
    "Priority: optional\n",
    `Description: ${control.summary}\n`,
    ...control.description.map((line) => ` ${line === "" ? "." : line}\n`),
  ].join("");
}

export interface KernelPackage {
  readonly arch: Arch;
  readonly release: string;
  /** CONFIG_BLK_DEV_INITRD: whether the hooks should make an initramfs for it. */
  readonly initrd: boolean;
}

export const kernelControl = ({ arch, release }: KernelPackage): Control => ({
  package: packageName(`linux-image-${release}`),
  version: packageVersion(release),
  architecture: arch.debianArch,
  section: "kernel",
  depends: ["kmod"],
  summary: `Linux kernel ${release} with the iptables TARPIT target`,
  description: [
    "The kernel image, its modules, its configuration and System.map.",
    "The matching iptables extension is the package iptables-tarpit.",
  ],
});

export const moduleControl = ({ arch, release }: KernelPackage): Control => ({
  package: packageName(`xt-tarpit-module-${release}`),
  version: packageVersion(release),
  architecture: arch.debianArch,
  section: "kernel",
  depends: ["kmod"],
  summary: `iptables TARPIT target for Linux ${release}`,
  description: [
    `The module xt_TARPIT for the kernel ${release} and no other.`,
    "The matching iptables extension is the package iptables-tarpit.",
  ],
});

/**
 * Both names of the extension. xtables-addons-common has a libxt_TARPIT.so at the same path:
 * two files cannot share it, and the two builds claim one target, so the packages conflict.
 */
export const extensionControl = (abi: Abi, version: string, libxtables: string): Control => ({
  package: "iptables-tarpit",
  version: packageVersion(version),
  architecture: debianAbis[abi.name]?.architecture ?? abi.name,
  section: "net",
  depends: ["libc6", `libxtables${libxtables}`],
  conflicts: ["xtables-addons-common"],
  multiArch: "same",
  summary: "TARPIT extension for iptables and ip6tables",
  description: [
    "Lets iptables and ip6tables add rules with -j TARPIT, which hold TCP",
    "connections open. Needs a kernel with the target xt_TARPIT.",
  ],
});

/** Where that ABI's iptables looks. */
export const extensionDirectory = (abi: Abi): string =>
  `usr/lib/${debianAbis[abi.name]?.triplet ?? abi.name}/xtables`;

export const hookNames = ["preinst", "postinst", "prerm", "postrm"] as const;
export type HookName = (typeof hookNames)[number];

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

const head = "#!/bin/sh\nset -e\n";

/**
 * Maintainer scripts of a kernel package: Debian's kernel policy hands the release and the image
 * to the scripts in /etc/kernel/HOOK.d, which make the initramfs and the boot menu
 * (kernel-handbook, "Kernel hooks"). DEB_MAINT_PARAMS and INITRD are part of that agreement.
 */
export function kernelScript(hook: HookName, { arch, release, initrd }: KernelPackage): string {
  const image = `/boot/${imageStem(arch)}-${release}`;
  const lines = [
    `export DEB_MAINT_PARAMS="$*"`,
    `export INITRD=${initrd ? "Yes" : "No"}`,
    `if [ -d /etc/kernel/${hook}.d ]; then`,
    `\trun-parts --verbose --exit-on-error --arg=${release} --arg=${image} /etc/kernel/${hook}.d`,
    "fi",
  ];
  const before =
    hook === "postinst" ? depmod(release) : hook === "postrm" ? undoDepmod(release) : [];
  return `${head}${[...before, ...lines].join("\n")}\n`;
}

/** A lone module needs no boot menu: depmod after it came and after it went. */
export function moduleScript(hook: HookName, { release }: KernelPackage): string | undefined {
  if (hook !== "postinst" && hook !== "postrm") return undefined;
  return `${head}if [ -d /lib/modules/${release} ]; then\n\tdepmod ${release}\nfi\n`;
}

const depmod = (release: string): string[] => [
  'if [ "$1" = configure ]; then',
  `\tdepmod ${release}`,
  "fi",
];

const undoDepmod = (release: string): string[] => [
  'if [ "$1" = remove ] || [ "$1" = purge ]; then',
  `\tfor file in ${depmodFiles.join(" ")}; do`,
  `\t\trm -f "/lib/modules/${release}/$file"`,
  "\tdone",
  `\tif [ -d /lib/modules/${release} ]; then rmdir --ignore-fail-on-non-empty /lib/modules/${release}; fi`,
  "fi",
];

/** debian/copyright in its machine-readable form, one stanza. */
export const copyrightFile = (software: string): string =>
  `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: ${software}

Files: *
Copyright: the authors of ${software}
License: GPL-2
 On Debian systems the text of the GNU General Public License version 2
 is in /usr/share/common-licenses/GPL-2.
`;

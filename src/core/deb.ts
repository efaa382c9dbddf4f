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
  readonly recommends?: readonly string[];
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

/**
 * Who a package is from: DEBFULLNAME and DEBEMAIL, as Debian's own tools take it (debchange(1)).
 * Without them an address that is nobody's (RFC 2606), of a host that lintian lets pass.
 */
export function maintainerOf(env: Readonly<Record<string, string | undefined>>): string {
  const plain = (text: string | undefined, otherwise: string): string =>
    text !== undefined && /^[^<>\p{Cc},]+$/u.test(text) ? text : otherwise;
  const email = plain(env["DEBEMAIL"], "tarpit-kit@example.org");
  return `${plain(env["DEBFULLNAME"], "tarpit-kit")} <${email}>`;
}

export function controlFile(control: Control, maintainer: string, installed: number): string {
  const list = (name: string, values: readonly string[] | undefined): string =>
    values && values.length > 0 ? `${name}: ${values.join(", ")}\n` : "";
  return [
    `Package: ${control.package}\n`,
    `Version: ${control.version}\n`,
    `Architecture: ${control.architecture}\n`,
    `Maintainer: ${maintainer}\n`,
    `Installed-Size: ${installed}\n`,
    list("Depends", control.depends),
    list("Recommends", control.recommends),
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
  depends: ["kmod", "linux-base"],
  recommends: ["initramfs-tools | linux-initramfs-tool"],
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
 * Both names of the extension. xtables-addons-common has a libxt_TARPIT.so at the same path, and
 * much else that a firewall may use: that one file is diverted (deb-scripts.ts), nothing conflicts.
 */
export const extensionControl = (abi: Abi, version: string, libxtables: string): Control => ({
  package: "iptables-tarpit",
  version: packageVersion(version),
  architecture: debianAbis[abi.name]?.architecture ?? abi.name,
  section: "net",
  depends: ["libc6", `libxtables${libxtables}`],
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

const changelogDate = (epoch: number): string =>
  new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");

/** debian/changelog (deb-changelog(5)), one entry: what policy 12.7 wants every package to have. */
export const changelogFile = (control: Control, maintainer: string, epoch: number): string =>
  `${control.package} (${control.version}) unstable; urgency=medium

  * Made by tarpit-kit.

 -- ${maintainer}  ${changelogDate(epoch)}
`;

/** Sources that dkms(8) builds on the machine itself; both modules would be updates/dkms/xt_TARPIT.ko. */
export const dkmsControl = (version: string): Control => ({
  package: "xt-tarpit-dkms",
  version: packageVersion(version),
  architecture: "all",
  section: "kernel",
  depends: ["dkms"],
  recommends: ["iptables-tarpit"],
  conflicts: ["xtables-addons-dkms"],
  summary: "iptables TARPIT target, built for each kernel by DKMS",
  description: [
    "The source of the module xt_TARPIT. It is built for every kernel whose",
    "headers are installed, and again when another kernel comes.",
    "The matching iptables extension is the package iptables-tarpit.",
  ],
});

import type { Command } from "./command.ts";
import type { Abi } from "./arch.ts";
import { abiCompiler, type ExtensionPaths } from "./extension.ts";

/** The extension for iptables 1.2 and 1.3, which has one name only. */
export const periodSource = "extensions/libipt_TARPIT.c";
export const periodName = "libipt_TARPIT.so";

/** `iptables-1.2.9`: where the extension for that iptables lies below extensions/ABI. */
export const periodDirectory = (version: string): string => `iptables-${version}`;
export const versionOfDirectory = (name: string): string | undefined =>
  /^iptables-(\d[\w.-]{0,30})$/.exec(name)?.[1];

/**
 * What a C library of 2004 has (glibc 2.3.2, Debian 3.1) is the most it may ask for, and DT_HASH is
 * the only hash table a loader knew before glibc 2.5.
 */
export const periodGlibc = "2.3";

/**
 * The version an iptables source tree says it is, in its Makefile: NETFILTER_VERSION up to 1.2.6a,
 * then IPTABLES_VERSION. Undefined when it is not of 1.2 or 1.3, whose extensions are one interface.
 */
export function versionOfIptables(makefile: string): string | undefined {
  const named = /^(?:IPTABLES|NETFILTER)_VERSION[ \t]*:?=[ \t]*(\S+)/m.exec(makefile)?.[1];
  return named !== undefined && /^1\.[23]\.\d[\w.-]{0,20}$/.test(named) ? named : undefined;
}

/**
 * `-nostartfiles` and DT_INIT: the compiler's own start files ask for what no C library of that time
 * had, and its loaders run DT_INIT. System headers of the tree are not ours to warn about.
 */
const flags = [
  "-std=gnu89",
  "-O2",
  "-fPIC",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-fno-stack-protector",
  "-fno-asynchronous-unwind-tables",
  "-U_FORTIFY_SOURCE",
  "-shared",
  "-s",
  "-nostartfiles",
  "-Wl,-init=tarpit_register",
  "-Wl,--hash-style=sysv",
  "-Wl,--build-id=none",
] as const;

/** How it is compiled for one ABI against the headers of one iptables. */
export const periodCommand = (abi: Abi, version: string, paths: ExtensionPaths): Command => ({
  program: abiCompiler(abi),
  args: [
    ...abi.cflags,
    ...flags,
    `-DIPTABLES_VERSION="${version}"`,
    ...["-isystem", paths.includeDir, "-o", paths.output, paths.source],
  ],
  env: { LC_ALL: "C", CPATH: undefined, C_INCLUDE_PATH: undefined, LIBRARY_PATH: undefined },
});

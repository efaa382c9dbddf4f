import type { Command } from "./command.ts";
import type { Abi } from "./arch.ts";

/** The one source, and the two names its build is installed under. */
export const extensionSource = "extensions/libxt_TARPIT.c";
export const extensionNames = ["libipt_TARPIT.so", "libxt_TARPIT.so"] as const;

/**
 * The libxtables headers the extension needs. They say the same on every
 * architecture, so the build host's are right for a cross compile; the rest of
 * its include directory is not, hence a private directory with just these.
 */
export const extensionHeaders = ["xtables.h", "xtables-version.h"] as const;
export const extensionHeaderPackage = "libxtables-dev";

export interface ExtensionPaths {
  readonly source: string;
  readonly includeDir: string;
  readonly output: string;
}

/**
 * Flags that do not depend on where the build happens (gcc(1), ld(1)): the same
 * source and compiler give the same bytes. DT_HASH (sysv) is read by every
 * loader there ever was, and is the only one MIPS allows.
 */
const flags = [
  "-std=gnu11",
  "-O2",
  "-fPIC",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-shared",
  "-s",
  "-Wl,--hash-style=sysv",
  "-Wl,--build-id=none",
  "-Wl,-z,relro,-z,now",
] as const;

/** The compiler of an ABI, as it is called and as error messages name it. */
export const abiCompiler = (abi: Abi): string => `${abi.crossPrefix}gcc`;

/** How the extension is compiled for one ABI: a pure function of data, so a dry run shows the truth. */
export function extensionCommand(abi: Abi, paths: ExtensionPaths): Command {
  return {
    program: abiCompiler(abi),
    args: [...abi.cflags, ...flags, `-I${paths.includeDir}`, "-o", paths.output, paths.source],
    env: { LC_ALL: "C", CPATH: undefined, C_INCLUDE_PATH: undefined, LIBRARY_PATH: undefined },
  };
}

import type { Arch } from "./arch.ts";
import { badInput } from "./errors.ts";

/** Everything that decides how make is called on a kernel tree, for every target alike. */
export interface MakeSetup {
  readonly tree: string;
  /** O=; absent for work in the tree itself. */
  readonly buildDir?: string;
  readonly arch: Arch;
  /** --cross-compile; the arch's own prefix without it. */
  readonly crossCompile?: string;
  /** --cc; CROSS_COMPILE's gcc without it. */
  readonly cc?: string;
  /** ccache, distcc, … put before the compiler. */
  readonly launcher?: string;
  readonly jobs: number;
  /** Seconds since 1970 that stand for "now" in everything built. */
  readonly epoch: number;
  /** VARIABLE=value that this kernel line needs. */
  readonly variables?: readonly string[];
}

export const compilerOf = (setup: Pick<MakeSetup, "arch" | "crossCompile" | "cc">): string =>
  setup.cc ?? `${setup.crossCompile ?? setup.arch.crossPrefix}gcc`;

/**
 * Arguments common to all calls. The timestamp, user, host and version lines are what
 * Documentation/kbuild/reproducible-builds.rst asks for; -ffile-prefix-map takes our
 * directories out of the objects.
 */
export function makeArguments(setup: MakeSetup): readonly string[] {
  const compiler = compilerOf(setup);
  const prefix = setup.crossCompile ?? setup.arch.crossPrefix;
  const launch = (program: string): string =>
    setup.launcher ? `${setup.launcher} ${program}` : program;
  return [
    "-C",
    setup.tree,
    ...(setup.buildDir === undefined ? [] : [`O=${setup.buildDir}`]),
    `ARCH=${setup.arch.makeArch}`,
    `CROSS_COMPILE=${prefix}`,
    `CC=${launch(compiler)}`,
    ...(setup.launcher ? [`HOSTCC=${launch("gcc")}`] : []),
    "LOCALVERSION=",
    `KBUILD_BUILD_TIMESTAMP=@${setup.epoch}`,
    "KBUILD_BUILD_USER=tarpit-kit",
    "KBUILD_BUILD_HOST=tarpit-kit",
    "KBUILD_BUILD_VERSION=1",
    ...(setup.variables ?? []),
    ...prefixMap(setup),
  ];
}

function prefixMap(setup: MakeSetup): readonly string[] {
  if (setup.buildDir === undefined) return [];
  return [`KCFLAGS=-ffile-prefix-map=${setup.buildDir}=. -ffile-prefix-map=${setup.tree}=src`];
}

/** One word that means nothing more to make or to a shell, and is no option. */
const plainWord = /^[\p{L}\p{N}_./][\p{L}\p{N}_./+@~,-]*$/u;

/**
 * Tools that the user names become make variables, and make expands those ($(shell …)) and hands them
 * to a shell: one plain word each, or nothing.
 */
export function refuseOddTools(
  choice: Readonly<Partial<Record<"cc" | "crossCompile" | "launcher", string>>>,
): void {
  const options = { cc: "--cc", crossCompile: "--cross-compile", launcher: "--launcher" } as const;
  for (const [key, option] of Object.entries(options)) {
    const value = choice[key as keyof typeof options];
    if (value === undefined || plainWord.test(value)) continue;
    throw badInput("make.tool", {
      what: `${JSON.stringify(value)} is not one plain word`,
      where: option,
      next: "give a program's name or path without spaces or special characters; ccache goes into --launcher",
    });
  }
}

/** kbuild takes no spaces or colons in its directories (the kernel's top Makefile), and make and gcc not more. */
export function refuseOddDirectory(path: string, whose: string, next: string): void {
  if (plainWord.test(path)) return;
  throw badInput("make.directory", {
    what: `kbuild cannot work in a directory with a space or special characters in its name`,
    where: `${path} (${whose})`,
    next,
  });
}

/** Variables of the caller's environment that would change what make builds: taken out of it. */
export const cleanMakeEnvironment: Readonly<Record<string, string | undefined>> = {
  ARCH: undefined,
  SUBARCH: undefined,
  CROSS_COMPILE: undefined,
  LLVM: undefined,
  LLVM_IAS: undefined,
  CC: undefined,
  LD: undefined,
  AR: undefined,
  NM: undefined,
  OBJCOPY: undefined,
  OBJDUMP: undefined,
  READELF: undefined,
  STRIP: undefined,
  HOSTCC: undefined,
  HOSTCXX: undefined,
  HOSTLD: undefined,
  HOSTCFLAGS: undefined,
  HOSTLDFLAGS: undefined,
  CFLAGS: undefined,
  CPPFLAGS: undefined,
  LDFLAGS: undefined,
  KCFLAGS: undefined,
  KCPPFLAGS: undefined,
  KAFLAGS: undefined,
  CFLAGS_KERNEL: undefined,
  CFLAGS_MODULE: undefined,
  AFLAGS_KERNEL: undefined,
  AFLAGS_MODULE: undefined,
  LDFLAGS_MODULE: undefined,
  LDFLAGS_vmlinux: undefined,
  C: undefined,
  M: undefined,
  KBUILD_EXTMOD: undefined,
  KBUILD_EXTRA_SYMBOLS: undefined,
  KBUILD_DEFCONFIG: undefined,
  KBUILD_VERBOSE: undefined,
  MAKEFILES: undefined,
  GNUMAKEFLAGS: undefined,
  KBUILD_OUTPUT: undefined,
  KCONFIG_CONFIG: undefined,
  KCONFIG_ALLCONFIG: undefined,
  KERNELVERSION: undefined,
  KERNELRELEASE: undefined,
  MAKEFLAGS: undefined,
  MAKELEVEL: undefined,
  MFLAGS: undefined,
  INSTALL_MOD_PATH: undefined,
  W: undefined,
  V: undefined,
  // The kernel's Makefile takes LC_ALL out again: messages follow LANG.
  LC_ALL: "C",
  LANG: "C",
  LANGUAGE: undefined,
  LC_CTYPE: undefined,
  LC_MESSAGES: undefined,
};

/**
 * The environment of a make that compiles. ccache is told which directory to take out of paths
 * (ccache(1), base_dir, hash_dir), so that it hits in another cache directory too; what the
 * objects hold of paths is mapped away by -ffile-prefix-map in any case.
 */
export function makeEnvironment(setup: MakeSetup): Readonly<Record<string, string | undefined>> {
  if (setup.launcher?.split("/").at(-1) !== "ccache" || setup.buildDir === undefined) {
    return cleanMakeEnvironment;
  }
  const base = commonDirectory(setup.tree, setup.buildDir);
  return { ...cleanMakeEnvironment, CCACHE_BASEDIR: base, CCACHE_NOHASHDIR: "1" };
}

/** The deepest directory that holds both paths. */
function commonDirectory(a: string, b: string): string {
  const [left, right] = [a.split("/"), b.split("/")];
  const differ = left.findIndex((name, index) => name !== right[index]);
  return left.slice(0, differ === -1 ? left.length : differ).join("/") || "/";
}

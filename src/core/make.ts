import { posix } from "node:path";
import type { Arch } from "./arch.ts";
import { statisticsLog } from "./compiler-cache.ts";
import { badInput } from "./errors.ts";
import type { Generation, Toolchain } from "./generation.ts";

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
  /** What data/launchers says of it; for an unknown one nothing is set, and all is compiled through it. */
  readonly launching?: {
    readonly hostCompiler: boolean;
    readonly env: Readonly<Record<string, string>>;
  };
  readonly jobs: number;
  /** Seconds since 1970 that stand for "now" in everything built. */
  readonly epoch: number;
  /** VARIABLE=value that this kernel line needs. */
  readonly variables?: readonly string[];
  /** Of a kernel that kbuild does not build. */
  readonly older?: OlderMake;
}

/** What a make of an older generation is given besides. */
export interface OlderMake {
  readonly generation: Generation;
  /** Absent with a compiler that the kernel's authors knew. */
  readonly toolchain?: Toolchain;
  /** EXTRAVERSION, where it is not the Makefile's own. */
  readonly extraVersion?: string;
  /** The directory of shims, and PATH with it in front, once it is made. */
  readonly path?: string;
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
  if (setup.older) return olderArguments(setup, setup.older, prefix, launch);
  return [
    "-C",
    setup.tree,
    ...(setup.buildDir === undefined ? [] : [`O=${setup.buildDir}`]),
    `ARCH=${setup.arch.makeArch}`,
    `CROSS_COMPILE=${prefix}`,
    `CC=${launch(compiler)}`,
    ...(setup.launcher && (setup.launching?.hostCompiler ?? true)
      ? [`HOSTCC=${launch("gcc")}`]
      : []),
    "LOCALVERSION=",
    `KBUILD_BUILD_TIMESTAMP=@${setup.epoch}`,
    "KBUILD_BUILD_USER=tarpit-kit",
    "KBUILD_BUILD_HOST=tarpit-kit",
    "KBUILD_BUILD_VERSION=1",
    ...(setup.variables ?? []),
    ...prefixMap(setup),
  ];
}

/** The toolchain's flags go with the compiler's name: Makefiles of that time set CFLAGS themselves. */
function olderArguments(
  setup: MakeSetup,
  older: OlderMake,
  prefix: string,
  launch: (program: string) => string,
): readonly string[] {
  const flags = (older.toolchain?.cflags ?? []).map((flag) =>
    flag.replaceAll("{tree}", setup.tree),
  );
  return [
    "-C",
    setup.tree,
    `ARCH=${setup.arch.makeArch}`,
    `CROSS_COMPILE=${prefix}`,
    `CC=${[launch(compilerOf(setup)), ...flags].join(" ")}`,
    ...(older.extraVersion === undefined ? [] : [`EXTRAVERSION=${older.extraVersion}`]),
    ...older.generation.variables,
  ];
}

/** The tree by both names that the compiler may see: ccache makes paths below CCACHE_BASEDIR relative (ccache(1)). */
function prefixMap({ buildDir, tree }: MakeSetup): readonly string[] {
  if (buildDir === undefined) return [];
  const maps = [`${buildDir}=.`, `${tree}=src`, `${posix.relative(buildDir, tree)}=src`];
  return [`KCFLAGS=${maps.map((map) => `-ffile-prefix-map=${map}`).join(" ")}`];
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
 * The environment of a make that compiles: the launcher gets what its data says, `{base}` being the
 * directory that holds both trees. What objects hold of paths is mapped away by -ffile-prefix-map
 * in any case.
 */
export function makeEnvironment(setup: MakeSetup): Readonly<Record<string, string | undefined>> {
  if (setup.older) return olderEnvironment(setup, setup.older);
  const { launching, tree, buildDir } = setup;
  const own = Object.entries(launching?.env ?? {}).filter(
    ([, value]) => buildDir !== undefined || !value.includes("{base}"),
  );
  const base = buildDir === undefined ? "" : commonDirectory(tree, buildDir);
  const statistics = statisticsLog(setup);
  return {
    ...cleanMakeEnvironment,
    ...(statistics === undefined ? {} : { CCACHE_STATSLOG: statistics }),
    ...Object.fromEntries(own.map(([name, value]) => [name, value.replace("{base}", base)])),
  };
}

/** gcc takes SOURCE_DATE_EPOCH for __DATE__ and __TIME__; what asks date(1) and hostname(1) asks the shims. */
function olderEnvironment(
  setup: MakeSetup,
  older: OlderMake,
): Readonly<Record<string, string | undefined>> {
  return {
    ...cleanMakeEnvironment,
    SOURCE_DATE_EPOCH: String(setup.epoch),
    ...(older.path === undefined ? {} : { PATH: older.path }),
    ...(setup.launcher?.split("/").at(-1) === "ccache"
      ? { CCACHE_BASEDIR: setup.tree, CCACHE_NOHASHDIR: "1", CCACHE_NAMESPACE: "tarpit-kit" }
      : {}),
  };
}

/** The deepest directory that holds both paths. */
function commonDirectory(a: string, b: string): string {
  const [left, right] = [a.split("/"), b.split("/")];
  const differ = left.findIndex((name, index) => name !== right[index]);
  return left.slice(0, differ === -1 ? left.length : differ).join("/") || "/";
}

import type { Abi, Arch } from "./arch.ts";

/** What a tool is needed for: the parts of the program that call it. */
export type Need =
  | "fetch"
  | "config"
  | "kernel"
  | "module"
  | "extension"
  | "package"
  | "prove"
  | "launcher"
  /** `npm test`: what the integration tests drive. */
  | "test"
  /** `npm run test:e2e`: what we are compared with. */
  | "e2e"
  /** The same on x86_64, whose programs and Debian kernel the guests are made of. */
  | "e2e-x86_64";

/**
 * How presence is seen, the same on every distribution: a program in PATH, one of several
 * files, or a file the compiler itself finds (gcc -print-file-name, gcc(1)).
 */
export type Probe =
  | { readonly program: string }
  | { readonly file: readonly string[] }
  | { readonly compiler: string; readonly flags: readonly string[]; readonly file: string };

export interface Requirement {
  readonly id: string;
  readonly why: string;
  readonly for: readonly Need[];
  readonly probe: Probe;
  /** Debian's name; absent for what the user named (--cc, --cross-compile). */
  readonly package?: string;
  /** Told, but never missed. */
  readonly optional?: boolean;
}

/** The user's own choices of tools, which replace ours. */
export interface ToolChoice {
  readonly crossCompile?: string;
  readonly cc?: string;
  readonly launcher?: string;
  /** Debian's package of it; another one is the user's to install. */
  readonly launcherPackage?: string;
}

const wanted = (requirement: Requirement, needs: readonly Need[]): boolean =>
  requirement.for.some((need) => needs.includes(need));

/** Everything `needs` asks for: the build host's part (data/requirements.json) and the arch's own. */
export function requirementsFor(
  general: readonly Requirement[],
  needs: readonly Need[],
  arch: Arch | undefined,
  abis: readonly Abi[],
  choice: ToolChoice = {},
): readonly Requirement[] {
  const all = [
    ...general,
    ...(arch ? archRequirements(arch, abis, choice) : []),
    ...launcher(choice),
  ];
  return all.filter((requirement) => wanted(requirement, needs));
}

function archRequirements(
  arch: Arch,
  abis: readonly Abi[],
  choice: ToolChoice,
): readonly Requirement[] {
  return [
    kernelCompiler(arch, choice),
    ...binutils(arch, choice),
    ...abis.flatMap(abiRequirements),
    ...emulator(arch),
  ];
}

function kernelCompiler(arch: Arch, choice: ToolChoice): Requirement {
  const own =
    choice.cc ?? (choice.crossCompile === undefined ? undefined : `${choice.crossCompile}gcc`);
  const shared = {
    why: `compiles the ${arch.name} kernel`,
    for: ["config", "kernel", "module"] as const,
  };
  if (own !== undefined) return { ...shared, id: own, probe: { program: own } };
  const program = `${arch.crossPrefix}gcc`;
  return { ...shared, id: program, probe: { program }, ...packageOf(arch.crossPackages[0]) };
}

function binutils(arch: Arch, choice: ToolChoice): readonly Requirement[] {
  const program = `${choice.crossCompile ?? arch.crossPrefix}ld`;
  const why = `links the ${arch.name} kernel`;
  const from = choice.crossCompile === undefined ? packageOf(arch.crossPackages[0]) : {};
  return [{ id: program, why, for: ["config", "kernel", "module"], probe: { program }, ...from }];
}

/** The C library counts as there when the compiler finds its start file and its own library for that width. */
function abiRequirements(abi: Abi): readonly Requirement[] {
  const program = `${abi.crossPrefix}gcc`;
  const width = `${abi.bits}-bit ${abi.name}`;
  const from = packageOf(abi.packages.at(-1));
  const found = (id: string, file: string, why: string, needs: readonly Need[]): Requirement => ({
    id: `${id}-${abi.name}`,
    why: `${why} ${width} programs`,
    for: needs,
    probe: { compiler: program, flags: abi.cflags, file },
    ...from,
  });
  return [
    {
      id: program,
      why: `compiles the ${width} extension`,
      for: ["extension", "prove"],
      probe: { program },
      ...packageOf(abi.packages[0]),
    },
    found("libc", "crt1.o", "the C library of", ["extension", "prove"]),
    found("libgcc", "libgcc.a", "the compiler's library of", ["extension", "prove"]),
    found("static-libc", "libc.a", "the static C library of", ["prove"]),
  ];
}

const emulator = (arch: Arch): readonly Requirement[] =>
  arch.qemu
    ? [
        {
          id: arch.qemu.program,
          why: `boots the ${arch.name} kernel`,
          for: ["prove"],
          probe: { program: arch.qemu.program },
          package: arch.qemu.package,
        },
      ]
    : [];

const launcher = ({ launcher: program, launcherPackage }: ToolChoice): readonly Requirement[] =>
  program === undefined
    ? []
    : [
        {
          id: program,
          why: "--launcher",
          for: ["launcher"],
          probe: { program },
          ...packageOf(launcherPackage),
        },
      ];

const packageOf = (name: string | undefined): { readonly package?: string } =>
  name === undefined ? {} : { package: name };

/** Package names once each, sorted: the same lack gives the same command. */
export const packagesOf = (missing: readonly Requirement[]): readonly string[] =>
  [...new Set(missing.flatMap((requirement) => requirement.package ?? []))].toSorted();

/** The one command that brings them (apt-get(8)). */
export const installCommand = (packages: readonly string[]): string =>
  `apt-get install -y --no-install-recommends ${packages.join(" ")}`;

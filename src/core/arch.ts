import { badInput } from "./errors.ts";

/** What an ELF file for this machine must say of itself (elf(5), e_ident and e_machine). */
export interface ElfIdentity {
  readonly bits: 32 | 64;
  readonly endian: "big" | "little";
  readonly machine: number;
  /** The machine's name as readelf prints it, for messages. */
  readonly machineName: string;
}

/** One userland width of an architecture: what an iptables extension is compiled for. */
export interface Abi {
  /** Directory name below extensions/ in the artifacts: `sparc64`, `sparc`, … */
  readonly name: string;
  readonly bits: 32 | 64;
  /** Cross prefix of the compiler for it, which may differ from the kernel's. */
  readonly crossPrefix: string;
  readonly cflags: readonly string[];
  readonly elf: ElfIdentity;
  /** XT_ALIGN(1): the size userspace hands over for the one-byte target. */
  readonly xtAlign: 4 | 8;
  /** Debian packages that bring the compiler and the C library. */
  readonly packages: readonly string[];
  /** Where the dynamic loader is expected, and where its libraries are on the build host. */
  readonly loader: string;
  readonly libraryDirs: readonly string[];
}

export interface QemuMachine {
  readonly program: string;
  readonly package: string;
  readonly args: readonly string[];
  readonly console: string;
  readonly memoryMiB: number;
  /** `-device` for a NIC; `{id}` is the netdev, `{mac}` its address. */
  readonly nic: string;
  /**
   * The kernel's command line; without it the console's, and what today's kernels understand. x86 is told
   * not to test its timer: it waits for ticks (check_timer() of arch/x86/kernel/apic/io_apic.c), which an
   * emulator on a busy host brings too late, and panics.
   */
  readonly append?: string;
}

export interface Arch {
  readonly name: string;
  readonly description: string;
  /** ARCH= for make, and the directory below arch/ (SRCARCH). */
  readonly makeArch: string;
  readonly srcArch: string;
  readonly crossPrefix: string;
  readonly crossPackages: readonly string[];
  /** Make targets of a whole kernel. */
  readonly targets: readonly string[];
  /** Path below the build tree, and the name it gets in the artifacts. */
  readonly bootImage: string;
  readonly bootImageName: string;
  readonly elf: ElfIdentity;
  readonly abis: readonly Abi[];
  readonly defaultProfile: string;
  /** Debian's name of the architecture, for packages. */
  readonly debianArch: string;
  readonly qemu?: QemuMachine;
  /** What is otherwise for kernels of an older generation (data/generations), by its name. */
  readonly generations?: Readonly<Record<string, Partial<Omit<Arch, "name" | "generations">>>>;
  /** Only kernels of these generations; absent: kbuild's, and those of `generations`. */
  readonly only?: readonly string[];
}

/** The arch as a kernel of that generation has it; undefined where it has none of that kind. */
export function archOfGeneration(arch: Arch, generation: string | undefined): Arch | undefined {
  if (generation === undefined) return arch.only === undefined ? arch : undefined;
  const other = arch.generations?.[generation];
  if (other === undefined) return arch.only?.includes(generation) === true ? arch : undefined;
  return { ...arch, ...other };
}

/** The ABIs `--userland` chooses: every width the arch has unless one is named. */
export function chooseAbis(arch: Arch, userland: "32" | "64" | "both" | undefined): readonly Abi[] {
  if (userland === undefined || (userland === "both" && arch.abis.length > 1)) return arch.abis;
  const chosen = arch.abis.filter((abi) => String(abi.bits) === userland);
  if (chosen.length > 0) return chosen;
  throw badInput("arch.userland", {
    what: `${arch.name} has no ${userland === "both" ? "second" : `${userland}-bit`} userland here`,
    where: "--userland",
    next: `use --userland ${arch.abis.map((abi) => abi.bits).join(" or ")}`,
  });
}

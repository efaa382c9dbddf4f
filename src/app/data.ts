import { join } from "node:path";
import { type Arch, archOfGeneration } from "../core/arch.ts";
import { badInput } from "../core/errors.ts";
import { type Generation, generationFor, type Toolchain } from "../core/generation.ts";
import { type Launcher, launcherName } from "../core/launcher.ts";
import type { KernelVersion } from "../core/kernel-version.ts";
import type { Ports } from "../ports.ts";

/** A named starting point: a base configuration, and the fragments on top of it. */
export interface Profile {
  readonly name: string;
  readonly arch: string;
  readonly description: string;
  readonly base: string;
  readonly fragments: readonly string[];
  /** About how many files it compiles: the progress line's total until a run has counted them. */
  readonly objects: number;
  /** What has been seen: `booted` in QEMU, `compiled` whole, or `one object compiled`. */
  readonly claim: string;
  /** The generation of kernels it is for (data/generations); absent: kbuild's. */
  readonly generation?: string;
  /** For an emulator and nothing else: a series on top, and what the release ends with, so that nobody takes it for another. */
  readonly emulator?: { readonly series: string; readonly suffix: string };
}

async function names(directory: string, ports: Ports): Promise<string[]> {
  const files = await ports.files.list(join(ports.packageRoot, directory));
  return files.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
}

async function load<T>(directory: string, name: string, option: string, ports: Ports): Promise<T> {
  const known = await names(directory, ports);
  if (!known.includes(name)) {
    const kind = option.replace("--", "");
    throw badInput(`${kind}.unknown`, {
      what: `unknown ${kind} "${name}"`,
      where: option,
      next: `choose one of: ${known.join(", ")}`,
    });
  }
  return JSON.parse(
    await ports.files.readText(join(ports.packageRoot, directory, `${name}.json`)),
  ) as T;
}

export const archNames = (ports: Ports): Promise<string[]> => names("data/arches", ports);
export const profileNames = (ports: Ports): Promise<string[]> => names("data/profiles", ports);

const all = async <T>(directory: string, ports: Ports): Promise<readonly T[]> =>
  Promise.all(
    (await names(directory, ports)).map(
      async (name) =>
        JSON.parse(
          await ports.files.readText(join(ports.packageRoot, directory, `${name}.json`)),
        ) as T,
    ),
  );

/** How kernels of this version are built, where kbuild does not do it. */
export const loadGeneration = async (
  version: KernelVersion,
  ports: Ports,
): Promise<Generation | undefined> =>
  generationFor(await all<Generation>("data/generations", ports), version);

/** The generation that metadata.json names. */
export async function namedGeneration(name: string, ports: Ports): Promise<Generation> {
  return load<Generation>("data/generations", name, "generation", ports);
}

export const loadToolchains = async (
  generation: Generation,
  ports: Ports,
): Promise<readonly Toolchain[]> =>
  (await all<Toolchain>("data/toolchains", ports)).filter(
    (toolchain) => toolchain.generation === generation.name,
  );

/** The arch as kernels of this generation know it. */
export function archFor(arch: Arch, generation: Generation | undefined): Arch {
  const found = archOfGeneration(arch, generation?.name);
  if (found) return found;
  throw badInput("arch.generation", {
    what: `there is no ${arch.name} for ${generation ? `Linux ${generation.name}` : "this kernel"} here`,
    where: "--arch",
    next: arch.only
      ? `${arch.name} is for Linux ${arch.only.join(", ")} only`
      : "README.md says which arch goes with which kernel",
  });
}

export const loadArch = (name: string, ports: Ports): Promise<Arch> =>
  load<Arch>("data/arches", name, "--arch", ports);

/** The named profile; it must be one for this arch. */
export async function loadProfile(name: string, arch: Arch, ports: Ports): Promise<Profile> {
  const profile = await load<Profile>("data/profiles", name, "--profile", ports);
  if (profile.arch === arch.name) return profile;
  throw badInput("profile.arch", {
    what: `profile ${name} is for ${profile.arch}, not for ${arch.name}`,
    where: "--profile",
    next: `use --arch ${profile.arch}, or leave --profile out for ${arch.defaultProfile}`,
  });
}

/** What is known of a launcher; undefined for one of the user's own. */
export async function loadLauncher(program: string, ports: Ports): Promise<Launcher | undefined> {
  const name = launcherName(program);
  if (!(await names("data/launchers", ports)).includes(name)) return undefined;
  return load<Launcher>("data/launchers", name, "--launcher", ports);
}

export async function loadLaunchers(ports: Ports): Promise<readonly Launcher[]> {
  const known = await names("data/launchers", ports);
  return Promise.all(
    known.map((name) => load<Launcher>("data/launchers", name, "--launcher", ports)),
  );
}

/** A profile names symbols that only one generation of kernels has. */
export function refuseOtherGeneration(
  profile: Profile,
  arch: Arch,
  generation: Generation | undefined,
): void {
  if (profile.generation === generation?.name) return;
  const other = (name: string | undefined) => (name === undefined ? "kbuild" : `Linux ${name}`);
  throw badInput("profile.generation", {
    what: `profile ${profile.name} is for kernels of ${other(profile.generation)}, this one is of ${other(generation?.name)}`,
    where: "--profile",
    next: `leave --profile out for ${arch.defaultProfile}`,
  });
}

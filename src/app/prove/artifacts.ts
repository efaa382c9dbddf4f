import { join, resolve } from "node:path";
import type { Abi, Arch, QemuMachine } from "../../core/arch.ts";
import { badInput, failure } from "../../core/errors.ts";
import { extensionNames } from "../../core/extension.ts";
import type { Ports } from "../../ports.ts";
import type { Generation } from "../../core/generation.ts";
import { archFor, loadArch, namedGeneration } from "../data.ts";

/** An artifact directory that can be booted, with all it needs found to be there. */
export interface ProvableArtifacts {
  readonly dir: string;
  readonly arch: Arch;
  readonly machine: QemuMachine;
  readonly release: string;
  readonly image: string;
  readonly modules: string;
  readonly abis: readonly Abi[];
  /** Of a kernel that kbuild does not build. */
  readonly generation: Generation | undefined;
  /** What `config` says of each symbol that is y or m. */
  readonly symbols: ReadonlyMap<string, string>;
}

interface Metadata {
  readonly arch?: string;
  readonly scope?: string;
  readonly abis?: readonly string[];
  readonly generation?: string;
  readonly emulatorOnly?: boolean;
  readonly kernel?: { readonly release?: string };
}

/** The directory itself, or the only one below it that is an artifact directory. */
async function findDirectory(given: string, ports: Ports): Promise<string> {
  if (await ports.files.stat(join(given, "metadata.json"))) return given;
  const names = await ports.files.list(given);
  const found: string[] = [];
  for (const name of names)
    if (await ports.files.stat(join(given, name, "metadata.json"))) found.push(name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return join(given, only);
  throw badInput("prove.artifacts", {
    what:
      found.length === 0
        ? "no artifacts here: there is no metadata.json"
        : `${found.length} artifact directories here: ${found.join(", ")}`,
    where: given,
    next:
      found.length === 0
        ? "make some with: tarpit-kit build --arch sparc64"
        : `name one: --artifacts ${join(given, only ?? "")}`,
  });
}

/** Artifacts may come from anywhere: what is used of it is what it should be. */
function checkedMetadata(json: unknown): Metadata {
  const { arch, abis } = (json ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof arch !== "string") throw new Error("it names no arch");
  if (abis !== undefined && !Array.isArray(abis)) throw new Error("abis is no list");
  return json as Metadata;
}

async function readMetadata(dir: string, ports: Ports): Promise<Metadata> {
  const path = join(dir, "metadata.json");
  try {
    return checkedMetadata(JSON.parse(await ports.files.readText(path)));
  } catch (error) {
    throw badInput("prove.metadata", {
      what: `metadata.json cannot be read: ${(error as Error).message}`,
      where: path,
      next: "build again",
    });
  }
}

/** Every file that must be there, named if it is not. */
async function requireFiles(dir: string, names: readonly string[], ports: Ports): Promise<void> {
  const missing: string[] = [];
  for (const name of names) if (!(await ports.files.stat(join(dir, name)))) missing.push(name);
  if (missing.length === 0) return;
  throw failure("prove.missing", {
    what: `the artifacts lack ${missing.join(", ")}`,
    where: dir,
    next: "build again; `tarpit-kit verify --artifacts DIR` says what else is wrong",
    data: { missing },
  });
}

function chooseAbis(arch: Arch, metadata: Metadata): readonly Abi[] {
  return metadata.abis ? arch.abis.filter((abi) => metadata.abis?.includes(abi.name)) : arch.abis;
}

function refuseUnbootable(metadata: Metadata, arch: Arch, dir: string): QemuMachine {
  if (metadata.scope === "module") {
    throw badInput("prove.scope", {
      what: "these artifacts are a module, not a kernel",
      where: dir,
      next: "build with --scope kernel",
    });
  }
  if (arch.qemu) return arch.qemu;
  throw badInput("prove.arch", {
    what: `there is no QEMU machine for ${arch.name} here`,
    where: `data/arches/${arch.name}.json`,
    next: "prove knows sparc64 and x86_64",
  });
}

/** QEMU cannot run what is meant for the machine, and has nothing to load modules with. */
function refuseHardware(metadata: Metadata, generation: Generation, dir: string): void {
  if (metadata.emulatorOnly === true) return;
  throw badInput("prove.hardware", {
    what: `these artifacts of Linux ${generation.name} are for the machine itself`,
    where: dir,
    next: `build the same kernel for the emulator: --profile ${metadata.arch}-${generation.name}-emulator`,
  });
}

export async function openArtifacts(given: string, ports: Ports): Promise<ProvableArtifacts> {
  const dir = await findDirectory(resolve(ports.host.cwd, given), ports);
  const metadata = await readMetadata(dir, ports);
  const generation =
    typeof metadata.generation === "string"
      ? await namedGeneration(metadata.generation, ports)
      : undefined;
  const arch = archFor(await loadArch(metadata.arch ?? "", ports), generation);
  const machine = refuseUnbootable(metadata, arch, dir);
  if (generation) refuseHardware(metadata, generation, dir);
  const abis = chooseAbis(arch, metadata);
  const extensions = abis.flatMap((abi) =>
    extensionNames.map((name) => join("extensions", abi.name, name)),
  );
  const names = generation
    ? [arch.bootImageName, "config"]
    : [arch.bootImageName, "config", "modules.tar.gz", ...extensions];
  await requireFiles(dir, names, ports);
  const config = await ports.files.readText(join(dir, "config"));
  return {
    dir,
    arch,
    machine,
    release: metadata.kernel?.release ?? "",
    image: join(dir, arch.bootImageName),
    modules: join(dir, "modules.tar.gz"),
    abis,
    generation,
    symbols: new Map(
      [...config.matchAll(/^CONFIG_(\w+)=([ym])$/gm)].map((match) => [
        match[1] ?? "",
        match[2] ?? "",
      ]),
    ),
  };
}

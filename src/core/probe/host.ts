import { findExtensionTargets, registersTarget, type ExtensionTarget } from "../abi/extension.ts";
import { target } from "../abi/judge.ts";
import { readModule, type ModuleFacts } from "../abi/module.ts";
import { readOlderModule, type OlderModuleFacts } from "../abi/older-module.ts";
import { ElfError } from "../elf/bytes.ts";
import { parseElf, readHeader, type Header } from "../elf/file.ts";
import { loadImage } from "../elf/load.ts";
import { libraryNeeds, type LibraryNeeds } from "../elf/needs.ts";
import type { Arch } from "../arch.ts";
import { sameIdentity } from "../abi/identity.ts";
import { parseDotconfig, type Settings } from "../kconfig/dotconfig.ts";
import { factBytes, type Fact, type Facts } from "./facts.ts";

/** The facts of one machine as the judges ask for them. */
export interface HostFacts {
  readonly facts: Facts;
  readonly isRoot: boolean | undefined;
  readonly release: string | undefined;
  readonly version: string | undefined;
  readonly machine: string | undefined;
  readonly kernelBits: 32 | 64 | undefined;
  readonly iptables: Iptables | undefined;
  readonly ip6tables: Iptables | undefined;
  readonly userland: Header | undefined;
  readonly config: Settings | undefined;
  readonly extensions: readonly ExtensionFile[];
  readonly modules: readonly ModuleFile[];
  readonly directories: readonly Directory[];
  /** What we call it: the arch and the ABI to build for; undefined when we know none like it. */
  readonly arch: Arch | undefined;
  readonly abi: string | undefined;
  /** Hours since the machine started. */
  readonly hours: number | undefined;
}

export interface Iptables {
  readonly version: string;
  readonly backend: "nft" | "legacy";
  readonly bits: 32 | 64 | undefined;
  readonly header: Header | undefined;
  readonly path: string;
}

export interface Directory {
  readonly path: string;
  /** iptables' own extensions are here, so iptables looks here. */
  readonly own: boolean;
}

export interface ExtensionFile {
  readonly path: string;
  readonly bytes: Buffer;
  readonly header?: Header;
  readonly targets: readonly ExtensionTarget[];
  readonly registers: boolean;
  readonly needs?: LibraryNeeds;
  readonly trouble?: string;
}

export interface ModuleFile {
  readonly path: string;
  /** Undefined when it is packed and could not be unpacked. */
  readonly bytes: Buffer | undefined;
  readonly header?: Header;
  readonly facts?: ModuleFacts;
  /** The same file as a kernel before 2.5 takes it. */
  readonly older?: OlderModuleFacts;
  readonly signed: boolean;
  readonly trouble?: string;
}

/** Unpacks a module's bytes; the caller knows the programs that can. */
export type Unpacked = ReadonlyMap<string, Buffer>;

export const factOf = (facts: Facts, name: string): Fact | undefined =>
  facts.records.find((one) => one.name === name);
const all = (facts: Facts, name: string): readonly Fact[] =>
  facts.records.filter((one) => one.name === name);
/** The data of a fact that was read, without the path in front. */
export const readFile = (facts: Facts, name: string): readonly string[] | undefined => {
  const fact = all(facts, name).find((one) => one.status === "ok");
  return fact?.data.slice(1);
};

export function hostFacts(
  facts: Facts,
  unpacked: Unpacked = new Map(),
  arches: readonly Arch[] = [],
): HostFacts {
  const [system = "", release = "", machine = ""] =
    factOf(facts, "uname")?.data[0]?.split(" ") ?? [];
  const known = system === "Linux" && /^\d+\.\d+/.test(release);
  const uid = factOf(facts, "uid")?.data[0];
  const config = readFile(facts, "config");
  const parsed =
    config === undefined || config.length === 0 ? undefined : parseDotconfig(config.join("\n"));
  const sh = headerOf(factOf(facts, "elf sh"));
  const iptables = iptablesOf(facts, "iptables");
  const uptime = readFile(facts, "uptime")?.[0];
  const kernelBits =
    widthOf(readFile(facts, "symbols")?.[0], parsed) ?? headerOf(factOf(facts, "elf kernel"))?.bits;
  const userland = iptables?.header ?? sh;
  return {
    ...ours(kernelBits, userland, arches),
    facts,
    isRoot: uid === undefined ? undefined : uid === "0",
    release: known ? release : undefined,
    version: known ? /^\d+(\.\d+)+/.exec(release)?.[0] : undefined,
    machine: machine || undefined,
    kernelBits,
    iptables,
    ip6tables: iptablesOf(facts, "ip6tables"),
    userland,
    config: parsed,
    extensions: all(facts, "extension")
      .filter((one) => one.status === "ok")
      .map(extensionOf),
    modules: all(facts, "module")
      .filter((one) => one.status === "ok")
      .map((one) => moduleOf(one, unpacked)),
    directories: all(facts, "directory").map(({ data: [path = "", ...names] }) => ({
      path,
      own: names.length > 0,
    })),
    hours: /^\d+(\.\d+)? /.test(uptime ?? "")
      ? Math.max(Number.parseFloat(uptime ?? "0") / 3600, 0.01)
      : undefined,
  };
}

/** The arch and the ABI whose ELF files look like this machine's. */
function ours(
  kernelBits: 32 | 64 | undefined,
  userland: Header | undefined,
  arches: readonly Arch[],
): Pick<HostFacts, "arch" | "abi"> {
  for (const arch of arches) {
    const abi = userland && arch.abis.find((one) => sameIdentity(userland, one.elf));
    if (abi && (kernelBits === undefined || arch.elf.bits === kernelBits))
      return { arch, abi: abi.name };
  }
  return { arch: undefined, abi: undefined };
}

/** The digits of an address, whatever `uname -m` says under setarch(8); else the configuration. */
function widthOf(symbol: string | undefined, config: Settings | undefined): 32 | 64 | undefined {
  const digits = /^([0-9a-f]{8}|[0-9a-f]{16}) /.exec(symbol ?? "")?.[1]?.length;
  if (digits !== undefined) return digits === 16 ? 64 : 32;
  if (config === undefined) return undefined;
  if (config.get("64BIT") === "y") return 64;
  return config.has("64BIT") ? 32 : undefined;
}

function iptablesOf(facts: Facts, name: "iptables" | "ip6tables"): Iptables | undefined {
  const fact = factOf(facts, name);
  const said = fact?.data.find((line) => /^ip6?tables v/.test(line));
  const match = /^ip6?tables v(\d[\w.]{0,20})(?: \((legacy|nf_tables)\))?/.exec(said ?? "");
  if (!match) return undefined;
  const elf = factOf(facts, `elf ${name}`);
  const header = headerOf(elf);
  return {
    version: match[1] ?? "",
    backend: match[2] === "nf_tables" ? "nft" : "legacy",
    bits: header?.bits,
    header,
    path: elf?.data[0] ?? name,
  };
}

export function headerOf(fact: Fact | undefined): Header | undefined {
  if (fact?.status !== "ok") return undefined;
  try {
    return readHeader(factBytes(fact).bytes).header;
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

function extensionOf(fact: Fact): ExtensionFile {
  const { path, bytes } = factBytes(fact);
  try {
    const elf = parseElf(bytes);
    const image = loadImage(elf);
    return {
      path,
      bytes,
      header: elf.header,
      targets: findExtensionTargets(image, target.name),
      registers: registersTarget(image),
      needs: libraryNeeds(elf),
    };
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return { path, bytes, targets: [], registers: false, trouble: error.message };
  }
}

/** The mark a signed module ends with (scripts/sign-file.c). */
const signature = Buffer.from("~Module signature appended~\n", "latin1");

function moduleOf(fact: Fact, unpacked: Unpacked): ModuleFile {
  const { path, bytes: raw } = factBytes(fact);
  const packed = /\.(gz|xz|zst)$/.test(path);
  const bytes = packed ? unpacked.get(path) : raw;
  if (bytes === undefined)
    return { path, bytes, signed: false, trouble: "it is packed, and could not be unpacked here" };
  const signed = bytes.subarray(-signature.length).equals(signature);
  try {
    const elf = parseElf(bytes);
    const image = loadImage(elf);
    return {
      path,
      bytes,
      header: elf.header,
      signed,
      facts: readModule(elf, image, target.name),
      older: readOlderModule(elf, image, target.name),
    };
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return { path, bytes, signed, trouble: error.message };
  }
}

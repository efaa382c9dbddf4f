import type { ElfFile } from "../elf/file.ts";
import type { Image } from "../elf/image.ts";
import { readModinfo } from "../elf/modinfo.ts";
import { findBytes } from "./places.ts";

/** One xt_target of a kernel module, read without loading it. */
export interface ModuleTarget {
  readonly name: string;
  readonly revision: number;
  /** NFPROTO_*: 2 IPv4, 10 IPv6, 0 every family. */
  readonly family: number;
  readonly proto: number;
  readonly hooks: number;
  readonly targetSize: number;
  /** Whether the kernel it is for has NETFILTER_XTABLES_COMPAT. */
  readonly compat: boolean;
}

export interface ModuleFacts {
  readonly targets: readonly ModuleTarget[];
  readonly vermagic: string | undefined;
  readonly aliases: readonly string[];
  readonly license: string | undefined;
  /** Sum of the sources, with MODULE_SRCVERSION_ALL; /sys/module/NAME/srcversion has it of what is loaded. */
  readonly srcversion: string | undefined;
  readonly description: string | undefined;
}

/** XT_EXTENSION_MAXNAMELEN (include/uapi/linux/netfilter/x_tables.h). */
const nameLength = 29;

export function readModule(file: ElfFile, image: Image, name: string): ModuleFacts {
  const info = readModinfo(file);
  const vermagic = info.get("vermagic")?.[0];
  return {
    targets: findModuleTargets(image, name, hasUserSize(vermagic)),
    vermagic,
    aliases: info.get("alias") ?? [],
    license: info.get("license")?.[0],
    srcversion: info.get("srcversion")?.[0],
    description: info.get("description")?.[0],
  };
}

/** xt_target.usersize came with Linux 4.11. */
function hasUserSize(vermagic: string | undefined): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(vermagic ?? "") ?? [];
  if (major === undefined) return true;
  return Number(major) * 1000 + Number(minor) >= 4011;
}

/** struct xt_target (include/linux/netfilter/x_tables.h): the name is inside, behind a list_head. */
function findModuleTargets(image: Image, name: string, userSize: boolean): readonly ModuleTarget[] {
  const w = BigInt(image.bytes.word);
  return findBytes(image, Buffer.from(name.padEnd(nameLength, "\0"), "latin1"))
    .map((at) => at - 2n * w)
    .filter((at) => at % w === 0n)
    .flatMap((at) => readTarget(image, at, name, userSize) ?? []);
}

function readTarget(
  image: Image,
  at: bigint,
  name: string,
  userSize: boolean,
): ModuleTarget | undefined {
  const w = BigInt(image.bytes.word);
  const revisionAt = at + 2n * w + BigInt(nameLength);
  const functions = ((revisionAt + w) / w) * w;
  if (!image.fixups.has(functions)) return undefined;
  // target, checkentry, destroy, since 7.1 check_hooks, two more with NETFILTER_XTABLES_COMPAT,
  // then THIS_MODULE and the table's name.
  const isMe = (slot: bigint): boolean =>
    image.fixups.get(functions + slot * w)?.symbol?.name === "__this_module";
  const me = [3n, 4n, 5n, 6n].find(isMe);
  if (me === undefined) return undefined;
  const compat = me >= 5n;
  const numbers = functions + (me + 2n) * w;
  const hooksAt = numbers + 4n + (userSize ? 4n : 0n) + (compat ? 4n : 0n);
  const fields = {
    revision: image.number(revisionAt, 1),
    targetSize: image.number(numbers, 4),
    hooks: image.number(hooksAt, 4),
    proto: image.number(hooksAt + 4n, 2),
    family: image.number(hooksAt + 6n, 2),
  };
  const { revision, targetSize, hooks, proto, family } = fields;
  if (revision === undefined || targetSize === undefined || hooks === undefined) return undefined;
  if (proto === undefined || family === undefined) return undefined;
  return { name, revision, targetSize, hooks, proto, family, compat };
}

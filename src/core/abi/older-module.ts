import type { ElfFile } from "../elf/file.ts";
import type { Image } from "../elf/image.ts";
import { readModinfo } from "../elf/modinfo.ts";
import { finding, type Finding } from "../findings.ts";
import { atLeast } from "../probe/versions.ts";
import { findBytes } from "./places.ts";

/** A module of Linux 2.4 as modutils' insmod sees it. */
export interface OlderModuleFacts {
  /** struct ipt_target called TARPIT, with both functions and THIS_MODULE in place. */
  readonly targets: number;
  /** `kernel_version` in .modinfo (include/linux/module.h of 2.4); insmod compares it with uname -r. */
  readonly kernelVersion: string | undefined;
  readonly license: string | undefined;
  /** Compiled with symbol versions. */
  readonly checksums: boolean;
}

/** IPT_FUNCTION_MAXNAMELEN of 2.4's ip_tables.h, where the name has no revision behind it. */
const nameLength = 30;

export function readOlderModule(file: ElfFile, image: Image, name: string): OlderModuleFacts {
  const info = readModinfo(file);
  const w = BigInt(image.bytes.word);
  const named = findBytes(image, Buffer.from(name.padEnd(nameLength, "\0"), "latin1"));
  // list_head, name, then target, checkentry, destroy and me, each aligned to a word.
  const targets = named.filter((at) => {
    const functions = ((at + BigInt(nameLength) + w - 1n) / w) * w;
    const me = image.fixups.get(functions + 3n * w)?.symbol?.name;
    return (at - 2n * w) % w === 0n && image.fixups.has(functions) && me === "__this_module";
  });
  return {
    targets: targets.length,
    kernelVersion: info.get("kernel_version")?.[0],
    license: info.get("license")?.[0],
    checksums: info.has("using_checksums"),
  };
}

export function judgeOlderModule(
  file: string,
  facts: OlderModuleFacts,
  release: string,
): { readonly target: readonly Finding[]; readonly modinfo: readonly Finding[] } {
  const actual = facts.kernelVersion ?? "none";
  // MODULE_LICENSE came with 2.4.10.
  const free = /GPL/.test(facts.license ?? "") || !atLeast(release, "2.4.10");
  return {
    target: facts.targets === 1 ? [] : [finding("module.no-target", { file })],
    modinfo: [
      ...(actual === release
        ? []
        : [finding("module.vermagic", { file, expected: release, actual })]),
      ...(free ? [] : [finding("module.license", { file, license: facts.license ?? "none" })]),
    ],
  };
}

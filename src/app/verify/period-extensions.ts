import { join } from "node:path";
import { findExtensionTargets, registersTarget } from "../../core/abi/extension.ts";
import { describeIdentity, sameIdentity } from "../../core/abi/identity.ts";
import { judgePeriodExtension } from "../../core/abi/judge-period.ts";
import { target } from "../../core/abi/judge.ts";
import type { Abi } from "../../core/arch.ts";
import { ElfError } from "../../core/elf/bytes.ts";
import { elfType, parseElf } from "../../core/elf/file.ts";
import { loadImage } from "../../core/elf/load.ts";
import { libraryNeeds } from "../../core/elf/needs.ts";
import { finding, type Finding, type Report } from "../../core/findings.ts";
import { periodName, versionOfDirectory } from "../../core/period-extension.ts";
import type { Ports } from "../../ports.ts";

/**
 * The extensions for iptables 1.2 and 1.3, each of which fits the one iptables that its directory
 * names and no other. Gives back how many there are.
 */
export async function checkPeriodExtensions(
  place: { readonly dir: string; readonly arch: string },
  abis: readonly Abi[],
  report: Report,
  ports: Ports,
): Promise<number> {
  let count = 0;
  for (const abi of abis) {
    const directory = join("extensions", abi.name);
    for (const name of await ports.files.list(join(place.dir, directory))) {
      const version = versionOfDirectory(name);
      if (version === undefined) continue;
      count += 1;
      const file = join(directory, name, periodName);
      const found = await judge(file, version, abi, place, ports);
      if (report.judged(`extension for iptables ${version}`, file, ...found))
        report.findings.push(finding("extension.period", { file, version }));
    }
  }
  return count;
}

async function judge(
  file: string,
  version: string,
  abi: Abi,
  place: { readonly dir: string; readonly arch: string },
  ports: Ports,
): Promise<readonly Finding[]> {
  const path = join(place.dir, file);
  if ((await ports.files.stat(path)) === undefined)
    return [finding("extension.missing", { file, ...place })];
  try {
    const elf = parseElf(await ports.files.readBytes(path));
    if (!sameIdentity(elf.header, abi.elf) || elf.header.type !== elfType.shared) {
      const [expected, actual] = [abi.elf, elf.header].map(describeIdentity) as [string, string];
      return [finding("extension.class", { file, expected, actual, ...place })];
    }
    const image = loadImage(elf);
    return judgePeriodExtension(file, version, abi, {
      targets: findExtensionTargets(image, target.name),
      registers: registersTarget(image),
      needs: libraryNeeds(elf),
    });
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return [finding("extension.unreadable", { file, reason: error.message, ...place })];
  }
}

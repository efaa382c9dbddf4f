import type { Abi } from "../arch.ts";
import { atMost, type LibraryNeeds } from "../elf/needs.ts";
import { finding, type Finding } from "../findings.ts";
import { periodGlibc } from "../period-extension.ts";
import type { ExtensionTarget } from "./extension.ts";

export interface PeriodFacts {
  readonly targets: readonly ExtensionTarget[];
  /** It calls register_target(). */
  readonly registers: boolean;
  readonly needs: LibraryNeeds;
}

/**
 * An extension for the iptables of one version: iptables compares it letter by letter
 * (register_target in iptables.c of 1.2 and 1.3) and ends when it differs.
 */
export function judgePeriodExtension(
  file: string,
  version: string,
  abi: Abi,
  { targets, registers, needs }: PeriodFacts,
): readonly Finding[] {
  const [one] = targets;
  if (one === undefined || !registers) return [finding("extension.no-target", { file })];
  const compare = (field: string, expected: string | number, actual: string | number) =>
    expected === actual
      ? []
      : [
          finding("extension.identity", {
            file,
            field,
            expected: String(expected),
            actual: String(actual),
          }),
        ];
  // Revisions came with 1.3.0, and in 2.4 there are none.
  const layout = version.startsWith("1.2.") ? "iptables-1.2" : "iptables-1.3";
  return [
    ...compare("version", version, one.version),
    ...compare("layout", layout, one.layout),
    ...compare("revision", 0, one.revision),
    ...compare("size", abi.xtAlign, one.size),
    ...compare("userspacesize", abi.xtAlign, one.userspaceSize),
    ...(needs.glibc === undefined || atMost(needs.glibc, periodGlibc)
      ? []
      : [finding("extension.libc", { file, needs: needs.glibc, most: periodGlibc })]),
    ...(needs.sysvHash ? [] : [finding("extension.no-hash", { file })]),
  ];
}

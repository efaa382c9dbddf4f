import type { Abi } from "../arch.ts";
import { finding, type Finding } from "../findings.ts";
import type { Settings } from "../kconfig/dotconfig.ts";
import type { ExtensionTarget } from "./extension.ts";
import type { ModuleFacts, ModuleTarget } from "./module.ts";

/** The ABI that must stay: revision 0 with one byte, TCP only, INPUT and FORWARD. */
export const target = { name: "TARPIT", proto: 6, hooks: 0b110 } as const;

interface Revision {
  /** sizeof the data as the kernel has it. */
  readonly targetSize: number;
  /** What iptables hands over, and how much of it -D compares; `align` is XT_ALIGN(1). */
  readonly size: (align: number) => number;
  readonly userspaceSize: (align: number) => number;
}

/** Revision 1 (struct xt_tarpit_info_v1) ends with a pointer of the kernel's, aligned to 8 everywhere. */
export const revisions: Readonly<Record<number, Revision>> = {
  0: { targetSize: 1, size: (align) => align, userspaceSize: (align) => align },
  1: { targetSize: 16, size: () => 16, userspaceSize: () => 8 },
};
export const known = Object.keys(revisions).join(" or ");
export const family = { any: 0, ipv4: 2, ipv6: 10 } as const;

/** One extension file against its ABI: version, revision, both sizes, family. */
export function judgeExtension(
  file: string,
  targets: readonly ExtensionTarget[],
  registers: boolean,
  abi: Abi,
): readonly Finding[] {
  if (targets.length === 0 || !registers) return [finding("extension.no-target", { file })];
  const differs = (field: string, expected: string | number, actual: string | number): Finding =>
    finding("extension.identity", {
      file,
      field,
      expected: String(expected),
      actual: String(actual),
    });
  const found = targets.map((one) => one.revision);
  if (!found.includes(0)) return [differs("revision", 0, found.join(" and "))];
  return targets.flatMap((one) => {
    const compare = (field: string, expected: string | number, actual: string | number) =>
      expected === actual ? [] : [differs(field, expected, actual)];
    const revision = revisions[one.revision];
    if (!revision) return [differs("revision", known, one.revision)];
    return [
      ...compare(
        "version",
        "libxtables.so.N",
        one.version.replace(/^libxtables\.so\.\d+$/, "libxtables.so.N"),
      ),
      ...compare("size", revision.size(abi.xtAlign), one.size),
      ...compare("userspacesize", revision.userspaceSize(abi.xtAlign), one.userspaceSize),
      ...compare("family", family.any, one.family),
    ];
  });
}

export interface ModuleExpectation {
  readonly release: string;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly config: Settings | undefined;
}

/** A module's targets: which families, and revision, size, protocol and hooks of each. */
export function judgeTargets(
  file: string,
  facts: ModuleFacts,
  expected: ModuleExpectation,
): readonly Finding[] {
  if (facts.targets.length === 0) return [finding("module.no-target", { file })];
  return [
    ...judgeFamilies(file, facts, expected),
    ...facts.targets.flatMap((one) => judgeTarget(file, one)),
  ];
}

/** Each family needs revision 0, which is what extensions of every age know. */
function judgeFamilies(
  file: string,
  facts: ModuleFacts,
  { ipv4, ipv6 }: ModuleExpectation,
): readonly Finding[] {
  const wanted = [...(ipv4 ? [family.ipv4] : []), ...(ipv6 ? [family.ipv6] : [])];
  const there = facts.targets.filter((one) => one.revision === 0).map((one) => one.family);
  if (there.length === 0) return [moduleDiffers(file, "revision", 0, revisionsOf(facts))];
  const same =
    there.includes(family.any) ||
    (wanted.length === there.length && wanted.every((one) => there.includes(one)));
  if (same) return [];
  return [
    finding("module.family", { file, expected: familyNames(wanted), actual: familyNames(there) }),
  ];
}

const familyNames = (families: readonly number[]): string =>
  families
    .map((one) => (one === family.ipv4 ? "IPv4" : one === family.ipv6 ? "IPv6" : `family ${one}`))
    .join(" and ") || "none";

const revisionsOf = (facts: ModuleFacts): string =>
  [...new Set(facts.targets.map((one) => one.revision))].join(" and ");

const moduleDiffers = (
  file: string,
  field: string,
  expected: string | number,
  actual: string | number,
): Finding =>
  finding("module.identity", { file, field, expected: String(expected), actual: String(actual) });

export function judgeTarget(file: string, one: ModuleTarget): readonly Finding[] {
  const revision = revisions[one.revision];
  if (!revision) return [moduleDiffers(file, "revision", known, one.revision)];
  const wanted = { targetSize: revision.targetSize, proto: target.proto, hooks: target.hooks };
  return (["targetSize", "proto", "hooks"] as const)
    .filter((field) => one[field] !== wanted[field])
    .map((field) => moduleDiffers(file, field, wanted[field], one[field]));
}

/** modprobe finds the module by its aliases; without a GPL licence the kernel refuses it the symbols it uses. */
export function judgeModinfo(
  file: string,
  facts: ModuleFacts,
  { ipv4, ipv6 }: ModuleExpectation,
): readonly Finding[] {
  const wanted = [...(ipv4 ? ["ipt_TARPIT"] : []), ...(ipv6 ? ["ip6t_TARPIT"] : [])];
  const missing = wanted.filter((alias) => !facts.aliases.includes(alias));
  return [
    ...missing.map((alias) => finding("module.alias", { file, alias })),
    ...(/GPL/.test(facts.license ?? "")
      ? []
      : [finding("module.license", { file, license: facts.license ?? "none" })]),
  ];
}

/** Words of a vermagic behind the release, and the symbol behind each (include/linux/vermagic.h). */
const flags: readonly (readonly [flag: string, symbols: readonly string[]])[] = [
  ["SMP", ["SMP"]],
  ["preempt", ["PREEMPT_BUILD", "PREEMPT"]],
  ["preempt_rt", ["PREEMPT_RT"]],
  ["mod_unload", ["MODULE_UNLOAD"]],
  ["modversions", ["MODVERSIONS"]],
];

/** The kernel compares vermagic word by word and refuses what differs. */
export function judgeVermagic(
  file: string,
  vermagic: string | undefined,
  expected: ModuleExpectation,
): readonly Finding[] {
  const words = (vermagic ?? "").split(" ").filter(Boolean);
  if (words[0] !== expected.release) {
    return [
      finding("module.vermagic", { file, expected: expected.release, actual: words[0] ?? "none" }),
    ];
  }
  const { config } = expected;
  return flags.flatMap(([flag, symbols]) => {
    const known = symbols.find((symbol) => config?.has(symbol));
    if (known === undefined) return [];
    const has = words.includes(flag);
    const set = symbols.some((symbol) => config?.get(symbol) === "y") && !overruled(flag, config);
    return has === set
      ? []
      : [finding("module.vermagic-flags", { file, flag, symbol: known, has })];
  });
}

/** PREEMPT_RT selects PREEMPTION and has a word of its own; before 5.12 there is no PREEMPT_BUILD. */
const overruled = (flag: string, config: Settings | undefined): boolean =>
  flag === "preempt" &&
  (config?.get("PREEMPT_RT") === "y" ||
    (config?.has("PREEMPT_BUILD") === true && config.get("PREEMPT_BUILD") !== "y"));

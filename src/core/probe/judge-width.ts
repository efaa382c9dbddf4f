import { matchesOf, parseRules, type Rule, type RuleSet } from "../rules/parse.ts";
import type { FindingArguments } from "../findings.ts";
import type { Check } from "./check.ts";
import { factOf, headerOf, readFile, type HostFacts } from "./host.ts";
import {
  splitExtensionsOf,
  splitSeverity,
  splitVerdict,
  ulogGone,
  ulogMessage,
  type SplitExtension,
  type SplitQuestion,
  type SplitVerdict,
} from "./split.ts";
import { atLeast } from "./versions.ts";

export interface RulesFact {
  readonly file: string;
  readonly family: 4 | 6;
  readonly text: string;
  readonly set: RuleSet;
}

/** The rules the probe brought, read once. */
export function rulesOf(host: HostFacts): readonly RulesFact[] {
  return host.facts.records
    .filter((one) => one.name.startsWith("rules ") && one.status === "ok")
    .map((one) => {
      const file = one.name.slice("rules ".length);
      const text = one.data.join("\n");
      return {
        file,
        family: /^ip6|\/ip6|rules\.v6|rules6/.test(file) ? 6 : 4,
        text,
        set: parseRules(text),
      };
    });
}

/** Widths of the kernel and of the userland, and what each extension a rule uses makes of two of them. */
export function judgeWidths(host: HostFacts, rules: readonly RulesFact[], check: Check): void {
  const { kernelBits, userland, machine, iptables, version } = host;
  if (kernelBits === undefined)
    check.required(
      "kernel width",
      "neither /proc/kallsyms nor /proc/ksyms nor the configuration told it",
    );
  if (userland === undefined)
    check.required("userland width", "the first bytes of iptables and of sh could not be read");
  judgeUlog(host, rules, check);
  if (kernelBits === undefined || userland === undefined) return;
  const said = /64|s390x|alpha/.test(machine ?? "") ? 64 : 32;
  if (machine !== undefined && said !== kernelBits)
    check.add("width.uname", { machine, bits: kernelBits }, { file: "/proc/kallsyms" });
  if (kernelBits === 32 && userland.bits === 64)
    return check.add(
      "width.backwards",
      { file: iptables?.path ?? "sh" },
      { file: iptables?.path ?? "sh" },
    );
  if (kernelBits === userland.bits) return check.passed("width", "kernel and userland");
  check.add(
    "width.split",
    { iptables: iptables?.version ?? "?", kernel: version ?? "?" },
    { file: iptables?.path ?? "sh" },
  );
  if (version !== undefined && iptables !== undefined) judgeSplit(host, rules, check);
}

/** COMPAT brings the layer before 5.13; from then on it has a switch of its own. */
function compatOf(host: HostFacts): { readonly symbol: string; readonly on: boolean | undefined } {
  const symbol = atLeast(host.version ?? "0", "5.13") ? "NETFILTER_XTABLES_COMPAT" : "COMPAT";
  return { symbol, on: host.config === undefined ? undefined : host.config.get(symbol) === "y" };
}

function judgeSplit(host: HostFacts, rules: readonly RulesFact[], check: Check): void {
  const kernel = host.version ?? "0";
  const iptables = host.iptables?.version ?? "0";
  const { symbol, on } = compatOf(host);
  if (atLeast(kernel, "2.6.17") && atLeast(iptables, "1.4.0")) {
    if (on === false)
      check.add(
        "width.compat-off",
        { kernel, symbol, ...(host.arch ? { arch: host.arch.name } : {}) },
        { file: "config" },
      );
    if (on === undefined)
      check.unread(symbol, "there is no configuration of the running kernel to read");
  }
  const question = (family: 4 | 6): SplitQuestion => ({ kernel, iptables, compat: on, family });
  for (const one of rules) judgeRules(one, question(one.family), check);
  const verdict = (one: SplitExtension): SplitVerdict => splitVerdict(one, question(4));
  const known = splitExtensionsOf(kernel);
  const risky = known.filter((one) => !["works", "works-split-build"].includes(verdict(one)));
  // The version does not tell how it was built; a rule that the kernel took does.
  const took = rules.some((one) => usesAny(one.set, known, "works-split-build", verdict));
  const converted = took ? [] : known.filter((one) => verdict(one) === "works-split-build");
  const names = [...risky, ...converted]
    .filter((one) => atLeast(kernel, one.since ?? "0"))
    .map((one) => one.name);
  if (names.length > 0)
    check.add(
      "split.avoid",
      { names, converted: converted.map((one) => one.name), kernel, iptables },
      { file: "kernel and userland" },
    );
}

/** Is there a rule with an extension of which that can be said? */
function usesAny(
  set: RuleSet,
  extensions: readonly SplitExtension[],
  wanted: SplitVerdict,
  verdict: (one: SplitExtension) => SplitVerdict,
): boolean {
  const known = byName(extensions.filter((one) => verdict(one) === wanted));
  for (const rule of everyRule(set)) if (used(rule, known).length > 0) return true;
  return false;
}

const byName = (extensions: readonly SplitExtension[]): ReadonlyMap<string, SplitExtension> =>
  new Map(extensions.map((one) => [`${one.kind} ${one.name}`, one]));

const most = 10;

function judgeRules(rules: RulesFact, question: SplitQuestion, check: Check): void {
  const known = byName(splitExtensionsOf(question.kernel));
  const seen = new Map<string, number>();
  for (const rule of everyRule(rules.set)) {
    for (const one of used(rule, known)) {
      const count = (seen.get(one.name) ?? 0) + 1;
      seen.set(one.name, count);
      if (count > most) continue;
      const verdict = splitVerdict(one, question);
      const sizes =
        one.size32 === undefined
          ? ""
          : `${one.size32} bytes in 32-bit iptables, ${one.size64} in the kernel`;
      check.add(
        "split.rule",
        { name: one.name, verdict, sizes, kernel: question.kernel, iptables: question.iptables },
        { file: rules.file, line: rule.line, text: rule.text.slice(0, 200) },
        splitSeverity[verdict],
      );
    }
  }
}

function* everyRule(set: RuleSet): Generator<Rule> {
  for (const table of set.tables) for (const chain of table.chains.values()) yield* chain.rules;
}

function used(rule: Rule, known: ReadonlyMap<string, SplitExtension>): readonly SplitExtension[] {
  const target = known.get(`target ${rule.jump ?? ""}`);
  const matches = rule.text.includes(" -m ")
    ? matchesOf(rule).flatMap((name) => known.get(`match ${name}`) ?? [])
    : [];
  return target ? [target, ...matches] : matches;
}

const misread = ({ version }: HostFacts): FindingArguments["ulog.packets"] => ({
  from: ulogMessage[32].payload,
  at: ulogMessage[64].payload,
  ...(version === undefined ? {} : { kernel: version }),
});

/** ULOG rules and ulogd: gone from the kernel since 3.17, and its packets never translated. */
function judgeUlog(host: HostFacts, rules: readonly RulesFact[], check: Check): void {
  const { version, kernelBits } = host;
  const gone = version !== undefined && atLeast(version, ulogGone);
  const conf = readFile(host.facts, "ulogd.conf");
  const line = conf?.findIndex((text) => /ULOG/.test(text) && !/NFLOG/.test(text)) ?? -1;
  const header = headerOf(factOf(host.facts, "elf ulogd"));
  const using = rules.flatMap((one) =>
    [...everyRule(one.set)]
      .filter((rule) => rule.jump === "ULOG")
      .slice(0, 1)
      .map((rule) => ({ one, rule })),
  );
  for (const { one, rule } of using) {
    const at = { file: one.file, line: rule.line, text: rule.text.slice(0, 200) };
    if (gone) check.add("ulog.gone", { kernel: version }, at);
    else if (kernelBits === 64 && header?.bits === 32) check.add("ulog.packets", misread(host), at);
  }
  if (line >= 0 && gone)
    check.add(
      "ulog.conf",
      { kernel: version },
      { file: factOf(host.facts, "ulogd.conf")?.data[0] ?? "ulogd.conf", text: conf?.[line] ?? "" },
    );
  else if (line >= 0 && using.length === 0 && kernelBits === 64 && header?.bits === 32)
    check.add("ulog.packets", misread(host), {
      file: factOf(host.facts, "ulogd.conf")?.data[0] ?? "ulogd.conf",
      text: conf?.[line] ?? "",
    });
  if (header !== undefined && kernelBits !== undefined && header.bits !== kernelBits)
    check.add("ulogd.width", { bits: header.bits, kernel: kernelBits }, { file: "ulogd" });
}

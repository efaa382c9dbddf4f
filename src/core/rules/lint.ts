import type { Finding } from "../findings.ts";
import { atLeast } from "../probe/versions.ts";
import { factsOf, firstBehind, reachable, type ChainFacts } from "./chains.ts";
import { Lint, most, type LintQuestion } from "./gather.ts";
import { lintLogs } from "./logs.ts";
import { judgeReplies } from "./replies.ts";
import {
  conditions,
  isSynAlone,
  matchesOf,
  parseRules,
  valueOf,
  type Chain,
  type Rule,
  type RuleSet,
  type Table,
} from "./parse.ts";

export interface LintResult {
  readonly findings: readonly Finding[];
  readonly rules: number;
  readonly targets: number;
  readonly set: RuleSet;
}

/** What iptables-save output says about TARPIT: each finding names its line. Linear in the rules. */
export function lintRules(
  text: string,
  question: LintQuestion,
  set = parseRules(text),
): LintResult {
  const lint = new Lint(question.file);
  for (const one of set.strange) lint.add("rule.strange", { text: one.text }, one);
  let targets = 0;
  for (const table of set.tables) targets += lintTable(table, question, lint);
  if (targets === 0) lint.add("rule.none", { rules: set.rules });
  if (targets > 0) judgeReplies(set, question, lint);
  return { findings: lint.done(), rules: set.rules, targets, set };
}

function lintTable(table: Table, question: LintQuestion, lint: Lint): number {
  const holding = [...table.chains.values()].filter((chain) =>
    chain.rules.some((rule) => rule.jump === "TARPIT"),
  );
  for (const chain of table.chains.values())
    for (const rule of chain.rules)
      if (rule.jump === "ULOG" && hasNflog(question)) lint.add("rule.ulog", {}, rule);
  if (holding.length === 0) return 0;
  const reach = reachable(table);
  let targets = 0;
  const known = new Map<string, ChainFacts>();
  const facts = (one: Chain): ChainFacts => {
    const had = known.get(one.name) ?? factsOf(one, table.chains);
    known.set(one.name, had);
    return had;
  };
  for (const chain of holding) {
    const own = facts(chain);
    const hooks = reach.get(chain.name);
    const above = pathFacts(table, reach, chain, facts);
    const logged = (rule: Rule, index: number, of: ChainFacts): void =>
      lintLogs(rule, index, of, table, facts, lint, question);
    chain.rules.forEach((rule, index) => {
      if (rule.jump !== "TARPIT") return;
      targets += 1;
      lintItself(table, rule, hooks?.hooks ?? new Set(), above, lint, question);
      // Nothing comes by: what stands around it says nothing.
      if (!hooks) return;
      for (const one of [{ index, facts: own }, ...above]) {
        lintBefore(rule, one.index, one.facts, lint);
        logged(rule, one.index, one.facts);
      }
      lintAfter(rule, index, chain, own, above, table, lint);
    });
  }
  return targets;
}

/** NFLOG came with 2.6.14; before, ULOG is all there is. */
const hasNflog = ({ kernel }: LintQuestion): boolean => atLeast(kernel ?? "9", "2.6.14");

interface Above {
  readonly chain: Chain;
  readonly index: number;
  readonly facts: ChainFacts;
}

/** Chains in a row; no firewall has more, and a file made to cost time ends here. */
const deepest = 64;

/** The chains a packet comes through before this one, with the place of the jump. */
function pathFacts(
  table: Table,
  reach: ReturnType<typeof reachable>,
  chain: Chain,
  facts: (chain: Chain) => ChainFacts,
): readonly Above[] {
  const found: Above[] = [];
  const seen = new Set([chain.name]);
  for (
    let from = reach.get(chain.name)?.from;
    from && !seen.has(from.chain) && found.length < deepest;
    from = reach.get(from.chain)?.from
  ) {
    seen.add(from.chain);
    const parent = table.chains.get(from.chain);
    if (parent) found.push({ chain: parent, index: from.index, facts: facts(parent) });
  }
  return found;
}

const allowedHooks = new Set(["INPUT", "FORWARD"]);

/** Only what opens a connection: NEW without a state that a later segment may have, or SYN alone. */
function isNewOnly(rule: Rule | undefined): boolean {
  if (rule === undefined) return false;
  const words = conditions(rule);
  const states = (valueOf(words, "--state", "--ctstate") ?? "").split(",");
  if (states.includes("NEW") && !states.some((one) => /ESTABLISHED|UNTRACKED|INVALID/.test(one)))
    return true;
  return isSynAlone(words);
}

function lintItself(
  table: Table,
  rule: Rule,
  hooks: ReadonlySet<string>,
  above: readonly Above[],
  lint: Lint,
  { hours }: LintQuestion,
): void {
  if (rule.protoInverted) lint.add("rule.protocol-inverted", {}, rule);
  else if (rule.proto !== "tcp" && rule.proto !== "6")
    lint.add("rule.protocol", { proto: rule.proto ?? "any" }, rule);
  const wrong = [...hooks].filter((hook) => !allowedHooks.has(hook));
  for (const hook of wrong)
    lint.add("rule.hook", { hook, chain: rule.chain, table: table.name }, rule);
  if (hooks.size === 0) lint.add("rule.unreached", { chain: rule.chain }, rule);
  const opener = [rule, ...above.map((one) => one.chain.rules[one.index])].find(isNewOnly);
  if (opener) lint.add("rule.new-only", { chain: rule.chain }, opener);
  if (rule.text.includes("--honeypot") && rule.text.includes("--reset"))
    lint.add("rule.variants", {}, rule);
  if (rule.packets !== undefined && rule.packets > 0)
    lint.add(
      "rule.counters",
      {
        packets: rule.packets,
        bytes: rule.bytes ?? 0,
        ...(hours === undefined ? {} : { hours }),
      },
      rule,
    );
}

/** The lists are in the chain's order, so that the first entry answers for all of them. */
function lintBefore(rule: Rule, index: number, facts: ChainFacts, lint: Lint): void {
  const [end] = facts.ends;
  if (end && end.index < index)
    lint.add("rule.shadowed", { line: end.rule.line, by: end.rule.jump ?? "" }, rule);
  const [invalid] = facts.invalid;
  if (invalid && invalid.index < index)
    lint.add("rule.invalid-drop", { line: invalid.rule.line }, rule);
}

function lintAfter(
  rule: Rule,
  index: number,
  chain: Chain,
  facts: ChainFacts,
  above: readonly Above[],
  table: Table,
  lint: Lint,
): void {
  const last = facts.accepts.at(-1);
  const accept = last && last.index > index ? last : undefined;
  const narrowed = (one: Rule | undefined): boolean =>
    one !== undefined &&
    (/ --(dports?|destination-ports?) /.test(one.text) || / -s /.test(one.text));
  const portless = !narrowed(rule) && !above.some((one) => narrowed(one.chain.rules[one.index]));
  if (accept && portless) lint.add("rule.before-accept", { line: accept.rule.line }, rule);
  if (portless && !matchesOf(rule).includes("set") && !guarded(index, facts, above))
    lint.add("rule.lockout", {}, rule);
  const next = chain.rules[index + 1];
  const drop = firstBehind(facts.drops, index);
  if (drop) {
    const between = chain.rules
      .slice(index + 1, Math.min(drop.index, index + 1 + most))
      .some((one) => one.jump !== "TARPIT");
    if (between && next) lint.add("rule.not-before-drop", { line: drop.rule.line }, rule);
    return;
  }
  const outer = above.some((one) => firstBehind(one.facts.drops, one.index) !== undefined);
  const top = above.at(-1)?.chain ?? chain;
  if (!outer && top.policy !== "DROP" && table.name === "filter")
    lint.add("rule.no-drop", { chain: top.name }, rule);
}

/** An ACCEPT of what is established, or of SSH, stands in front: the owner keeps a way in. */
const guarded = (index: number, facts: ChainFacts, above: readonly Above[]): boolean =>
  [{ index, facts }, ...above].some((one) => (one.facts.guards[0] ?? Infinity) < one.index);

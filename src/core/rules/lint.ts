import {
  finding,
  type Evidence,
  type Finding,
  type FindingArguments,
  type FindingCode,
  type Severity,
} from "../findings.ts";
import { factsOf, reachable, type ChainFacts } from "./chains.ts";
import { judgeReplies } from "./replies.ts";
import {
  conditions,
  matchesOf,
  parseRules,
  valueOf,
  type Chain,
  type Rule,
  type RuleSet,
  type Table,
} from "./parse.ts";

/** At most so many findings of one code; the rest is a number. */
const most = 10;
/** A LOG line of a TCP SYN with its syslog prefix, and of NFLOG or ULOG as ulogd's LOGEMU writes it: about. */
export const logLineBytes = 230;

export interface LintQuestion {
  /** Where the text is from, for the evidence. */
  readonly file: string;
  readonly family: 4 | 6;
  /** Hours the counters were collected over; undefined when nobody knows. */
  readonly hours: number | undefined;
}

export interface LintResult {
  readonly findings: readonly Finding[];
  readonly rules: number;
  readonly targets: number;
  readonly set: RuleSet;
}

/** Gathers findings, a bounded number of each code, with their lines. */
export class Lint {
  readonly findings: Finding[] = [];
  readonly #counts = new Map<FindingCode, number>();
  readonly file: string;
  constructor(file: string) {
    this.file = file;
  }
  add<C extends FindingCode>(
    code: C,
    args: FindingArguments[C],
    rule?: Pick<Rule, "line"> & { text?: string },
    severity?: Severity,
  ): void {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count > most) return;
    const evidence: Evidence = {
      file: this.file,
      ...(rule ? { line: rule.line, text: (rule.text ?? "").slice(0, 200) } : {}),
    };
    this.findings.push({ ...finding(code, args, severity), evidence } as Finding);
  }
  done(): readonly Finding[] {
    for (const [code, count] of this.#counts) {
      if (count > most)
        this.findings.push({
          ...finding("rule.more", { what: code, count: count - most }),
          evidence: { file: this.file },
        } as Finding);
    }
    return this.findings;
  }
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
  if (targets > 0) judgeReplies(set, question.family, lint);
  return { findings: lint.done(), rules: set.rules, targets, set };
}

function lintTable(table: Table, question: LintQuestion, lint: Lint): number {
  const holding = [...table.chains.values()].filter((chain) =>
    chain.rules.some((rule) => rule.jump === "TARPIT"),
  );
  for (const chain of table.chains.values())
    for (const rule of chain.rules) if (rule.jump === "ULOG") lint.add("rule.ulog", {}, rule);
  if (holding.length === 0) return 0;
  const reach = reachable(table);
  let targets = 0;
  for (const chain of holding) {
    const facts = factsOf(chain);
    const hooks = reach.get(chain.name);
    const above = pathFacts(table, reach, chain);
    chain.rules.forEach((rule, index) => {
      if (rule.jump !== "TARPIT") return;
      targets += 1;
      lintItself(table, rule, hooks?.hooks ?? new Set(), lint);
      lintBefore(rule, index, facts, lint, question);
      for (const one of above) lintBefore(rule, one.index, one.facts, lint, question);
      lintAfter(rule, index, chain, facts, above, table, lint);
    });
  }
  return targets;
}

interface Above {
  readonly chain: Chain;
  readonly index: number;
  readonly facts: ChainFacts;
}

/** The chains a packet comes through before this one, with the place of the jump. */
function pathFacts(
  table: Table,
  reach: ReturnType<typeof reachable>,
  chain: Chain,
): readonly Above[] {
  const found: Above[] = [];
  const seen = new Set([chain.name]);
  for (
    let from = reach.get(chain.name)?.from;
    from && !seen.has(from.chain);
    from = reach.get(from.chain)?.from
  ) {
    seen.add(from.chain);
    const parent = table.chains.get(from.chain);
    if (parent) found.push({ chain: parent, index: from.index, facts: factsOf(parent) });
  }
  return found;
}

const allowedHooks = new Set(["INPUT", "FORWARD"]);

function lintItself(table: Table, rule: Rule, hooks: ReadonlySet<string>, lint: Lint): void {
  if (rule.protoInverted) lint.add("rule.protocol-inverted", {}, rule);
  else if (rule.proto !== "tcp" && rule.proto !== "6")
    lint.add("rule.protocol", { proto: rule.proto ?? "any" }, rule);
  const wrong = [...hooks].filter((hook) => !allowedHooks.has(hook));
  for (const hook of wrong)
    lint.add("rule.hook", { hook, chain: rule.chain, table: table.name }, rule);
  if (hooks.size === 0) lint.add("rule.unreached", { chain: rule.chain }, rule);
  const words = conditions(rule);
  const state = valueOf(words, "--state", "--ctstate");
  if ((state === "NEW" || words.includes("--syn")) && !words.includes("!"))
    lint.add("rule.new-only", { chain: rule.chain }, rule);
  if (rule.text.includes("--honeypot") && rule.text.includes("--reset"))
    lint.add("rule.variants", {}, rule);
  if (rule.packets !== undefined && rule.packets > 0)
    lint.add("rule.counters", { packets: rule.packets, bytes: rule.bytes ?? 0 }, rule);
}

function lintBefore(
  rule: Rule,
  index: number,
  facts: ChainFacts,
  lint: Lint,
  { hours }: LintQuestion,
): void {
  const end = facts.ends.find((one) => one.index < index);
  if (end) lint.add("rule.shadowed", { line: end.rule.line, by: end.rule.jump ?? "" }, rule);
  const invalid = facts.invalid.find((one) => one.index < index);
  if (invalid) lint.add("rule.invalid-drop", { line: invalid.rule.line }, rule);
  const { logs } = facts;
  for (let at = 0; at < logs.length && at < most && (logs[at]?.index ?? index) < index; at += 1) {
    const log = logs[at]?.rule as Rule;
    if (!mayMeet(log, rule)) continue;
    const packets = log.packets ?? 0;
    const perDay = Math.round((packets * 24) / (hours ?? 24));
    lint.add(
      "rule.log-flood",
      {
        target: log.jump ?? "LOG",
        before: rule.line,
        packets,
        linesADay: perDay,
        bytesADay: perDay * logLineBytes,
        known: hours !== undefined,
      },
      log,
    );
  }
}

/** Whether a packet that TARPIT gets may have been logged: no port or source that rules that out. */
function mayMeet(log: Rule, rule: Rule): boolean {
  if (log.proto !== undefined && log.proto !== "all" && log.proto !== rule.proto) return false;
  const [a, b] = [conditions(log), conditions(rule)];
  return ["--dport", "-s", "-d", "-i"].every((name) => {
    const [left, right] = [valueOf(a, name), valueOf(b, name)];
    return (
      left === undefined ||
      right === undefined ||
      left === right ||
      left.startsWith("!") ||
      right.startsWith("!")
    );
  });
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
  const accept = facts.accepts.findLast((one) => one.index > index);
  const narrowed = (one: Rule | undefined): boolean =>
    one !== undefined &&
    (/ --(dports?|destination-ports?) /.test(one.text) || / -s /.test(one.text));
  const portless = !narrowed(rule) && !above.some((one) => narrowed(one.chain.rules[one.index]));
  if (accept && portless) lint.add("rule.before-accept", { line: accept.rule.line }, rule);
  if (portless && !matchesOf(rule).includes("set") && !guarded(index, facts, above))
    lint.add("rule.lockout", {}, rule);
  const next = chain.rules[index + 1];
  const drop = facts.drops.find((one) => one.index > index);
  if (drop) {
    const between = chain.rules
      .slice(index + 1, Math.min(drop.index, index + 1 + most))
      .some((one) => one.jump !== "TARPIT");
    if (between && next) lint.add("rule.not-before-drop", { line: drop.rule.line }, rule);
    return;
  }
  const outer = above.some((one) => one.facts.drops.some((drop) => drop.index > one.index));
  const top = above.at(-1)?.chain ?? chain;
  if (!outer && top.policy !== "DROP" && table.name === "filter")
    lint.add("rule.no-drop", { chain: top.name }, rule);
}

/** An ACCEPT of what is established, or of SSH, stands in front: the owner keeps a way in. */
const guarded = (index: number, facts: ChainFacts, above: readonly Above[]): boolean =>
  facts.guards.some((at) => at < index) ||
  above.some((one) => one.facts.guards.some((at) => at < one.index));

import { isLimited, type ChainFacts } from "./chains.ts";
import { most, type Lint, type LintQuestion } from "./gather.ts";
import { conditions, valueOf, type Chain, type Rule, type Table } from "./parse.ts";

/** A LOG line of a TCP SYN with its syslog prefix, and of NFLOG or ULOG as ulogd's LOGEMU writes it: about. */
export const logLineBytes = 230;

/** What logs in front: in the chain itself, or in one that is called there and comes back. */
export function lintLogs(
  rule: Rule,
  index: number,
  { logs, calls }: ChainFacts,
  table: Table,
  factsOf: (chain: Chain) => ChainFacts,
  lint: Lint,
  question: LintQuestion,
): void {
  for (const one of logs.slice(0, most))
    if (one.index < index) lintLog(one.rule, rule, lint, question);
  for (const one of calls.slice(0, most)) {
    if (one.index >= index || !mayMeet(one.rule, rule)) continue;
    const called = table.chains.get(one.rule.jump ?? "");
    if (!called || called.name === rule.chain || isLimited(one.rule)) continue;
    for (const log of factsOf(called).logs.slice(0, most)) lintLog(log.rule, rule, lint, question);
  }
}

function lintLog(log: Rule, rule: Rule, lint: Lint, { hours }: LintQuestion): void {
  if (!mayMeet(log, rule) || !lint.isFirst(log)) return;
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

/** Each rule is compared with several logs: its words are taken apart once. */
const apart = new WeakMap<Rule, readonly string[]>();
function wordsOf(rule: Rule): readonly string[] {
  const words = apart.get(rule) ?? conditions(rule);
  apart.set(rule, words);
  return words;
}

/** Whether a packet that TARPIT gets may have been logged: no port or source that rules that out. */
function mayMeet(log: Rule, rule: Rule): boolean {
  if (log.proto !== undefined && log.proto !== "all" && log.proto !== rule.proto) return false;
  const [a, b] = [wordsOf(log), wordsOf(rule)];
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

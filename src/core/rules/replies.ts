import type { Lint, LintQuestion } from "./gather.ts";
import { conditions, valueOf, type Rule, type RuleSet, type Table } from "./parse.ts";

/** Whether TARPIT's packets go without connection tracking, and whether its replies get out. */
export function judgeReplies(
  set: RuleSet,
  { family, tracked: known }: Pick<LintQuestion, "family" | "tracked">,
  lint: Lint,
): void {
  const untracked = set.tables.some(
    (table) =>
      table.name === "raw" &&
      [...table.chains.values()].some((chain) => chain.rules.some(isNotrack)),
  );
  const tracked = set.tables.some((table) =>
    [...table.chains.values()].some((chain) =>
      chain.rules.some((rule) => /--(ct)?state /.test(rule.text)),
    ),
  );
  if (!untracked && (tracked || known === true)) lint.add("rule.tracked", { family });
  const filter = set.tables.find((table) => table.name === "filter");
  const output = filter?.chains.get("OUTPUT");
  if (!filter || !output) return;
  const invalid = output.rules.find((rule) => closes(rule) && states(rule).includes("INVALID"));
  if (invalid) lint.add("rule.reply-invalid", {}, invalid);
  const drops =
    output.policy === "DROP" ||
    output.rules.some((rule) => closes(rule) && conditions(rule).length === 0);
  if (!drops || output.rules.some((rule) => letsOut(rule, filter, untracked))) return;
  lint.add(
    "rule.reply-policy",
    { untracked },
    { line: output.line, text: `:OUTPUT ${output.policy}` },
    untracked ? "error" : "warning",
  );
}

const closes = (rule: Rule): boolean => rule.jump === "DROP" || rule.jump === "REJECT";

const isNotrack = (rule: Rule): boolean =>
  rule.jump === "NOTRACK" || (rule.jump === "CT" && rule.text.includes("--notrack"));

const states = (rule: Rule): readonly string[] =>
  (valueOf(conditions(rule), "--state", "--ctstate") ?? "").split(",");

/** An ACCEPT that TARPIT's replies meet: of TCP, not for one interface `lo` alone, and not only ESTABLISHED. */
function letsOut(rule: Rule, filter: Table, untracked: boolean): boolean {
  if (rule.jump !== undefined && filter.chains.has(rule.jump)) return true;
  if (rule.jump !== "ACCEPT" || (rule.proto !== undefined && rule.proto !== "tcp")) return false;
  if (valueOf(conditions(rule), "-o") === "lo") return false;
  const of = states(rule).filter(Boolean);
  return of.length === 0 || of.includes(untracked ? "UNTRACKED" : "ESTABLISHED");
}

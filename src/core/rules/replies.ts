import { atLeast } from "../probe/versions.ts";
import type { Lint, LintQuestion } from "./gather.ts";
import {
  conditions,
  isSynAlone,
  valueOf,
  type Chain,
  type Rule,
  type RuleSet,
  type Table,
} from "./parse.ts";

/** Whether TARPIT's packets go without connection tracking, and whether its replies get out. */
export function judgeReplies(
  set: RuleSet,
  { family, tracked: known, kernel }: Pick<LintQuestion, "family" | "tracked" | "kernel">,
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
  // 2.4 has no table `raw`, and there is nothing to be done.
  const old = !atLeast(kernel ?? "9", "2.5");
  if (!untracked && !old && (tracked || known === true)) lint.add("rule.tracked", { family });
  const filter = set.tables.find((table) => table.name === "filter");
  const output = filter?.chains.get("OUTPUT");
  if (!filter || !output) return;
  const invalid = output.rules.find((rule) => closes(rule) && states(rule).includes("INVALID"));
  if (invalid) lint.add("rule.reply-invalid", {}, invalid);
  const drops =
    output.policy === "DROP" ||
    output.rules.some((rule) => closes(rule) && conditions(rule).length === 0);
  if (!drops || letsOut(output, filter, { untracked, old, ports: new HeldPorts(filter) })) return;
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

/** Whether an ACCEPT that TARPIT's replies meet is in OUTPUT, or in a chain that is called for them. */
function letsOut(output: Chain, filter: Table, held: Held): boolean {
  const chains = [output];
  const seen = new Set([output.name]);
  for (const chain of chains)
    for (const rule of chain.rules) {
      if (!meetsReplies(rule, held)) continue;
      if (rule.jump === "ACCEPT") return true;
      const called = filter.chains.get(rule.jump ?? "");
      if (!called || seen.has(called.name)) continue;
      seen.add(called.name);
      chains.push(called);
    }
  return false;
}

interface Held {
  readonly untracked: boolean;
  /** Linux 2.4. */
  readonly old: boolean;
  readonly ports: HeldPorts;
}

const targetPorts = ["--dport", "--dports"];
const sourcePorts = ["--sport", "--sports", "--ports"];
/** A reply of the kernel's own has no socket, and so no owner. */
const owners = ["--uid-owner", "--gid-owner", "--sid-owner", "--pid-owner", "--cmd-owner"];

/** Of TCP, from a held port to any port, and not for `lo`, an owner, SYN or the wrong state alone. */
function meetsReplies(rule: Rule, held: Held): boolean {
  if (rule.protoInverted || !["tcp", "6", "all", "0"].includes(rule.proto ?? "all")) return false;
  const words = conditions(rule);
  const plain = (names: readonly string[]): string | undefined => {
    const value = valueOf(words, ...names);
    return value?.startsWith("!") ? undefined : value;
  };
  if (plain(["-o"]) === "lo" || plain([...targetPorts, ...owners]) !== undefined) return false;
  if (isSynAlone(words)) return false;
  const from = plain(sourcePorts);
  if (from !== undefined && !held.ports.has(from)) return false;
  // A reply is attached to the entry of what it answers (nf_conntrack_attach); on 2.4 it is one of that entry's.
  const state = held.old ? "ESTABLISHED" : held.untracked ? "UNTRACKED" : "RELATED";
  const wanted = valueOf(words, "--state", "--ctstate") ?? "!";
  const named = wanted.replace("!", "").split(",").includes(state);
  return wanted.startsWith("!") ? !named : named;
}

/** Ports that TARPIT rules hold: all of them as soon as one rule names none, or by a name. */
class HeldPorts {
  /** How many held ports are below each port. */
  readonly #below: Uint32Array | undefined;
  constructor(filter: Table) {
    const ranges: Range[] = [];
    for (const chain of filter.chains.values())
      for (const rule of chain.rules) {
        if (rule.jump !== "TARPIT") continue;
        const ports = valueOf(conditions(rule), ...targetPorts);
        const some = ports === undefined ? undefined : rangesOf(ports);
        if (some === undefined) return;
        ranges.push(...some);
      }
    // Where ranges begin and end, then how many are open at each port.
    const open = new Int32Array(allPorts + 1);
    for (const [from, to] of ranges) {
      open[from] = (open[from] ?? 0) + 1;
      open[to + 1] = (open[to + 1] ?? 0) - 1;
    }
    const below = new Uint32Array(allPorts + 1);
    for (let [port, now] = [0, 0]; port < allPorts; port += 1) {
      now += open[port] ?? 0;
      below[port + 1] = (below[port] ?? 0) + (now > 0 ? 1 : 0);
    }
    this.#below = below;
  }
  /** Whether one of `22,8000:8080` is held; of a name that is not known. */
  has(text: string): boolean {
    const below = this.#below;
    return (
      below === undefined ||
      (rangesOf(text)?.some(([from, to]) => (below[to + 1] ?? 0) > (below[from] ?? 0)) ?? true)
    );
  }
}

const allPorts = 65_536;
type Range = readonly [from: number, to: number];

/** Undefined for names of services, and for what is inverted. */
function rangesOf(text: string): readonly Range[] | undefined {
  const ranges = text.split(",").map((part): Range => {
    const [from = "", to = from] = part.split(":");
    return [from === "" ? 0 : portOf(from), to === "" ? allPorts - 1 : portOf(to)];
  });
  return ranges.some((range) => range.some(Number.isNaN)) ? undefined : ranges;
}

const portOf = (text: string): number =>
  /^\d{1,5}$/.test(text) && Number(text) < allPorts ? Number(text) : Number.NaN;

import { conditions, matchesOf, valueOf, type Chain, type Rule, type Table } from "./parse.ts";

interface Placed {
  readonly index: number;
  readonly rule: Rule;
}

/** What a chain's rules do to a TCP packet that comes by: gathered once, so that a lint stays linear. */
export interface ChainFacts {
  /** Rules that end the way of every TCP packet. */
  readonly ends: readonly Placed[];
  readonly drops: readonly Placed[];
  readonly accepts: readonly Placed[];
  readonly invalid: readonly Placed[];
  /** LOG, NFLOG, ULOG without a limit. */
  readonly logs: readonly Placed[];
  readonly guards: readonly number[];
  /** Jumps to chains of the user's own. */
  readonly calls: readonly Placed[];
}

const ending = new Set(["DROP", "ACCEPT", "REJECT", "QUEUE", "TARPIT"]);
const logging = new Set(["LOG", "NFLOG", "ULOG"]);
const limiting = new Set(["limit", "hashlimit", "recent", "statistic", "set"]);

/** A limit, or only what opens a connection or is INVALID: such a log does not grow with every probe. */
export const isLimited = (rule: Rule): boolean =>
  matchesOf(rule).some((name) => limiting.has(name)) ||
  /^(NEW|INVALID)$/.test(valueOf(conditions(rule), "--state", "--ctstate") ?? "");

/** The first entry behind `index` of a list in the chain's order: a search by halves. */
export function firstBehind(list: readonly Placed[], index: number): Placed | undefined {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((list[middle] as Placed).index > index) to = middle;
    else from = middle + 1;
  }
  return list[from];
}

export function factsOf(chain: Chain, chains: ReadonlyMap<string, Chain>): ChainFacts {
  const facts = {
    ends: [] as Placed[],
    drops: [] as Placed[],
    accepts: [] as Placed[],
    invalid: [] as Placed[],
    logs: [] as Placed[],
    guards: [] as number[],
    calls: [] as Placed[],
  };
  chain.rules.forEach((rule, index) => {
    const { jump = "" } = rule;
    if (chains.has(jump)) facts.calls.push({ index, rule });
    if (jump === "TARPIT" || (!ending.has(jump) && !logging.has(jump))) return;
    const words = conditions(rule);
    const placed = { index, rule };
    const state = valueOf(words, "--state", "--ctstate") ?? "";
    const forTcp = rule.proto === undefined || ["tcp", "6", "all", "0"].includes(rule.proto);
    const whole = forTcp && !rule.protoInverted && isBare(words);
    if (logging.has(jump)) {
      if (forTcp && !isLimited(rule)) facts.logs.push(placed);
      return;
    }
    if (whole) facts.ends.push(placed);
    if (whole && (jump === "DROP" || jump === "REJECT")) facts.drops.push(placed);
    if ((jump === "DROP" || jump === "REJECT") && state.split(",").includes("INVALID"))
      facts.invalid.push(placed);
    if (jump !== "ACCEPT") return;
    if (forTcp && !words.includes("lo") && state === "") facts.accepts.push(placed);
    const port = valueOf(words, "--dport", "--dports") ?? "";
    if (
      state.includes("ESTABLISHED") ||
      /(^|[,:])(22|ssh)($|[,:])/.test(port) ||
      words.includes("-s") ||
      whole
    )
      facts.guards.push(index);
  });
  return facts;
}

/** No condition but the protocol. */
const isBare = (words: readonly string[]): boolean =>
  words.every(
    (word, at) =>
      word === "-p" ||
      word === "-m" ||
      words[at - 1] === "-p" ||
      (words[at - 1] === "-m" && word === "tcp"),
  );

export interface Reached {
  /** Built-in chains a packet may come from. */
  readonly hooks: Set<string>;
  /** The first jump here. */
  from: { readonly chain: string; readonly index: number } | undefined;
}

/** From which hooks each chain is reached: one walk from each built-in chain. */
export function reachable(table: Table): ReadonlyMap<string, Reached> {
  const found = new Map<string, Reached>();
  const jumps = new Map<string, readonly (readonly [string, number])[]>();
  for (const chain of table.chains.values()) {
    const own = new Map<string, number>();
    chain.rules.forEach((rule, index) => {
      if (rule.jump !== undefined && !own.has(rule.jump) && table.chains.has(rule.jump))
        own.set(rule.jump, index);
    });
    jumps.set(chain.name, [...own]);
  }
  for (const top of table.chains.values()) {
    if (top.policy === "-") continue;
    const queue = [top.name];
    const seen = new Set(queue);
    found.set(top.name, {
      hooks: new Set([...(found.get(top.name)?.hooks ?? []), top.name]),
      from: undefined,
    });
    for (let at = 0; at < queue.length; at += 1) {
      const name = queue[at] as string;
      for (const [to, index] of jumps.get(name) ?? []) {
        const one = found.get(to) ?? { hooks: new Set<string>(), from: { chain: name, index } };
        one.hooks.add(top.name);
        found.set(to, one);
        if (!seen.has(to)) queue.push(to);
        seen.add(to);
      }
    }
  }
  return found;
}

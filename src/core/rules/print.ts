import { atLeast } from "../probe/versions.ts";
import type { RuleSet } from "./parse.ts";

export interface PrintRequest {
  readonly chain: string;
  readonly family: 4 | 6;
  /** `23,80:90`; every TCP port without it. */
  readonly ports: readonly string[];
  /** Networks of the owner: never held. */
  readonly own: readonly string[];
  /** Who is logged in here now over SSH: let in first, so that nobody locks himself out. */
  readonly ssh: { readonly peer: string; readonly port: string } | undefined;
  readonly log: boolean;
  /** Kernel version in dots; undefined: a modern one. */
  readonly kernel: string | undefined;
  /** The rules as they are, to find the DROP that stays. */
  readonly rules: RuleSet | undefined;
}

export interface PrintedRule {
  readonly table: "raw" | "filter";
  /** Without the table: `-A INPUT …`. */
  readonly rule: string;
  readonly note?: string;
}

/** The chain of our own that holds the exceptions; one rule in the given chain leads there. */
export const ownChain = "tarpit";

/** Extensions that have one layout for both widths, and that are as old as the kernel: nothing else is used. */
export function printRules(request: PrintRequest): readonly PrintedRule[] {
  const { chain, ports, own } = request;
  const match = portMatch(ports);
  const found: PrintedRule[] = [];
  const add = (table: PrintedRule["table"], rule: string, note?: string): void =>
    void found.push({ table, rule, ...(note === undefined ? {} : { note }) });
  // 2.4 has no table `raw`; its replies are ESTABLISHED.
  if (ports.length > 0 && modern(request, "2.5")) {
    const notrack = modern(request, "2.6.34") ? "CT --notrack" : "NOTRACK";
    for (const net of own)
      add("raw", `-A PREROUTING -s ${net} -p tcp${match} -j ACCEPT`, "own networks stay tracked");
    add(
      "raw",
      `-A PREROUTING -p tcp${match} -j ${notrack}`,
      "held connections cost no connection tracking",
    );
    add(
      "filter",
      `-I OUTPUT -p tcp${match.replace("--dport", "--sport")} -m conntrack --ctstate UNTRACKED -j ACCEPT`,
      "TARPIT's replies get out past ESTABLISHED,RELATED",
    );
  }
  const first = exceptions(request);
  for (const [rule, note] of first) add("filter", `-I ${chain} 1 ${rule} -j ACCEPT`, note);
  add("filter", `-N ${ownChain}`);
  for (const net of own)
    add(
      "filter",
      `-A ${ownChain} -s ${net} -j RETURN`,
      "an own network is dropped as before, never held",
    );
  if (request.log) for (const rule of logging(request)) add("filter", rule);
  add("filter", `-A ${ownChain} -p tcp -j TARPIT`);
  const drop = finalDrop(request);
  if (drop === undefined) {
    add(
      "filter",
      `-A ${chain} -p tcp${match} -j ${ownChain}`,
      "behind every ACCEPT, directly before the DROP",
    );
    add("filter", `-A ${chain} -j DROP`, "the rest: UDP, and what TARPIT stays silent to");
  } else
    add(
      "filter",
      `-I ${chain} ${drop + first.length} -p tcp${match} -j ${ownChain}`,
      "directly before the DROP that is there already",
    );
  return found;
}

/**
 * What is let in first, in front of everything: each goes to the first place, so that the last one ends there.
 * TARPIT of every port would hold the answers to one's own connections as well.
 */
function exceptions(request: PrintRequest): readonly (readonly [rule: string, note: string])[] {
  const { chain, ssh, family } = request;
  const match = modern(request, "2.6.0") ? "conntrack --ctstate" : "state --state";
  const there = chainOf(request)?.rules ?? [];
  const has = (pattern: RegExp): boolean =>
    there.some((one) => one.jump === "ACCEPT" && pattern.test(one.text));
  const found: (readonly [string, string])[] = [];
  if (!has(/state \S*ESTABLISHED/))
    found.push([
      `-m ${match} RELATED,ESTABLISHED`,
      "answers to your own connections, and the logins there are, stay as they are",
    ]);
  if (chain === "INPUT" && !has(/ -i lo( |$)/))
    found.push(["-i lo", "this machine talks to itself"]);
  if (ssh && familyOf(ssh.peer) === family)
    found.push([
      `-s ${ssh.peer} -p tcp --dport ${ssh.port}`,
      "you are logged in from there: no lock-out",
    ]);
  return found;
}

const chainOf = ({ chain, rules }: PrintRequest) =>
  rules?.tables.find((one) => one.name === "filter")?.chains.get(chain);

const modern = ({ kernel }: PrintRequest, since: string): boolean =>
  kernel === undefined || atLeast(kernel, since);

export const familyOf = (address: string): 4 | 6 => (address.includes(":") ? 6 : 4);

function portMatch(ports: readonly string[]): string {
  if (ports.length === 0) return "";
  return ports.length === 1 ? ` --dport ${ports[0]}` : ` -m multiport --dports ${ports.join(",")}`;
}

/** Number of the final DROP in the chain as it is (iptables counts from 1). */
function finalDrop(request: PrintRequest): number | undefined {
  const list = chainOf(request)?.rules ?? [];
  const last = list.at(-1);
  const bare = last !== undefined && /^(?:\[\d+:\d+\] )?-A \S+ -j (DROP|REJECT)\b/.test(last.text);
  return bare ? list.length : undefined;
}

/** New peers only: `recent` knows who was here within the hour, and its layout is the same on both widths. */
function logging(request: PrintRequest): readonly string[] {
  const target = modern(request, "2.6.14")
    ? 'NFLOG --nflog-group 1 --nflog-prefix "tarpit "'
    : 'LOG --log-prefix "tarpit "';
  return [
    `-A ${ownChain} -p tcp --syn -m recent --name tarpit ! --rcheck --seconds 3600 -j ${target}`,
    `-A ${ownChain} -p tcp -m recent --name tarpit --set`,
  ];
}

/** The commands that take everything away again, last first. */
export function undoRules(rules: readonly PrintedRule[]): readonly PrintedRule[] {
  const back = rules
    .filter(
      (one) =>
        !one.rule.startsWith("-N ") &&
        !one.rule.startsWith(`-A ${ownChain} `) &&
        !/^-A \S+ -j DROP$/.test(one.rule),
    )
    .map((one) => ({ table: one.table, rule: one.rule.replace(/^-[AI] (\S+)(?: \d+)?/, "-D $1") }))
    .toReversed();
  return [
    ...back,
    { table: "filter", rule: `-F ${ownChain}` },
    { table: "filter", rule: `-X ${ownChain}` },
  ];
}

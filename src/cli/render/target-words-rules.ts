import type { TargetFindingArguments } from "../../core/target-findings.ts";
import type { Words } from "./words.ts";

type Args = TargetFindingArguments;
type RuleWords = {
  readonly [C in Extract<keyof Args, `rule.${string}`>]: (args: Args[C]) => Words;
};

/** 1,234,567 */
export const grouped = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",");

/** 1 packet, 1,234 packets */
const counted = (value: number, word: string): string =>
  `${grouped(value)} ${word}${value === 1 ? "" : "s"}`;

/** 12.3 MB */
export function sized(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

const better = "tarpit-kit rules print CHAIN";

export const ruleWords: RuleWords = {
  "rule.none": ({ rules }) => ({
    what: `none of the ${grouped(rules)} rules uses TARPIT`,
    next: better,
  }),
  "rule.more": ({ what, count }) => ({
    what: `${grouped(count)} more rules have the same trouble (${what})`,
  }),
  "rule.strange": ({ text }) => ({
    what: `this line is no rule, chain or table: ${text}`,
    next: "give the output of iptables-save",
  }),
  "rule.protocol": ({ proto }) => ({
    what: `TARPIT without -p tcp (protocol: ${proto})`,
    why: 'the kernel refuses it: "only valid for protocol 6"',
    next: "write -p tcp in the rule itself; in the rule that jumps to its chain it does not count",
  }),
  "rule.protocol-inverted": () => ({
    what: "TARPIT with an inverted protocol",
    why: "the kernel refuses it: the target is for TCP",
    next: "write -p tcp",
  }),
  "rule.hook": ({ hook, chain, table }) => ({
    what: `TARPIT in ${chain} (table ${table}) is reached from ${hook}`,
    why: 'it works in INPUT and FORWARD only: "used from hooks …, but only usable from INPUT/FORWARD"',
    next: "move it to a chain that only INPUT or FORWARD reach",
  }),
  "rule.unreached": ({ chain }) => ({
    what: `no rule leads to chain ${chain}`,
    why: "its TARPIT never sees a packet",
    next: `iptables -A INPUT -p tcp -j ${/^[\w-]+$/.test(chain) ? chain : "CHAIN"}`,
  }),
  "rule.new-only": ({ chain }) => ({
    what: `TARPIT in ${chain} sees only the first packet of a connection`,
    why: "it keeps nothing: the peer's later segments need an answer too, or it lets go",
    next: "remove --state NEW or --syn from the rule",
  }),
  "rule.variants": () => ({
    what: "a rule names --honeypot and --reset together",
    why: "one of them wins, and which is the extension's affair",
    next: "keep one",
  }),
  "rule.counters": ({ packets, bytes, hours }) => ({
    what: `${counted(packets, "packet")}, ${sized(bytes)} came to TARPIT here${hours === undefined ? "" : `: ${counted(Math.round(packets / hours), "packet")}, ${sized(Math.round(bytes / hours))} an hour`}`,
  }),
  "rule.shadowed": ({ line, by }) => ({
    what: `line ${line} (${by} of every TCP packet) stands before TARPIT`,
    why: "TARPIT never sees a packet",
    next: "move TARPIT in front of it",
  }),
  "rule.invalid-drop": ({ line }) => ({
    what: `line ${line} drops INVALID packets before TARPIT`,
    why: "a held peer's later segments are INVALID to connection tracking: they starve and it lets go",
    next: `NOTRACK those ports in raw: ${better}`,
  }),
  "rule.log-flood": ({ target, before, packets, linesADay, bytesADay, known }) => ({
    what: `${target} without a limit before TARPIT (line ${before}): ${grouped(packets)} packets logged${known ? "" : " (over an unknown time, taken as one day)"}, ${grouped(linesADay)} lines and ${sized(bytesADay)} a day`,
    why: "every retry and every window probe of every held peer is a line",
    next: "log each new peer once: tarpit-kit rules print CHAIN --log; or tarpit-kit stuck --log",
  }),
  "rule.before-accept": ({ line }) => ({
    what: `line ${line} accepts after TARPIT`,
    why: "TARPIT takes what that rule was for",
    next: "move TARPIT behind the last ACCEPT",
  }),
  "rule.lockout": () => ({
    what: "TARPIT of every port, and nothing in front lets SSH or established connections in",
    why: "the next login of yours is held as well",
    next: better,
  }),
  "rule.not-before-drop": ({ line }) => ({
    what: `there are rules between TARPIT and the final DROP (line ${line})`,
    why: "TARPIT belongs directly before the DROP, behind everything that is wanted",
    next: better,
  }),
  "rule.no-drop": ({ chain }) => ({
    what: `nothing drops the rest behind TARPIT: policy of ${chain} is ACCEPT`,
    why: "TARPIT takes TCP only; UDP and what it stays silent to go in",
    next: `iptables -A ${/^[\w-]+$/.test(chain) ? chain : "CHAIN"} -j DROP`,
  }),
  "rule.tracked": ({ family }) => ({
    what: `no NOTRACK in raw (IPv${family}), and connection tracking is in use`,
    why: "each segment for TARPIT costs a lookup; with INVALID rules it starves",
    next: better,
  }),
  "rule.reply-invalid": () => ({
    what: "OUTPUT drops INVALID packets",
    why: "TARPIT's replies can be INVALID to connection tracking: the peer never hears them",
    next: "NOTRACK in raw and accept UNTRACKED in OUTPUT",
  }),
  "rule.reply-policy": ({ untracked }) => ({
    what: "OUTPUT drops what no rule accepts, and TARPIT's replies are not accepted",
    why: untracked
      ? "replies to NOTRACK connections are UNTRACKED: ESTABLISHED,RELATED does not match them"
      : "without its SYN-ACK nobody is held; to connection tracking the replies are RELATED",
    next: `iptables -I OUTPUT -p tcp -m conntrack --ctstate ${untracked ? "UNTRACKED" : "RELATED,ESTABLISHED"} -j ACCEPT`,
  }),
  "rule.ulog": () => ({
    what: "a rule logs with ULOG",
    why: "Linux 3.17 removed it, and with two widths its packets are misread",
    next: "use -j NFLOG --nflog-group 1 with ulogd2",
  }),
};

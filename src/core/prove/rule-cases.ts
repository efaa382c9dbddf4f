import type { Family, Variant } from "./types.ts";

/**
 * Rules that must be taken, and rules that must be refused, and by whom: the
 * extension says so on stderr, the kernel in its log (iptables itself only
 * prints "Invalid argument"). A refusal for another reason is a failure.
 */
export interface RuleCase {
  readonly name: string;
  readonly variant: Variant;
  /** Configuration symbols without which the case says nothing. */
  readonly needs?: readonly string[];
  /** The kernel's log is rate limited (10 messages in 5 s a place): some are tried with one ABI and family only. */
  readonly once?: boolean;
  /** Rules that must go in first. */
  readonly before?: readonly (readonly string[])[];
  readonly rule: readonly string[];
  /** Undefined: the rule must be taken. */
  readonly refused?: { readonly by: "kernel" | "extension"; readonly saying: RegExp };
}

const words = (text: string): readonly string[] => text.split(" ");
const wrongHook = {
  by: "kernel",
  saying: /TARPIT target: used from hooks .*(OUTPUT|PREROUTING).*only usable from/,
} as const;
const wrongProtocol = {
  by: "kernel",
  saying: /TARPIT target: only valid for protocol (6|tcp)/i,
} as const;

export const ruleCases: readonly RuleCase[] = [
  { name: "default-input", variant: "tarpit", rule: words("-A INPUT -p tcp -j TARPIT") },
  {
    name: "tarpit-input",
    variant: "tarpit",
    rule: words("-A INPUT -p tcp --dport 25 -j TARPIT --tarpit"),
  },
  {
    name: "honeypot-input",
    variant: "honeypot",
    rule: words("-A INPUT -p tcp -j TARPIT --honeypot"),
  },
  { name: "reset-input", variant: "reset", rule: words("-A INPUT -p tcp -j TARPIT --reset") },
  { name: "forward", variant: "tarpit", rule: words("-A FORWARD -p tcp -j TARPIT") },
  {
    name: "user-chain",
    variant: "tarpit",
    before: [words("-N HOLD"), words("-A HOLD -p tcp -j TARPIT")],
    rule: words("-A INPUT -j HOLD"),
  },
  {
    name: "with-limit",
    variant: "tarpit",
    needs: ["NETFILTER_XT_MATCH_LIMIT"],
    rule: words("-A INPUT -p tcp -m limit --limit 5/min -j TARPIT"),
  },
  {
    name: "with-log",
    variant: "tarpit",
    needs: ["NETFILTER_XT_TARGET_LOG"],
    before: [words("-A INPUT -p tcp -j LOG --log-prefix held")],
    rule: words("-A INPUT -p tcp -j TARPIT"),
  },
  {
    name: "with-nflog",
    variant: "tarpit",
    needs: ["NETFILTER_XT_TARGET_NFLOG"],
    before: [words("-A INPUT -p tcp -j NFLOG --nflog-group 1")],
    rule: words("-A INPUT -p tcp -j TARPIT"),
  },
  {
    name: "with-conntrack",
    variant: "tarpit",
    needs: ["NETFILTER_XT_MATCH_CONNTRACK"],
    rule: words("-A INPUT -p tcp -m conntrack --ctstate NEW -j TARPIT"),
  },
  {
    name: "with-state",
    variant: "tarpit",
    needs: ["NETFILTER_XT_MATCH_STATE"],
    rule: words("-A INPUT -p tcp -m state --state NEW -j TARPIT"),
  },
  {
    name: "refused-output",
    variant: "tarpit",
    rule: words("-A OUTPUT -p tcp -j TARPIT"),
    refused: wrongHook,
  },
  {
    name: "refused-chain-from-output",
    variant: "tarpit",
    before: [words("-N HOLD"), words("-A HOLD -p tcp -j TARPIT")],
    rule: words("-A OUTPUT -j HOLD"),
    refused: wrongHook,
  },
  {
    name: "refused-raw-prerouting",
    variant: "tarpit",
    once: true,
    needs: ["IP_NF_RAW"],
    rule: words("-t raw -A PREROUTING -p tcp -j TARPIT"),
    refused: wrongHook,
  },
  {
    name: "refused-udp",
    variant: "tarpit",
    rule: words("-A INPUT -p udp -j TARPIT"),
    refused: wrongProtocol,
  },
  {
    name: "refused-any-protocol",
    variant: "tarpit",
    rule: words("-A INPUT -j TARPIT"),
    refused: wrongProtocol,
  },
  {
    name: "refused-not-tcp",
    variant: "tarpit",
    once: true,
    rule: words("-A INPUT ! -p tcp -j TARPIT"),
    refused: wrongProtocol,
  },
  {
    name: "refused-two-variants",
    variant: "honeypot",
    rule: words("-A INPUT -p tcp -j TARPIT --honeypot --reset"),
    refused: { by: "extension", saying: /cannot be used together/ },
  },
];

/** Which program speaks for a family. */
export const programOf = (family: Family): "iptables" | "ip6tables" =>
  family === "ipv4" ? "iptables" : "ip6tables";

/** The rules of iptables-save output: no comments, no counters, which differ from one call to the next. */
export const savedRules = (text: string): string =>
  text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ""))
    .join("\n");

/** Lines of the kernel's log that no run may leave behind. */
export const badKernelLines = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) =>
    /\b(WARNING:|BUG:|Oops|KASAN:|UBSAN:|Call Trace|Kernel panic|[Uu]nable to handle|suspicious RCU)|counters copy to user failed/.test(
      line,
    ),
  );

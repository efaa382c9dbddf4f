import type { Variant } from "./types.ts";

/** TCP flags by the names iptables has for them (RFC 9293 section 3.1). */
const flagBits: Readonly<Record<string, number>> = {
  FIN: 1,
  SYN: 2,
  RST: 4,
  PSH: 8,
  ACK: 16,
  URG: 32,
};
const bits = (names: string): number =>
  names.split(",").reduce((sum, name) => sum | (flagBits[name] ?? 0), 0);

const variants: Readonly<Record<Variant, number>> = { tarpit: 0, honeypot: 1, reset: 2 };

/**
 * One rule in the guest's own words (guest/bare/rules.c), from the arguments iptables would get. As the
 * extension of that time, plain TARPIT hands over no data; a variant is one byte, aligned.
 */
export function ruleWords(args: readonly string[], align: number): string {
  const after = (name: string): string | undefined => {
    const at = args.indexOf(name);
    return at < 0 ? undefined : args[at + 1];
  };
  const flags = args.indexOf("--tcp-flags");
  const variant = (Object.keys(variants) as Variant[]).find((name) => args.includes(`--${name}`));
  const target = after("-j") ?? "DROP";
  const plain = target === "DROP" || variant === undefined || variant === "tarpit";
  return [
    after("-A") ?? "INPUT",
    after("-p") ?? "any",
    after("--sport") ?? "0",
    after("--dport") ?? "0",
    String(flags < 0 ? 0 : bits(args[flags + 1] ?? "")),
    String(flags < 0 ? 0 : bits(args[flags + 2] ?? "")),
    target,
    String(plain ? 0 : align),
    String(variant === undefined ? 0 : variants[variant]),
  ].join(" ");
}

/** A rule that must be taken, or refused with these words in the kernel's log. */
export interface OlderRuleCase {
  readonly name: string;
  readonly variant: Variant;
  readonly table: "filter" | "mangle";
  /** CHAIN PROTOCOL, the rest is the same for all. */
  readonly where: string;
  readonly size: "none" | "aligned" | "twice";
  readonly value: number;
  readonly refused?: RegExp;
}

const good = {
  variant: "tarpit",
  table: "filter",
  where: "INPUT tcp",
  size: "aligned",
  value: 0,
} as const;

export const olderRuleCases: readonly OlderRuleCase[] = [
  { ...good, name: "no-data", size: "none" },
  { ...good, name: "tarpit-input" },
  { ...good, name: "honeypot-input", variant: "honeypot", value: 1 },
  { ...good, name: "reset-input", variant: "reset", value: 2 },
  { ...good, name: "forward", where: "FORWARD tcp" },
  {
    ...good,
    name: "refused-output",
    where: "OUTPUT tcp",
    refused: /TARPIT: only for INPUT and FORWARD/,
  },
  { ...good, name: "refused-udp", where: "INPUT udp", refused: /TARPIT: only with -p tcp/ },
  {
    ...good,
    name: "refused-any-protocol",
    where: "INPUT any",
    refused: /TARPIT: only with -p tcp/,
  },
  { ...good, name: "refused-not-tcp", where: "INPUT !tcp", refused: /TARPIT: only with -p tcp/ },
  { ...good, name: "refused-variant", value: 3, refused: /TARPIT: unknown variant 3/ },
  { ...good, name: "refused-size", size: "twice", refused: /TARPIT: \d+ bytes of options/ },
];

/** Words of a case for a width; twice the size is what no extension sends. */
export function caseWords({ where, size, value }: OlderRuleCase, align: number): string {
  const bytes = { none: 0, aligned: align, twice: 2 * align }[size];
  return `${where} 0 0 0 0 TARPIT ${bytes} ${value}`;
}

/** Entries of /proc/net/ip_conntrack whose original goes to one of these ports. */
export const trackedPorts = (
  lines: readonly string[],
  ports: readonly number[],
): readonly string[] =>
  lines.filter((line) => {
    const port = /\bdport=(\d+)/.exec(line)?.[1];
    return port !== undefined && ports.includes(Number(port));
  });

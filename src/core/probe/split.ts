import { atLeast } from "./versions.ts";

/**
 * A 64-bit kernel under a 32-bit userland: which extensions carry something whose size differs between
 * the two (ILP32 against LP64), and what each pair of kernel and iptables makes of that.
 */
export interface SplitExtension {
  readonly name: string;
  readonly kind: "match" | "target";
  /** Only this revision is unsafe; undefined: every one. */
  readonly revision?: 0;
  /** Measured with a compiler for both widths; sparc32 aligns to 8, so its size is the second. */
  readonly size32?: string;
  readonly size64?: string;
  /** First kernel whose compatibility layer translates it; undefined: never, or with every layer. */
  readonly translated?: string;
  /** Fixed in userland by iptables 1.2.10 for builds that know of the split. */
  readonly fixed: boolean;
  readonly only24?: true;
  /** First kernel that has it, of those that never were an own patch. */
  readonly since?: string;
}

export const splitExtensions: readonly SplitExtension[] = [
  {
    name: "limit",
    kind: "match",
    size32: "28 (32 on sparc)",
    size64: "40",
    translated: "2.6.19",
    fixed: true,
  },
  {
    name: "ULOG",
    kind: "target",
    size32: "44 (48 on sparc)",
    size64: "56",
    translated: "2.6.22",
    fixed: true,
  },
  { name: "quota", kind: "match", fixed: false },
  { name: "hashlimit", kind: "match", revision: 0, fixed: false },
  { name: "nfacct", kind: "match", revision: 0, fixed: false, since: "3.3" },
  { name: "mark", kind: "match", revision: 0, fixed: false },
  { name: "MARK", kind: "target", revision: 0, fixed: true },
  { name: "CONNMARK", kind: "target", revision: 0, fixed: false },
  { name: "SAME", kind: "target", fixed: true },
  { name: "conntrack", kind: "match", fixed: true, only24: true },
];

export interface SplitQuestion {
  /** Kernel version in dots. */
  readonly kernel: string;
  readonly iptables: string;
  /** NETFILTER_XTABLES_COMPAT (or COMPAT where that brings it); undefined when it could not be read. */
  readonly compat: boolean | undefined;
  readonly family: 4 | 6;
}

export type SplitVerdict =
  /** 2.4 and 2.6 up to .16: no layer; only a userland built for the split works. */
  | "works-split-build"
  | "fails-no-layer"
  /** A layer is there, and an old iptables under it. */
  | "depends"
  | "double-conversion"
  | "works"
  | "compat-off"
  | "compat-unknown"
  | "not-translated-yet"
  | "no-ipv6-layer";

/** First kernel with a layer that translates rules, and the first with one for IPv6. */
export const compatSince = { ipv4: "2.6.17", ipv6: "2.6.25", switch: "5.13", defaultOff: "6.4" };
/** iptables that converts by itself when built for the split, and the one that no longer can. */
export const splitBuild = { from: "1.2.10", before: "1.4.0" };

/** What a rule with this extension does there: every cell of the table has a name. */
export function splitVerdict(one: SplitExtension, question: SplitQuestion): SplitVerdict {
  const { kernel, iptables, compat, family } = question;
  const splitBuilt =
    atLeast(iptables, splitBuild.from) && !atLeast(iptables, splitBuild.before) && one.fixed;
  if (!atLeast(kernel, compatSince.ipv4))
    return splitBuilt ? "works-split-build" : "fails-no-layer";
  if (family === 6 && !atLeast(kernel, compatSince.ipv6)) return "no-ipv6-layer";
  if (!atLeast(iptables, splitBuild.from)) return "depends";
  if (!atLeast(iptables, splitBuild.before)) return "double-conversion";
  if (compat === false) return "compat-off";
  if (one.translated !== undefined && !atLeast(kernel, one.translated)) return "not-translated-yet";
  return compat === undefined ? "compat-unknown" : "works";
}

export const splitSeverity: Readonly<
  Record<SplitVerdict, "error" | "warning" | "info" | "unchecked">
> = {
  "works-split-build": "info",
  "fails-no-layer": "error",
  depends: "warning",
  "double-conversion": "warning",
  works: "info",
  "compat-off": "error",
  "compat-unknown": "unchecked",
  "not-translated-yet": "error",
  "no-ipv6-layer": "error",
};

/** The extensions that matter on this kernel; `only24` is the conntrack match as 2.4 had it. */
export const splitExtensionsOf = (kernel: string): readonly SplitExtension[] =>
  splitExtensions.filter((one) => one.only24 === undefined || !atLeast(kernel, "2.5"));

/** Userland netlink message of ULOG: where its payload begins, for each width. Nothing translates packets. */
export const ulogMessage = {
  32: { size: 168, payload: 165 },
  64: { size: 192, payload: 185 },
} as const;
/** ipt_ULOG was removed in Linux 3.17. */
export const ulogGone = "3.17";

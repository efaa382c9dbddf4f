export type Family = "ipv4" | "ipv6";
export type Variant = "tarpit" | "honeypot" | "reset";

/** Where a case was tried: rules and their refusals, the guest's own loopback, the emulated network, or the kernel as a whole. */
export type Path = "rule" | "loopback" | "wire" | "kernel";

export interface ProveCase {
  /** The ABI of the iptables that made the rules; `all` for what no rule's width can change. */
  readonly abi: string;
  readonly path: Path;
  readonly family: Family | "both";
  readonly variant: Variant | "any";
  /** Short and stable: `window-zero`, `refused-output`. */
  readonly case: string;
  readonly ok: boolean;
  /** What was seen, in one line. */
  readonly detail: string;
  /** Of a failed case: the packets of its connection, or the kernel's words, one a line. */
  readonly packets?: readonly string[];
}

/** A judgement before it is known what it was about. */
export interface Verdict {
  readonly case: string;
  readonly ok: boolean;
  readonly detail: string;
}

export const verdict = (name: string, ok: boolean, detail: string): Verdict => ({
  case: name,
  ok,
  detail,
});

import type { Flow } from "./flow.ts";
import * as judge from "./judge.ts";
import type { PeerView } from "./judge.ts";
import type { Variant, Verdict } from "./types.ts";

/** One connection that the peer opens to one port of the target, and what must come of it. */
export interface Scenario {
  readonly name: string;
  /** Undefined: a port without a rule, and with a listener. */
  readonly variant?: Variant;
  readonly chain: "INPUT" | "FORWARD";
  /** Bytes to send once connected. */
  readonly send: number;
  /**
   * What the peer's own firewall keeps from its TCP, so that it does what it would if
   * packets were lost: `acks` (it never learns of window 0, so data and FIN leave),
   * `syn-acks` (it sends its SYN again). The capture sees the packets all the same.
   */
  readonly deaf?: "acks" | "syn-acks";
  /** How the peer ends it: at once, after the wait (`close`), or not at all. */
  readonly end: "abort" | "close-now" | "close-late" | "none";
  readonly judge: (flow: Flow, view: PeerView) => readonly Verdict[];
}

export const scenarios: readonly Scenario[] = [
  {
    name: "reset",
    variant: "reset",
    chain: "INPUT",
    send: 0,
    end: "none",
    judge: (flow, view) => [judge.judgeReset(flow, view), judge.judgeThrift(flow)],
  },
  {
    name: "data",
    variant: "tarpit",
    chain: "INPUT",
    send: 200,
    end: "close-late",
    judge: (flow, view) => [
      judge.judgeSynAck(flow, view, "five"),
      judge.judgeWindowZero(flow),
      judge.judgeUnacknowledged(flow, view),
      judge.judgeProbes(flow, view),
      judge.judgeHeld(flow, view),
      judge.judgeThrift(flow),
    ],
  },
  {
    name: "in-window",
    variant: "tarpit",
    chain: "INPUT",
    send: 3,
    deaf: "acks",
    end: "none",
    judge: (flow, view) => [judge.judgeInFlight(flow, view)],
  },
  {
    name: "fin",
    variant: "tarpit",
    chain: "INPUT",
    send: 0,
    deaf: "acks",
    end: "close-now",
    judge: (flow) => [judge.judgeFin(flow)],
  },
  {
    name: "rst",
    variant: "tarpit",
    chain: "INPUT",
    send: 0,
    end: "abort",
    judge: (flow) => [judge.judgeRst(flow)],
  },
  {
    name: "forward",
    variant: "tarpit",
    chain: "FORWARD",
    send: 200,
    end: "close-late",
    judge: (flow, view) =>
      [
        judge.judgeSynAck(flow, view, "five"),
        judge.judgeWindowZero(flow),
        judge.judgeUnacknowledged(flow, view),
        judge.judgeHeld(flow, view),
      ].map((verdict) => ({ ...verdict, case: `forward-${verdict.case}` })),
  },
  {
    name: "honeypot",
    variant: "honeypot",
    chain: "INPUT",
    send: 50,
    end: "close-now",
    judge: (flow, view) => [
      judge.judgeSynAck(flow, view, "open"),
      judge.judgeAcknowledged(flow, view),
      judge.judgeFinReset(flow),
      judge.judgeThrift(flow),
    ],
  },
  {
    name: "honeypot-again",
    variant: "honeypot",
    chain: "INPUT",
    send: 0,
    deaf: "syn-acks",
    end: "none",
    judge: (flow) => [judge.judgeSameIsn(flow)],
  },
  {
    name: "other",
    chain: "INPUT",
    send: 100,
    end: "none",
    judge: (_flow, view) => [judge.judgeOther(view)],
  },
];

const firstPort = 7000;
const portsPerAbi = 100;

export const portOf = (abiIndex: number, scenario: Scenario): number =>
  firstPort + abiIndex * portsPerAbi + scenarios.indexOf(scenario);

/** A port that refuses, with and without rules: called until it answers, it tells when the network is up. */
export const reachPort = 6902;

/** Ports that no rule ever names: what they do is the state before. */
export const beforePorts = { INPUT: 6900, FORWARD: 6901 } as const;

export const addresses = {
  target: { ipv4: "10.77.0.1", ipv6: "fd77::1" },
  peer: { ipv4: "10.77.0.2", ipv6: "fd77::2" },
  loopback: { ipv4: "127.0.0.1", ipv6: "::1" },
  /** Behind the target, as far as the peer knows; nobody is there. */
  behind: { ipv4: "10.99.0.77", ipv6: "fd99::77" },
} as const;

/** Prefix lengths of the link's network and of the one behind, and the latter's address. */
export const networks = {
  ipv4: { prefix: 24, behind: "10.99.0.0" },
  ipv6: { prefix: 64, behind: "fd99::" },
} as const;

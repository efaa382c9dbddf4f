import type { Segment } from "./segment.ts";

/** One connection attempt, seen from the one who called: `peer` calls, `target` has the rule. */
export interface Flow {
  readonly segments: readonly Segment[];
  readonly fromPeer: readonly Segment[];
  readonly fromTarget: readonly Segment[];
  /** The peer's initial sequence number (RFC 9293: ISS). */
  readonly iss: number | undefined;
}

/** Sequence numbers are compared modulo 2^32 (RFC 9293 section 3.4): how far `a` is after `b`, signed. */
export const seqDiff = (a: number, b: number): number => (a - b) | 0;

/** The segments to and from a port of the target. */
export function flowOf(
  segments: readonly Segment[],
  family: Segment["family"],
  port: number,
): Flow {
  const mine = segments.filter(
    (s) => s.family === family && (s.to.port === port || s.from.port === port),
  );
  const fromPeer = mine.filter((s) => s.to.port === port);
  return {
    segments: mine,
    fromPeer,
    fromTarget: mine.filter((s) => s.from.port === port),
    iss: fromPeer.find((s) => s.flags.syn)?.seq,
  };
}

const flagNames = (s: Segment): string => {
  const { syn, fin, rst, ack } = s.flags;
  const names = [syn && "SYN", fin && "FIN", rst && "RST", ack && "ACK"].filter(
    (name) => name !== false,
  );
  return names.length === 0 ? "none" : names.join(",");
};

const endpoint = (e: Segment["from"]): string =>
  e.address.includes(":") ? `[${e.address}]:${e.port}` : `${e.address}:${e.port}`;

/**
 * One line a packet, numbers relative to each side's first one as tcpdump prints them:
 * `+0.203 10.0.0.2:4711 > 10.0.0.1:80 ACK seq 1 ack 1 win 0 len 0`.
 */
export function describeFlow(flow: Flow): readonly string[] {
  const start = flow.segments[0]?.time ?? 0;
  const target0 = flow.fromTarget[0]?.seq ?? 0;
  return flow.segments.map((s) => {
    const mine = flow.fromPeer.includes(s);
    const [own, other] = mine ? [flow.iss ?? s.seq, target0] : [target0, flow.iss ?? s.ack];
    const ack = s.flags.ack ? ` ack ${seqDiff(s.ack, other)}` : "";
    const head = `+${(s.time - start).toFixed(3)} ${endpoint(s.from)} > ${endpoint(s.to)} ${flagNames(s)}`;
    return `${head} seq ${seqDiff(s.seq, own)}${ack} win ${s.window} len ${s.length}`;
  });
}

import { checksumsRight } from "../../src/core/prove/checksum.ts";
import { decodeSegment, type Segment } from "../../src/core/prove/segment.ts";
import { arpAnswer, type Link, type RawPeer, type Sent, tcpFrame } from "./raw-peer.ts";

export interface Answers {
  synAcks: number;
  acks: number;
  /** IPv4 or TCP checksum. */
  wrongChecksum: number;
  /** Neither the SYN-ACK nor the closed window that was due. */
  strange: number;
}

/** The card of the guest has a ring; more than this at once and it drops some. */
const atOnce = 16;

interface Call {
  readonly seq: number;
  state: "syn" | "data";
}

/**
 * Opens `count` connections to a port that is tarpitted and sends data on each: two answers are due for
 * every one. What gets no answer is sent again, as a sender does.
 */
export async function callAndSend(
  peer: RawPeer,
  link: Link,
  dport: number,
  count: number,
  resendMs = 1000,
): Promise<Answers> {
  const answers: Answers = { synAcks: 0, acks: 0, wrongChecksum: 0, strange: 0 };
  const calls = new Map<number, Call & { last: Sent; sentAt: number }>();
  let next = 0;
  const send = (sport: number, call: Call, one: Sent): void => {
    calls.set(sport, { ...call, last: one, sentAt: Date.now() });
    peer.send(tcpFrame(link, one));
  };
  const call = (): void => {
    if (next === count) return;
    // Different data and numbers each time: a checksum that is wrong for some bits only shows.
    const sport = 1024 + (next % 60_000);
    const seq = Math.imul(next, 0x9e37_79b1) >>> 0;
    next += 1;
    send(sport, { seq, state: "syn" }, { sport, dport, seq, ack: 0, flags: "S" });
  };
  const data = (sport: number, { seq, isn }: { seq: number; isn: number }): void => {
    const bytes = Buffer.alloc(1 + (seq % 5), seq & 0xff);
    const numbers = { seq: (seq + 1) >>> 0, ack: (isn + 1) >>> 0 };
    send(sport, { seq, state: "data" }, { sport, dport, ...numbers, flags: "PA", data: bytes });
  };
  const take = (segment: Segment): void => {
    const sport = segment.to.port;
    const open = calls.get(sport);
    if (!open) return;
    const { syn, ack, rst, fin } = segment.flags;
    if (open.state === "syn" && syn && ack && segment.ack === (open.seq + 1) >>> 0) {
      answers.synAcks += 1;
      data(sport, { seq: open.seq, isn: segment.seq });
    } else if (open.state === "data" && ack && !syn && !rst && !fin && segment.window === 0) {
      answers.acks += 1;
      calls.delete(sport);
      call();
    } else answers.strange += open.state === "data" && syn ? 0 : 1; // a SYN-ACK for a SYN sent again
  };
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      for (const open of calls.values()) {
        if (Date.now() - open.sentAt < resendMs) continue;
        open.sentAt = Date.now();
        peer.send(tcpFrame(link, open.last));
      }
    }, 100);
    peer.onFrame = (bytes) => {
      const arp = arpAnswer(bytes, link.from, link.macs.from);
      if (arp) return peer.send(arp);
      const frame = { time: 0, wireLength: bytes.length, bytes };
      const segment = decodeSegment(frame);
      if (segment?.from.port !== dport) return;
      if (!checksumsRight(frame)) answers.wrongChecksum += 1;
      take(segment);
      if (calls.size > 0) return;
      clearInterval(timer);
      resolve();
    };
    for (let at = 0; at < atOnce; at += 1) call();
  });
  return answers;
}

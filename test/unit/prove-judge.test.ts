import { describe, expect, test } from "vitest";
import { describeFlow, flowOf, seqDiff } from "../../src/core/prove/flow.ts";
import * as judge from "../../src/core/prove/judge.ts";
import type { Segment } from "../../src/core/prove/segment.ts";

const iss = 0xffffffff;
const isn = 5000;
const port = 7000;
const next = (iss + 1) >>> 0;

type Part = Partial<Pick<Segment, "seq" | "ack" | "window" | "length" | "options">>;

/** `peer` or `target` says FLAGS: a conversation written as it is read. */
function talk(
  ...lines: readonly (readonly [who: "peer" | "target", flags: string, part?: Part])[]
) {
  const peer = { address: "10.0.0.2", port: 4000 };
  const target = { address: "10.0.0.1", port };
  const segments = lines.map(([who, flags, part], i): Segment => ({
    time: i / 10,
    family: "ipv4",
    from: who === "peer" ? peer : target,
    to: who === "peer" ? target : peer,
    seq: who === "peer" ? next : isn + 1,
    ack: who === "peer" ? isn + 1 : next,
    flags: {
      syn: flags.includes("S"),
      ack: flags.includes("A"),
      fin: flags.includes("F"),
      rst: flags.includes("R"),
    },
    window: 0,
    length: 0,
    options: [],
    size: 60,
    ...part,
  }));
  return flowOf(segments, "ipv4", port);
}

const open = [
  ["peer", "S", { seq: iss, window: 64240 }],
  ["target", "SA", { seq: isn, window: 5, options: [2] }],
  ["peer", "A", { window: 64240 }],
  ["target", "A"],
] as const;
const probe = ["peer", "A", { seq: iss }] as const;
const shut = ["target", "A"] as const;
const held = talk(...open, probe, shut, probe, shut);
const view = { connect: "connected", sent: 200, queued: 200, state: "FIN_WAIT1", probes: 0 };

describe("a tarpit", () => {
  test("that does all it must passes every judge, across the wrap of sequence numbers", () => {
    const verdicts = [
      judge.judgeSynAck(held, view, "five"),
      judge.judgeWindowZero(held),
      judge.judgeUnacknowledged(held, view),
      judge.judgeProbes(held, view),
      judge.judgeHeld(held, view),
      judge.judgeThrift(held),
    ];
    expect(verdicts.filter((v) => !v.ok)).toEqual([]);
  });

  test.each([
    ["another window", { seq: isn, window: 29200, options: [2] }],
    ["window scaling", { seq: isn, window: 5, options: [2, 3] }],
    ["the wrong acknowledgment", { seq: isn, window: 5, options: [2], ack: iss }],
  ])("SYN-ACK with %s fails", (_, part) => {
    expect(judge.judgeSynAck(talk(open[0], ["target", "SA", part]), view, "five").ok).toBe(false);
  });

  test("no answer, a RST, or a connect() that failed is no SYN-ACK", () => {
    expect(judge.judgeSynAck(talk(open[0]), view, "five").ok).toBe(false);
    expect(judge.judgeSynAck(talk(open[0], ["target", "RA"]), view, "five").ok).toBe(false);
    expect(judge.judgeSynAck(held, { connect: "ECONNREFUSED" }, "five").ok).toBe(false);
  });

  test("one open window, or no answer at all, fails", () => {
    expect(judge.judgeWindowZero(talk(...open, probe, ["target", "A", { window: 1 }])).ok).toBe(
      false,
    );
    expect(judge.judgeWindowZero(talk(open[0], open[1], open[2])).ok).toBe(false);
  });

  test("data that is acknowledged fails, on the wire or in the peer's queue", () => {
    const acked = talk(...open, ["peer", "A", { length: 3 }], ["target", "A", { ack: next + 3 }]);
    expect(judge.judgeUnacknowledged(acked, view).ok).toBe(false);
    expect(judge.judgeUnacknowledged(held, { ...view, queued: 0 }).ok).toBe(false);
    expect(judge.judgeUnacknowledged(held, { connect: "connected" }).ok).toBe(false);
  });

  test("an old acknowledgment does not acknowledge data", () => {
    const old = talk(...open, probe, ["target", "A", { ack: iss }]);
    expect(judge.judgeUnacknowledged(old, view).ok).toBe(true);
  });

  test("a probe that is not answered before the next one fails; the very last may still be on its way", () => {
    expect(judge.judgeProbes(talk(...open, probe, probe, shut), view).ok).toBe(false);
    expect(judge.judgeProbes(talk(...open, probe, shut, probe), view).ok).toBe(true);
    expect(judge.judgeProbes(talk(...open, probe, shut), view).ok).toBe(false);
  });

  test("data in the window must leave, be answered each time, and stay unacknowledged", () => {
    const data = ["peer", "A", { length: 3 }] as const;
    const three = { ...view, sent: 3, queued: 3 };
    expect(judge.judgeInFlight(talk(...open, data, shut, data, shut), three).ok).toBe(true);
    expect(judge.judgeInFlight(talk(...open, data, data, shut), three).ok).toBe(false);
    expect(judge.judgeInFlight(talk(...open), three).ok).toBe(false);
  });

  test("held means FIN_WAIT1, and neither FIN nor RST from us", () => {
    expect(judge.judgeHeld(held, { ...view, state: "gone" }).ok).toBe(false);
    expect(judge.judgeHeld(talk(...open, ["target", "RA"]), view).ok).toBe(false);
    expect(judge.judgeHeld(talk(...open, ["target", "FA"]), view).ok).toBe(false);
  });

  test("FIN and RST: silence after them, and they must have been sent", () => {
    expect(judge.judgeFin(talk(...open, ["peer", "FA"])).ok).toBe(true);
    expect(judge.judgeFin(talk(...open, ["peer", "FA"], shut)).ok).toBe(false);
    expect(judge.judgeFin(talk(...open)).ok).toBe(false);
    expect(judge.judgeRst(talk(...open, ["peer", "RA"])).ok).toBe(true);
    expect(judge.judgeRst(talk(...open, ["peer", "RA"], ["target", "R"])).ok).toBe(false);
  });

  test("more answers than segments is a storm", () => {
    expect(judge.judgeThrift(talk(open[0], open[1], ["target", "SA"])).ok).toBe(false);
  });
});

describe("honeypot and reset", () => {
  const synAck = (seq: number) => ["target", "SA", { seq, window: 64240, options: [2] }] as const;
  const fifty = { connect: "connected", sent: 50, queued: 0 };
  test("data is acknowledged to the byte, with an open window", () => {
    const flow = (ack: number, window: number) =>
      talk(open[0], synAck(isn), ["peer", "A", { length: 50 }], ["target", "A", { ack, window }]);
    expect(judge.judgeAcknowledged(flow(next + 50, 64240), fifty).ok).toBe(true);
    expect(judge.judgeAcknowledged(flow(next + 50, 0), fifty).ok).toBe(false);
    expect(judge.judgeAcknowledged(flow(next + 62, 64240), fifty).ok).toBe(false);
    expect(judge.judgeAcknowledged(flow(next + 50, 64240), { ...fifty, queued: 50 }).ok).toBe(
      false,
    );
  });
  test("a repeated SYN gets the same sequence number", () => {
    expect(judge.judgeSameIsn(talk(open[0], synAck(7), open[0], synAck(7))).ok).toBe(true);
    expect(judge.judgeSameIsn(talk(open[0], synAck(7), open[0], synAck(8))).ok).toBe(false);
    expect(judge.judgeSameIsn(talk(open[0], synAck(7))).ok).toBe(false);
  });
  test("FIN is answered with RST", () => {
    expect(judge.judgeFinReset(talk(open[0], synAck(7), ["peer", "FA"], ["target", "RA"])).ok).toBe(
      true,
    );
    expect(judge.judgeFinReset(talk(open[0], synAck(7), ["peer", "FA"], ["target", "FA"])).ok).toBe(
      false,
    );
  });
  test("a RST that a peer in SYN_SENT takes: with ACK, one above the SYN", () => {
    const refused = { connect: "ECONNREFUSED" };
    expect(judge.judgeReset(talk(open[0], ["target", "RA"]), refused).ok).toBe(true);
    expect(judge.judgeReset(talk(open[0], ["target", "R"]), refused).ok).toBe(false);
    expect(judge.judgeReset(talk(open[0], ["target", "RA", { ack: iss }]), refused).ok).toBe(false);
    expect(judge.judgeReset(talk(open[0], ["target", "RA"]), { connect: "pending" }).ok).toBe(
      false,
    );
  });
});

describe("around the rules", () => {
  test("before: refused, by a RST that was seen", () => {
    expect(judge.judgeBefore(talk(open[0], ["target", "RA"]), { connect: "ECONNREFUSED" }).ok).toBe(
      true,
    );
    expect(judge.judgeBefore(talk(open[0]), { connect: "ECONNREFUSED" }).ok).toBe(false);
    expect(judge.judgeBefore(held, view).ok).toBe(false);
  });
  test("a port beside the rule works", () => {
    expect(judge.judgeOther({ connect: "connected", sent: 100, queued: 0 }).ok).toBe(true);
    expect(judge.judgeOther({ connect: "connected", sent: 100, queued: 100 }).ok).toBe(false);
    expect(judge.judgeOther({ connect: "pending" }).ok).toBe(false);
  });
});

test("packets are shown one a line, with relative numbers", () => {
  expect(describeFlow(held).slice(0, 5)).toEqual([
    "+0.000 10.0.0.2:4000 > 10.0.0.1:7000 SYN seq 0 win 64240 len 0",
    "+0.100 10.0.0.1:7000 > 10.0.0.2:4000 SYN,ACK seq 0 ack 1 win 5 len 0",
    "+0.200 10.0.0.2:4000 > 10.0.0.1:7000 ACK seq 1 ack 1 win 64240 len 0",
    "+0.300 10.0.0.1:7000 > 10.0.0.2:4000 ACK seq 1 ack 1 win 0 len 0",
    "+0.400 10.0.0.2:4000 > 10.0.0.1:7000 ACK seq 0 ack 1 win 0 len 0",
  ]);
  expect(seqDiff(0, 0xffffffff)).toBe(1);
  expect(seqDiff(0xffffffff, 0)).toBe(-1);
});

import { type Flow, seqDiff } from "./flow.ts";
import type { Segment } from "./segment.ts";
import { verdict, type Verdict } from "./types.ts";

/**
 * What each variant must do on the wire, judged on captured packets and on what
 * the peer's own TCP says of the connection. The table is in docs/target.md.
 */

/** The window of the tarpit's SYN-ACK. */
const synAckWindow = 5;
/** TCP option kind 2: maximum segment size. */
const mss = 2;

/** What the peer's kernel said of its end (guest/tcp.c). */
export interface PeerView {
  /** Outcome of connect(): `connected`, `pending` or an errno name. */
  readonly connect: string;
  /** Bytes send() took. */
  readonly sent?: number;
  /** Bytes in the send queue that are not acknowledged (SIOCOUTQ). */
  readonly queued?: number;
  readonly state?: string;
  /** Window probes sent since one was last answered acceptably (tcpi_probes). */
  readonly probes?: number;
}

const isSynAck = (s: Segment): boolean =>
  s.flags.syn && s.flags.ack && !s.flags.rst && !s.flags.fin;
const isReset = (s: Segment): boolean => s.flags.rst;
const later = (flow: Flow): readonly Segment[] => flow.fromTarget.filter((s) => !s.flags.syn);

/** The port without a rule answers with RST: what follows is the rule's doing, and the network works. */
export const judgeBefore = (flow: Flow, view: PeerView): Verdict =>
  verdict(
    "before-rule",
    view.connect === "ECONNREFUSED" && flow.fromTarget.length > 0 && flow.fromTarget.every(isReset),
    `without the rule connect() gives ${view.connect}, the port answers with ${flow.fromTarget.filter(isReset).length} RST`,
  );

/** A port beside the rule, with a listener: it must work as ever. */
export const judgeOther = (view: PeerView): Verdict =>
  verdict(
    "other-port",
    view.connect === "connected" && view.sent !== undefined && view.queued === 0,
    `a port beside the rule: ${view.connect}, ${view.queued ?? "?"} of ${view.sent ?? "?"} bytes not acknowledged`,
  );

export function judgeSynAck(flow: Flow, view: PeerView, window: "five" | "open"): Verdict {
  const reply = flow.fromTarget.find((s) => s.flags.syn) ?? flow.fromTarget[0];
  if (!reply || flow.iss === undefined)
    return verdict("syn-ack", false, `no answer to SYN; connect() gives ${view.connect}`);
  const windowOk = window === "five" ? reply.window === synAckWindow : reply.window > 0;
  const acked = seqDiff(reply.ack, flow.iss);
  const onlyMss = window === "open" || (reply.options.length === 1 && reply.options[0] === mss);
  const ok = isSynAck(reply) && acked === 1 && windowOk && onlyMss && view.connect === "connected";
  return verdict(
    "syn-ack",
    ok,
    `connect() gives ${view.connect}; ${isSynAck(reply) ? "SYN-ACK" : "no SYN-ACK"} ack ${acked} win ${reply.window} options [${reply.options.join(" ")}]`,
  );
}

/** Every answer after the SYN-ACK closes the window. */
export function judgeWindowZero(flow: Flow): Verdict {
  const replies = later(flow);
  const open = replies.filter((s) => s.window !== 0 || s.flags.rst || s.flags.fin || !s.flags.ack);
  return verdict(
    "window-zero",
    replies.length > 0 && open.length === 0,
    `${replies.length} answers, ${open.length} of them not a plain ACK with window 0`,
  );
}

/** send() took the data, and none of it is ever acknowledged. */
export function judgeUnacknowledged(
  flow: Flow,
  view: PeerView,
  name = "data-unacknowledged",
): Verdict {
  const beyond = later(flow).filter((s) => flow.iss === undefined || seqDiff(s.ack, flow.iss) > 1);
  const stuck = view.sent !== undefined && view.sent > 0 && view.queued === view.sent;
  return verdict(
    name,
    stuck && beyond.length === 0 && later(flow).length > 0,
    `${view.queued ?? "?"} of ${view.sent ?? "?"} bytes sent are not acknowledged; ${beyond.length} answers acknowledge data`,
  );
}

/** Data inside the window really left, and still is not acknowledged. */
export function judgeInFlight(flow: Flow, view: PeerView): Verdict {
  const data = flow.fromPeer.filter((s) => s.length > 0 && !s.flags.syn);
  const judged = judgeUnacknowledged(flow, view, "data-in-window");
  const answered = data.filter((s) => answeredBefore(flow, s, nextOf(flow.fromPeer, s)));
  return verdict(
    judged.case,
    judged.ok && data.length > 0 && answered.length === data.length,
    `${data.length} data segments, ${answered.length} answered; ${judged.detail}`,
  );
}

const nextOf = (list: readonly Segment[], s: Segment): Segment | undefined =>
  list[list.indexOf(s) + 1];

/** Whether the target said anything between one segment and the next. */
function answeredBefore(flow: Flow, s: Segment, next: Segment | undefined): boolean {
  const order = flow.segments;
  const from = order.indexOf(s);
  const to = next ? order.indexOf(next) : order.length;
  return order.slice(from + 1, to).some((reply) => flow.fromTarget.includes(reply));
}

/**
 * Linux probes a closed window with an empty segment one below what it sends next
 * (tcp_xmit_probe_skb): seq = ISS here, as nothing was ever acknowledged.
 */
export function judgeProbes(flow: Flow, view: PeerView): Verdict {
  const probes = flow.fromPeer.filter(
    (s) => s.flags.ack && !s.flags.syn && !s.flags.rst && s.seq === flow.iss,
  );
  const answered = probes.filter((s) => answeredBefore(flow, s, nextOf(flow.fromPeer, s)));
  const last = probes.at(-1);
  const pending = last && !answered.includes(last) && flow.segments.at(-1) === last ? 1 : 0;
  return verdict(
    "probes-answered",
    probes.length >= 2 && answered.length + pending === probes.length,
    `${probes.length} window probes, ${answered.length} answered; the peer counts ${view.probes ?? "?"} unanswered`,
  );
}

/** close() at the peer does not get it out: it waits in FIN_WAIT1, and we have sent neither FIN nor RST. */
export function judgeHeld(flow: Flow, view: PeerView): Verdict {
  const ends = flow.fromTarget.filter((s) => s.flags.fin || s.flags.rst);
  return verdict(
    "held-after-close",
    view.state === "FIN_WAIT1" && ends.length === 0,
    `after close() the peer is in ${view.state ?? "?"}; ${ends.length} FIN or RST from the target`,
  );
}

/** Nothing comes back once the peer has sent this. */
function judgeSilence(
  flow: Flow,
  name: string,
  label: string,
  matches: (s: Segment) => boolean,
): Verdict {
  const first = flow.segments.findIndex((s) => flow.fromPeer.includes(s) && matches(s));
  const seen = flow.fromPeer.filter(matches).length;
  const after =
    first < 0 ? [] : flow.segments.slice(first + 1).filter((s) => flow.fromTarget.includes(s));
  return verdict(
    name,
    seen > 0 && after.length === 0,
    `${seen} ${label} from the peer, ${after.length} answers after it`,
  );
}

export const judgeFin = (flow: Flow): Verdict =>
  judgeSilence(flow, "fin-unanswered", "FIN", (s) => s.flags.fin && s.length === 0);

export const judgeRst = (flow: Flow): Verdict =>
  judgeSilence(flow, "rst-unanswered", "RST", (s) => s.flags.rst);

/** Never more answers than segments: nothing here can start a storm. */
export const judgeThrift = (flow: Flow): Verdict =>
  verdict(
    "no-storm",
    flow.fromPeer.length > 0 && flow.fromTarget.length <= flow.fromPeer.length,
    `${flow.fromPeer.length} segments from the peer, ${flow.fromTarget.length} answers`,
  );

/** Honeypot: what was sent is acknowledged, with an open window. */
export function judgeAcknowledged(flow: Flow, view: PeerView): Verdict {
  const expected = 1 + (view.sent ?? 0);
  const full = later(flow).some(
    (s) =>
      !s.flags.rst &&
      s.window > 0 &&
      flow.iss !== undefined &&
      seqDiff(s.ack, flow.iss) === expected,
  );
  return verdict(
    "data-acknowledged",
    full && view.queued === 0,
    `${view.queued ?? "?"} of ${view.sent ?? "?"} bytes not acknowledged; ${full ? "an" : "no"} answer acknowledges all of it`,
  );
}

/** Honeypot: FIN is answered with RST. */
export function judgeFinReset(flow: Flow): Verdict {
  const fins = flow.fromPeer.filter((s) => s.flags.fin).length;
  const resets = flow.fromTarget.filter(isReset).length;
  return verdict(
    "fin-reset",
    fins > 0 && resets > 0,
    `${fins} FIN from the peer, ${resets} RST from the target`,
  );
}

/** Honeypot: a SYN that is sent again gets the same SYN-ACK again, or the two would be told apart. */
export function judgeSameIsn(flow: Flow): Verdict {
  const replies = flow.fromTarget.filter(isSynAck);
  const numbers = new Set(replies.map((s) => s.seq));
  const syns = flow.fromPeer.filter((s) => s.flags.syn).length;
  return verdict(
    "same-isn",
    syns >= 2 && replies.length >= 2 && numbers.size === 1,
    `${syns} SYN, ${replies.length} SYN-ACK with ${numbers.size} different sequence numbers`,
  );
}

/** Reset: RST with ACK = SYN + 1, which a Linux peer takes at once (RFC 9293 section 3.5.2). */
export function judgeReset(flow: Flow, view: PeerView): Verdict {
  const reply = flow.fromTarget[0];
  const acked = reply && flow.iss !== undefined ? seqDiff(reply.ack, flow.iss) : undefined;
  const ok =
    view.connect === "ECONNREFUSED" && !!reply?.flags.rst && reply.flags.ack && acked === 1;
  return verdict(
    "reset",
    ok,
    `connect() gives ${view.connect}; ${reply?.flags.rst ? "RST" : "no RST"} ack ${acked ?? "none"}`,
  );
}

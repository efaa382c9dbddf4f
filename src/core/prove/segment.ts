/** One TCP segment as seen on a wire: Ethernet, IPv4 (RFC 791) or IPv6 (RFC 8200), TCP (RFC 9293). */
export interface Segment {
  /** Seconds. */
  readonly time: number;
  readonly family: "ipv4" | "ipv6";
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly seq: number;
  readonly ack: number;
  readonly flags: Flags;
  readonly window: number;
  /** Bytes of data. */
  readonly length: number;
  /** Kinds of the TCP options, in order, without padding. */
  readonly options: readonly number[];
  /** Bytes of the frame. */
  readonly size: number;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Flags {
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
}

/** A captured frame; `wireLength` is more than the bytes kept when it was cut. */
export interface Frame {
  readonly time: number;
  readonly wireLength: number;
  readonly bytes: Buffer;
}

const ethernet = 14;
const tcpProtocol = 6;

const address4 = (bytes: Buffer, at: number): string => [...bytes.subarray(at, at + 4)].join(".");

/** RFC 5952 text of an IPv6 address. */
function address6(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16));
  const runs = groups.join(":").match(/\b0(?::0)+\b/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  const text = groups.join(":");
  return longest === "" ? text : text.replace(longest, ":").replace(/:{2,}/, "::");
}

interface Network {
  readonly family: Segment["family"];
  readonly from: string;
  readonly to: string;
  /** Where the TCP header starts, and the end of the datagram, in the frame. */
  readonly tcp: number;
  readonly end: number;
}

function network4(bytes: Buffer): Network | undefined {
  const version = bytes.readUInt8(ethernet);
  const header = (version & 15) * 4;
  const isFragment = (bytes.readUInt16BE(ethernet + 6) & 0x1fff) !== 0;
  if (bytes.readUInt8(ethernet + 9) !== tcpProtocol || isFragment) return undefined;
  return {
    family: "ipv4",
    from: address4(bytes, ethernet + 12),
    to: address4(bytes, ethernet + 16),
    tcp: ethernet + header,
    end: ethernet + bytes.readUInt16BE(ethernet + 2),
  };
}

function network6(bytes: Buffer): Network | undefined {
  if (bytes.readUInt8(ethernet + 6) !== tcpProtocol) return undefined;
  return {
    family: "ipv6",
    from: address6(bytes, ethernet + 8),
    to: address6(bytes, ethernet + 24),
    tcp: ethernet + 40,
    end: ethernet + 40 + bytes.readUInt16BE(ethernet + 4),
  };
}

/** Option kinds (RFC 9293 section 3.1): 0 ends the list, 1 is padding. */
function optionKinds(bytes: Buffer): readonly number[] {
  const kinds: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const kind = bytes.readUInt8(at);
    if (kind === 0) break;
    if (kind !== 1) kinds.push(kind);
    at += kind === 1 ? 1 : Math.max(2, bytes[at + 1] ?? 2);
  }
  return kinds;
}

/** The TCP segment in a frame, or undefined when the frame holds something else. */
export function decodeSegment(frame: Frame): Segment | undefined {
  const { bytes } = frame;
  if (bytes.length < ethernet + 20) return undefined;
  const type = bytes.readUInt16BE(12);
  if (type === 0x86dd && bytes.length < ethernet + 60) return undefined;
  const network = type === 0x0800 ? network4(bytes) : type === 0x86dd ? network6(bytes) : undefined;
  if (!network || bytes.length < network.tcp + 20) return undefined;
  const at = network.tcp;
  const header = (bytes.readUInt8(at + 12) >> 4) * 4;
  const flags = bytes.readUInt8(at + 13);
  return {
    time: frame.time,
    family: network.family,
    from: { address: network.from, port: bytes.readUInt16BE(at) },
    to: { address: network.to, port: bytes.readUInt16BE(at + 2) },
    seq: bytes.readUInt32BE(at + 4),
    ack: bytes.readUInt32BE(at + 8),
    flags: { fin: !!(flags & 1), syn: !!(flags & 2), rst: !!(flags & 4), ack: !!(flags & 16) },
    window: bytes.readUInt16BE(at + 14),
    length: network.end - at - header,
    options: optionKinds(bytes.subarray(at + 20, Math.min(at + header, bytes.length))),
    size: frame.wireLength,
  };
}

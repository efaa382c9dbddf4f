/** An IPv4 TCP segment to build, with defaults that make the usual one. */
export interface Made {
  readonly from?: string;
  readonly to?: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly seq?: number;
  readonly ack?: number;
  /** Letters of `FSRPA`. */
  readonly flags?: string;
  readonly window?: number;
  readonly data?: Buffer;
  readonly tcpOptions?: Buffer;
  readonly ipOptions?: Buffer;
  readonly fragment?: number;
  readonly id?: number;
  readonly badChecksum?: boolean;
}

export interface Got {
  readonly from: string;
  readonly to: string;
  readonly sport: number;
  readonly dport: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: string;
  readonly window: number;
  readonly options: string;
  readonly ttl: number;
  readonly id: number;
  readonly fragment: number;
}

const letters = "FSRPA";

const sum = (bytes: Buffer, start = 0): number => {
  let total = start;
  for (let at = 0; at < bytes.length; at += 2) {
    total += ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0);
  }
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
};

const address = (text: string): Buffer => Buffer.from(text.split(".").map(Number));

const pseudo = (from: Buffer, to: Buffer, size: number): number =>
  sum(Buffer.concat([from, to]), 6 + size);

/** The bytes of the datagram, with good checksums unless told otherwise. */
export function makeSegment(made: Made): Buffer {
  const {
    tcpOptions = Buffer.alloc(0),
    ipOptions = Buffer.alloc(0),
    data = Buffer.alloc(0),
  } = made;
  const [from, to] = [address(made.from ?? "192.0.2.7"), address(made.to ?? "198.51.100.1")];
  const ip = Buffer.concat([Buffer.alloc(20), ipOptions]);
  const tcp = Buffer.concat([Buffer.alloc(20), tcpOptions, data]);
  ip.writeUInt8(0x40 | (ip.length / 4), 0);
  ip.writeUInt16BE(ip.length + tcp.length, 2);
  ip.writeUInt16BE(made.id ?? 4660, 4);
  ip.writeUInt16BE(made.fragment ?? 0x4000, 6);
  ip.writeUInt8(63, 8);
  ip.writeUInt8(6, 9);
  from.copy(ip, 12);
  to.copy(ip, 16);
  ip.writeUInt16BE(~sum(ip) & 0xffff, 10);
  tcp.writeUInt16BE(made.sport ?? 40_112, 0);
  tcp.writeUInt16BE(made.dport ?? 23, 2);
  tcp.writeUInt32BE((made.seq ?? 1000) >>> 0, 4);
  tcp.writeUInt32BE((made.ack ?? 0) >>> 0, 8);
  const flags = [...(made.flags ?? "S")].map((letter) => 1 << letters.indexOf(letter));
  tcp.writeUInt16BE(
    ((20 + tcpOptions.length) << 10) | flags.reduce((all, one) => all | one, 0),
    12,
  );
  tcp.writeUInt16BE(made.window ?? 29_200, 14);
  tcp.writeUInt16BE(~sum(tcp, pseudo(from, to, tcp.length)) & 0xffff, 16);
  if (made.badChecksum) tcp.writeUInt16BE(tcp.readUInt16BE(16) ^ 1, 16);
  return Buffer.concat([ip, tcp]);
}

/** Takes a reply apart; throws when a length or a checksum is wrong. */
export function takeSegment(bytes: Buffer): Got {
  const [ip, tcp] = [bytes.subarray(0, 20), bytes.subarray(20)];
  const wrong = (what: string): Error => new Error(`${what}: ${bytes.toString("hex")}`);
  if (ip.readUInt16BE(0) !== 0x4500 || ip.readUInt16BE(2) !== bytes.length) throw wrong("header");
  if (sum(ip) !== 0xffff) throw wrong("IP checksum");
  const [from, to] = [ip.subarray(12, 16), ip.subarray(16, 20)];
  if (sum(tcp, pseudo(from, to, tcp.length)) !== 0xffff) throw wrong("TCP checksum");
  const word = tcp.readUInt16BE(12);
  if ((word >> 12) * 4 !== tcp.length || tcp.readUInt16BE(18) !== 0) throw wrong("TCP header");
  return {
    from: from.join("."),
    to: to.join("."),
    sport: tcp.readUInt16BE(0),
    dport: tcp.readUInt16BE(2),
    seq: tcp.readUInt32BE(4),
    ack: tcp.readUInt32BE(8),
    flags: [...letters].filter((_, bit) => word & (1 << bit)).join(""),
    window: tcp.readUInt16BE(14),
    options: tcp.subarray(20).toString("hex"),
    ttl: ip.readUInt8(8),
    id: ip.readUInt16BE(4),
    fragment: ip.readUInt16BE(6),
  };
}

const mask = (1n << 64n) - 1n;

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) of some 32-bit words as little-endian bytes: what
 * docs/target.md says the cookie of IPv4 is, a second time and without the kernel's help.
 */
export function siphash(key: Buffer, words: readonly number[]): bigint {
  const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & mask;
  const [k0, k1] = [key.readBigUInt64LE(0), key.readBigUInt64LE(8)];
  let [v0, v1, v2, v3] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const rounds = (count: number): void => {
    for (; count > 0; count -= 1) {
      v0 = (v0 + v1) & mask;
      v1 = rotate(v1, 13n) ^ v0;
      v0 = rotate(v0, 32n);
      v2 = (v2 + v3) & mask;
      v3 = rotate(v3, 16n) ^ v2;
      v0 = (v0 + v3) & mask;
      v3 = rotate(v3, 21n) ^ v0;
      v2 = (v2 + v1) & mask;
      v1 = rotate(v1, 17n) ^ v2;
      v2 = rotate(v2, 32n);
    }
  };
  const message = Buffer.alloc(Math.ceil((words.length * 4 + 1) / 8) * 8);
  for (const [at, word] of words.entries()) message.writeUInt32LE(word >>> 0, at * 4);
  message.writeUInt8((words.length * 4) & 0xff, message.length - 1);
  for (let at = 0; at < message.length; at += 8) {
    const block = message.readBigUInt64LE(at);
    v3 ^= block;
    rounds(2);
    v0 ^= block;
  }
  v2 ^= 0xffn;
  rounds(4);
  return v0 ^ v1 ^ v2 ^ v3;
}

/** The lower half of the hash of a connection: what the sequence number handed out is above the peer's. */
export function cookie(key: Buffer, made: Made): number {
  const words = [
    address(made.from ?? "192.0.2.7").readUInt32BE(),
    address(made.to ?? "198.51.100.1").readUInt32BE(),
    (((made.sport ?? 40_112) << 16) | (made.dport ?? 23)) >>> 0,
  ];
  return Number(siphash(key, words) & 0xffffffffn);
}

import { describe, expect, test } from "vitest";
import { parseGuestPacket, readPcap } from "../../src/core/prove/pcap.ts";
import { decodeSegment } from "../../src/core/prove/segment.ts";

function pcap(frames: readonly Buffer[], big: boolean, magic = 0xa1b2c3d4): Buffer {
  const words = (...values: number[]): Buffer => {
    const out = Buffer.alloc(values.length * 4);
    for (const [i, value] of values.entries())
      if (big) out.writeUInt32BE(value, i * 4);
      else out.writeUInt32LE(value, i * 4);
    return out;
  };
  const records = frames.flatMap((frame, i) => [
    words(100 + i, 500_000, frame.length, frame.length + 3),
    frame,
  ]);
  return Buffer.concat([words(magic, 0x00020004, 0, 0, 65535, 1), ...records]);
}

const bytesOf = (...parts: readonly string[]): string => parts.join("");
const ethernetAddresses = "525400000001525400000002";

/** SYN of 10.0.0.2:4660 to 10.0.0.1:80, options MSS, NOP, window scale. */
const syn4 = bytesOf(
  ethernetAddresses,
  "0800",
  "450000300000400040060000",
  "0a0000020a000001",
  "123400500000006400000000",
  "7002faf000000000",
  "020405b401030307",
);

/** FIN,ACK with 3 bytes over IPv6, padded behind as short frames are. */
const fin6 = bytesOf(
  ethernetAddresses,
  "86dd",
  "6000000000170640",
  "fd770000000000000000000000000002",
  "fd770000000000000000000000000001",
  "12340050ffffffff00000001",
  "5011000000000000",
  "6162630000",
);

const frame = (hex: string) => ({
  time: 0,
  wireLength: hex.length / 2,
  bytes: Buffer.from(hex, "hex"),
});

describe("readPcap", () => {
  test.each([true, false])("either byte order (big endian: %s)", (big) => {
    const frames = readPcap(pcap([Buffer.from("abc"), Buffer.from("de")], big));
    expect(frames.map((f) => [f.time, f.wireLength, f.bytes.toString()])).toEqual([
      [100.5, 6, "abc"],
      [101.5, 5, "de"],
    ]);
  });
  test("nanoseconds", () => {
    expect(readPcap(pcap([Buffer.from("abc")], false, 0xa1b23c4d))[0]?.time).toBeCloseTo(
      100.0005,
      7,
    );
  });
  test("a record that is cut short is left out", () => {
    expect(
      readPcap(pcap([Buffer.from("abc"), Buffer.from("de")], false).subarray(0, -1)),
    ).toHaveLength(1);
    expect(readPcap(Buffer.alloc(0))).toEqual([]);
  });
  test("what is no pcap is refused", () => {
    expect(() => readPcap(Buffer.alloc(64))).toThrow("not a pcap");
  });
});

describe("decodeSegment", () => {
  test("IPv4 SYN with options", () => {
    expect(decodeSegment(frame(syn4))).toMatchObject({
      family: "ipv4",
      from: { address: "10.0.0.2", port: 4660 },
      to: { address: "10.0.0.1", port: 80 },
      seq: 100,
      flags: { syn: true, ack: false, fin: false, rst: false },
      window: 64240,
      length: 0,
      options: [2, 3],
    });
  });
  test("IPv6: the length leaves out what pads the frame", () => {
    expect(decodeSegment(frame(fin6))).toMatchObject({
      family: "ipv6",
      from: { address: "fd77::2", port: 4660 },
      seq: 0xffffffff,
      ack: 1,
      flags: { syn: false, ack: true, fin: true, rst: false },
      window: 0,
      length: 3,
    });
  });
  test("other protocols, fragments and stubs are no segments", () => {
    expect(decodeSegment(frame(syn4.replace("4006", "4011")))).toBeUndefined();
    expect(decodeSegment(frame(syn4.replace("00004000", "00000001")))).toBeUndefined();
    expect(decodeSegment(frame(syn4.slice(0, 80)))).toBeUndefined();
    expect(decodeSegment(frame(bytesOf("ff".repeat(12), "0806", "00".repeat(40))))).toBeUndefined();
  });
  test("a packet as the guest reports it", () => {
    const parsed = parseGuestPacket(`12.000250 62 ${syn4}`);
    expect(parsed).toMatchObject({ time: 12.00025, wireLength: 62 });
    expect(decodeSegment(parsed)?.to.port).toBe(80);
  });
});

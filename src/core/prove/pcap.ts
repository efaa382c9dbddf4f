import type { Frame } from "./segment.ts";

const headerSize = 24;
const recordSize = 16;

/**
 * Frames of a pcap file as QEMU's filter-dump writes it (pcap-savefile(5),
 * Ethernet only; microseconds or nanoseconds, either byte order). A last
 * record that is cut short is left out: the writer may have been stopped.
 */
export function readPcap(file: Buffer): readonly Frame[] {
  if (file.length < headerSize) return [];
  const order = byteOrder(file.readUInt32BE(0));
  if (!order) throw new Error("not a pcap file");
  const number = (at: number): number =>
    order.big ? file.readUInt32BE(at) : file.readUInt32LE(at);
  if (number(20) !== 1) throw new Error(`pcap link type ${number(20)} is not Ethernet`);
  const frames: Frame[] = [];
  for (let at = headerSize; at + recordSize <= file.length;) {
    const kept = number(at + 8);
    const end = at + recordSize + kept;
    if (end > file.length) break;
    const time = number(at) + number(at + 4) / order.fraction;
    frames.push({ time, wireLength: number(at + 12), bytes: file.subarray(at + recordSize, end) });
    at = end;
  }
  return frames;
}

function byteOrder(
  magic: number,
): { readonly big: boolean; readonly fraction: number } | undefined {
  if (magic === 0xa1b2c3d4) return { big: true, fraction: 1e6 };
  if (magic === 0xd4c3b2a1) return { big: false, fraction: 1e6 };
  if (magic === 0xa1b23c4d) return { big: true, fraction: 1e9 };
  if (magic === 0x4d3cb2a1) return { big: false, fraction: 1e9 };
  return undefined;
}

/** A frame as the guest reports it: `SECONDS.MICROSECONDS LENGTH HEX` (guest/capture.c). */
export function parseGuestPacket(value: string): Frame {
  const [time = "0", length = "0", hex = ""] = value.split(" ");
  return { time: Number(time), wireLength: Number(length), bytes: Buffer.from(hex, "hex") };
}

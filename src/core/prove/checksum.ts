import type { Frame } from "./segment.ts";

const ethernet = 14;

/** Ones' complement sum of 16-bit words (RFC 1071). */
function sum(bytes: Buffer, start = 0): number {
  let total = start;
  for (let at = 0; at + 1 < bytes.length; at += 2) total += bytes.readUInt16BE(at);
  if (bytes.length % 2 === 1) total += (bytes[bytes.length - 1] ?? 0) << 8;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

/**
 * Whether the IPv4 header's and the TCP segment's checksums are right (RFC 9293 section 3.1, with the
 * pseudo header); undefined for a frame that is no whole TCP over IPv4.
 */
export function checksumsRight(frame: Frame): boolean | undefined {
  const { bytes } = frame;
  if (bytes.length < ethernet + 40 || bytes.readUInt16BE(12) !== 0x0800) return undefined;
  const header = (bytes.readUInt8(ethernet) & 15) * 4;
  const end = ethernet + bytes.readUInt16BE(ethernet + 2);
  if (bytes.readUInt8(ethernet + 9) !== 6 || end > bytes.length) return undefined;
  const tcp = bytes.subarray(ethernet + header, end);
  const pseudo = sum(bytes.subarray(ethernet + 12, ethernet + 20), 6 + tcp.length);
  return sum(bytes.subarray(ethernet, ethernet + header)) === 0xffff && sum(tcp, pseudo) === 0xffff;
}

import { segmentType, type Segment } from "./elf/file.ts";

export interface Banner {
  readonly release: string;
  /** The whole line, which names compiler and time of the build. */
  readonly text: string;
  readonly atStart: boolean;
}

/** More than any kernel has. */
const most = 16;

const start = Buffer.from("Linux version ");

/**
 * Every linux_banner in these bytes (`Linux version RELEASE (user@host) …`). A kernel has two: init/version.c's
 * own, and the one of init/version-timestamp.c that is linked last and knows the build number.
 */
export function bannersIn(bytes: Buffer): readonly Banner[] {
  const found: Banner[] = [];
  for (
    let at = bytes.indexOf(start);
    at >= 0 && found.length < most;
    at = bytes.indexOf(start, at + 1)
  ) {
    const text =
      bytes.toString("latin1", at, Math.min(at + 1000, bytes.length)).split(/[\n\0]/)[0] ?? "";
    const release = /^Linux version (\d\S*) \(/.exec(text)?.[1];
    // "Linux version %s (%s)" is a format, not a banner.
    if (release !== undefined) found.push({ release, text, atStart: at === 0 });
  }
  return found;
}

/** Byte of vmlinux that is loaded at this address. */
export function bannerAt(segments: readonly Segment[], address: bigint): number | undefined {
  const found = segments.find(
    (one) =>
      one.type === segmentType.load &&
      address >= one.address &&
      address < one.address + BigInt(one.fileSize || 0),
  );
  const offset = found === undefined ? Number.NaN : found.offset + Number(address - found.address);
  return Number.isSafeInteger(offset) ? offset : undefined;
}

/** An address as it lies in memory. */
export function pointerIn(word: Buffer, endian: "big" | "little"): bigint {
  const bytes = endian === "big" ? word : Buffer.from(word.toReversed());
  return BigInt(`0x${bytes.toString("hex") || "0"}`);
}

/** Address of a symbol in System.map: `ffffffff81d9c800 D linux_banner`. */
export function symbolAddress(map: string, symbol: string): bigint | undefined {
  const match = new RegExp(`^([0-9a-f]{8,16}) \\w ${symbol}$`, "m").exec(map);
  return match ? BigInt(`0x${match[1]}`) : undefined;
}

/** x86's bzImage: the header "HdrS" at 0x202 points to its release (Documentation/x86/boot.rst, kernel_version). */
export function setupVersion(image: Buffer): string | undefined {
  if (image.length < 0x210 || image.toString("latin1", 0x202, 0x206) !== "HdrS") return undefined;
  const at = image.readUInt16LE(0x20e) + 0x200;
  const text = image.toString("latin1", at, Math.min(at + 256, image.length));
  return /^(\d[^\s\0]*)[ \0]/.exec(text)?.[1];
}

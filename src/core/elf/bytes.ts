/** What keeps a file from being read as ELF. Hostile bytes end here and nowhere worse. */
export class ElfError extends Error {
  readonly offset: number;
  constructor(what: string, offset: number) {
    super(`${what} at byte ${offset}`);
    this.name = "ElfError";
    this.offset = offset;
  }
}

/** Longest string read from a file: symbol and target names are far shorter. */
const longestString = 512;

/** Numbers of one class and byte order out of a buffer (elf(5)); every read is checked against the end. */
export class Bytes {
  readonly buffer: Buffer;
  readonly bits: 32 | 64;
  readonly endian: "big" | "little";
  constructor(buffer: Buffer, bits: 32 | 64, endian: "big" | "little") {
    this.buffer = buffer;
    this.bits = bits;
    this.endian = endian;
  }

  get length(): number {
    return this.buffer.length;
  }
  /** Bytes of an address. */
  get word(): 4 | 8 {
    return this.bits === 64 ? 8 : 4;
  }

  /** A range that lies inside the file. */
  within(offset: number, length: number): boolean {
    return (
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(length) &&
      offset >= 0 &&
      length >= 0 &&
      offset + length <= this.length
    );
  }
  #need(offset: number, length: number): void {
    if (!this.within(offset, length))
      throw new ElfError(`${length} bytes lie outside of the file`, offset);
  }

  u8(offset: number): number {
    this.#need(offset, 1);
    return this.buffer.readUInt8(offset);
  }
  u16(offset: number): number {
    this.#need(offset, 2);
    return this.endian === "big"
      ? this.buffer.readUInt16BE(offset)
      : this.buffer.readUInt16LE(offset);
  }
  u32(offset: number): number {
    this.#need(offset, 4);
    return this.endian === "big"
      ? this.buffer.readUInt32BE(offset)
      : this.buffer.readUInt32LE(offset);
  }
  u64(offset: number): bigint {
    this.#need(offset, 8);
    return this.endian === "big"
      ? this.buffer.readBigUInt64BE(offset)
      : this.buffer.readBigUInt64LE(offset);
  }
  /** An address, offset or size as the class has it; kernel addresses do not fit a number. */
  wide(offset: number): bigint {
    return this.bits === 64 ? this.u64(offset) : BigInt(this.u32(offset));
  }
  /** The same as a number; NaN where it is too large to be a place in a file. */
  size(offset: number): number {
    const value = this.wide(offset);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.NaN;
  }

  slice(offset: number, length: number): Buffer {
    this.#need(offset, length);
    return this.buffer.subarray(offset, offset + length);
  }

  /** Up to the NUL; undefined when there is none within reach. latin1: one character a byte. */
  string(offset: number): string | undefined {
    if (!this.within(offset, 1)) return undefined;
    const reach = this.buffer.subarray(offset, Math.min(offset + longestString, this.length));
    const end = reach.indexOf(0);
    return end < 0 ? undefined : reach.toString("latin1", 0, end);
  }
}

import type { Bytes } from "./bytes.ts";
import { symbolAt, symbols, type ElfSymbol, type SymbolTable } from "./symbols.ts";

/** A stretch of the file and the address it is loaded to. */
export interface Region {
  readonly address: bigint;
  readonly offset: number;
  readonly size: number;
  /** May hold structures with pointers: allocated, and not code. */
  readonly data: boolean;
}

/** What a relocation puts at an address: a symbol (none: 0) plus an addend. */
export interface Fixup {
  readonly symbol: ElfSymbol | undefined;
  readonly target: bigint | undefined;
}

/**
 * A file as its loader lays it out, at base 0. Every relocation that applies to initialised
 * data is a whole address, symbol + addend, on every architecture (R_*_RELATIVE with symbol 0,
 * R_*_32/_64/_REL32 with one), so the machine's type numbers are not needed to read a pointer.
 */
export class Image {
  readonly bytes: Bytes;
  readonly regions: readonly Region[];
  readonly fixups: ReadonlyMap<bigint, Fixup>;
  readonly #table: SymbolTable | undefined;

  constructor(
    bytes: Bytes,
    regions: readonly Region[],
    fixups: ReadonlyMap<bigint, Fixup>,
    table?: SymbolTable,
  ) {
    this.bytes = bytes;
    this.regions = regions.toSorted((a, b) =>
      a.address < b.address ? -1 : a.address > b.address ? 1 : 0,
    );
    this.fixups = fixups;
    this.#table = table;
  }

  /** Place in the file of `length` bytes at an address. */
  offsetOf(address: bigint, length = 1): number | undefined {
    const region = this.#regionOf(address);
    if (!region) return undefined;
    const within = Number(address - region.address);
    return within + length <= region.size ? region.offset + within : undefined;
  }

  #regionOf(address: bigint): Region | undefined {
    let low = 0;
    let high = this.regions.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const region = this.regions[middle] as Region;
      if (address < region.address) high = middle - 1;
      else if (address >= region.address + BigInt(region.size)) low = middle + 1;
      else return region;
    }
    return undefined;
  }

  /** Where the pointer stored at an address leads; 0n for NULL, undefined for what is no pointer of this file. */
  pointer(at: bigint): bigint | undefined {
    const fixup = this.fixups.get(at);
    if (fixup) return fixup.target;
    const offset = this.offsetOf(at, this.bytes.word);
    return offset === undefined ? undefined : this.bytes.wide(offset);
  }

  /** A plain number stored at an address; undefined when a relocation writes there, so it is none. */
  number(at: bigint, width: 1 | 2 | 4 | 8): number | undefined {
    const offset = this.offsetOf(at, width);
    if (offset === undefined || this.fixups.has(at)) return undefined;
    if (width === 1) return this.bytes.u8(offset);
    if (width === 2) return this.bytes.u16(offset);
    return width === 4 ? this.bytes.u32(offset) : Number(this.bytes.u64(offset));
  }

  string(at: bigint): string | undefined {
    const offset = this.offsetOf(at);
    return offset === undefined ? undefined : this.bytes.string(offset);
  }

  /** Names of symbols that somebody else has to bring. */
  imports(): ReadonlySet<string> {
    const names = new Set<string>();
    for (const symbol of this.#table ? symbols(this.bytes, this.#table) : []) {
      if (symbol.section === 0 && symbol.name !== "") names.add(symbol.name);
    }
    return names;
  }

  symbol(index: number): ElfSymbol | undefined {
    return this.#table ? symbolAt(this.bytes, this.#table, index) : undefined;
  }
}

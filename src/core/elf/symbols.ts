import type { Bytes } from "./bytes.ts";

/** A symbol table and its strings, by place; entries are read when asked for. */
export interface SymbolTable {
  readonly offset: number;
  readonly count: number;
  readonly strings: number;
}

export interface ElfSymbol {
  readonly name: string;
  readonly value: bigint;
  /** Section index; 0 is undefined, from 0xff00 on special (elf(5), st_shndx). */
  readonly section: number;
}

const sym = {
  32: { value: 4, shndx: 14, size: 16 },
  64: { value: 8, shndx: 6, size: 24 },
} as const;

export const symbolSize = (bits: 32 | 64): number => sym[bits].size;

export function symbolAt(bytes: Bytes, table: SymbolTable, index: number): ElfSymbol | undefined {
  if (index >= table.count) return undefined;
  const at = sym[bytes.bits];
  const offset = table.offset + index * at.size;
  if (!bytes.within(offset, at.size)) return undefined;
  return {
    name: bytes.string(table.strings + bytes.u32(offset)) ?? "",
    value: bytes.wide(offset + at.value),
    section: bytes.u16(offset + at.shndx),
  };
}

export function* symbols(bytes: Bytes, table: SymbolTable): Generator<ElfSymbol> {
  for (let index = 1; index < table.count; index += 1) {
    const symbol = symbolAt(bytes, table, index);
    if (symbol === undefined) return;
    yield symbol;
  }
}

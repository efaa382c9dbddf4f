import { ElfError, type Bytes } from "./bytes.ts";

/** Elf32_Rel, _Rela and their 64-bit forms, without the type: see Image for why that is enough. */
export interface Relocation {
  readonly offset: bigint;
  readonly symbol: number;
  /** Undefined: the addend is what is in the file at `offset` (REL). */
  readonly addend: bigint | undefined;
}

const machineMips = 8;

export const relocationSize = (bits: 32 | 64, withAddend: boolean): number =>
  (bits / 8) * (withAddend ? 3 : 2);

/** The entries of one table. The caller bounds how many bytes it asks for in all. */
export function* relocations(
  bytes: Bytes,
  machine: number,
  table: { readonly offset: number; readonly size: number; readonly withAddend: boolean },
): Generator<Relocation> {
  if (!bytes.within(table.offset, table.size))
    throw new ElfError("relocations outside of the file", table.offset);
  const entry = relocationSize(bytes.bits, table.withAddend);
  const end = table.offset + table.size - entry;
  for (let at = table.offset; at <= end; at += entry) {
    yield {
      offset: bytes.wide(at),
      symbol: symbolIndex(bytes, machine, at + bytes.word),
      addend: table.withAddend
        ? BigInt.asIntN(bytes.bits, bytes.wide(at + 2 * bytes.word))
        : undefined,
    };
  }
}

/**
 * ELF32_R_SYM and ELF64_R_SYM. On 64-bit MIPS r_info is no number but a 32-bit symbol and
 * four bytes, which makes a difference in little endian (MIPS ELF-64 object file format).
 */
function symbolIndex(bytes: Bytes, machine: number, at: number): number {
  if (bytes.bits === 32) return bytes.u32(at) >>> 8;
  if (machine === machineMips) return bytes.u32(at);
  return Number(bytes.u64(at) >> 32n);
}

import type { Header } from "../elf/file.ts";

/** e_machine of the 32-bit machines that align a 64-bit integer to 4: i386 and m68k. */
const packed = new Set([3, 4]);

/** XT_ALIGN(1), the size of the one-byte target in userland: the alignment of struct _xt_align. */
export const xtAlignOf = (header: Header | undefined): 4 | 8 | undefined => {
  if (header === undefined) return undefined;
  return header.bits === 32 && packed.has(header.machine) ? 4 : 8;
};

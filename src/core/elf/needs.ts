import { sectionBytes, type ElfFile } from "./file.ts";
import { dynamicTags } from "./load.ts";

/** What a shared object asks of the C library it is loaded with. */
export interface LibraryNeeds {
  /** Highest GLIBC_ symbol version; undefined when it needs none. */
  readonly glibc: string | undefined;
  /** DT_HASH is there: loaders before glibc 2.5 (2006) know no DT_GNU_HASH. */
  readonly sysvHash: boolean;
  readonly gnuHash: boolean;
}

/** d_tag values of the hash tables (elf(5); DT_GNU_HASH is binutils'). */
const tags = { hash: 4, gnuHash: 0x6ffffef5 };

export function libraryNeeds(file: ElfFile): LibraryNeeds {
  const dynamic = dynamicTags(file);
  const strings = file.sections.find((section) => section.name === ".dynstr");
  const text = (strings && sectionBytes(file, strings))?.toString("latin1") ?? "";
  const versions = [...text.matchAll(/\0GLIBC_(\d{1,3}(?:\.\d{1,4}){1,2})(?=\0)/g)].map(
    (match) => match[1] as string,
  );
  const highest = versions.toSorted(byNumbers).at(-1);
  return { glibc: highest, sysvHash: dynamic.has(tags.hash), gnuHash: dynamic.has(tags.gnuHash) };
}

/** Whether a version (2.2.5) comes before another or is it. */
export const atMost = (version: string, other: string): boolean => byNumbers(version, other) <= 0;

function byNumbers(a: string, b: string): number {
  const [left, right] = [a.split(".").map(Number), b.split(".").map(Number)];
  for (let at = 0; at < 3; at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

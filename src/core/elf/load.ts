import { ElfError } from "./bytes.ts";
import {
  elfType,
  sectionFlag,
  sectionType,
  segmentType,
  type ElfFile,
  type Section,
} from "./file.ts";
import { Image, type Fixup, type Region } from "./image.ts";
import { relocations } from "./relocations.ts";
import { symbolAt, symbolSize, type ElfSymbol, type SymbolTable } from "./symbols.ts";

/** A shared object or a kernel module as its loader would lay it out. */
export function loadImage(file: ElfFile): Image {
  if (file.header.type === elfType.shared) return loadShared(file);
  if (file.header.type === elfType.relocatable) return loadRelocatable(file);
  throw new ElfError(`neither a shared object nor a module (e_type ${file.header.type})`, 16);
}

/** Tags of .dynamic (elf(5), d_tag). */
const tag = {
  pltSize: 2,
  symtab: 6,
  strtab: 5,
  rela: 7,
  relaSize: 8,
  rel: 17,
  relSize: 18,
  pltRel: 20,
  jmpRel: 23,
  hash: 4,
} as const;

/**
 * ld.so's own view: PT_LOAD and PT_DYNAMIC. Section headers may be stripped (sstrip, as
 * routers do), these may not.
 */
function loadShared(file: ElfFile): Image {
  const { bytes, segments } = file;
  const regions = segments
    .filter(
      (segment) =>
        segment.type === segmentType.load && bytes.within(segment.offset, segment.fileSize),
    )
    .map(({ address, offset, fileSize }) => ({ address, offset, size: fileSize, data: true }));
  const bare = new Image(bytes, regions, new Map());
  const dynamic = dynamicTags(file);
  const table = dynamicSymbols(bare, dynamic, file);
  const fixups = new Map<bigint, Fixup>();
  const budget = new Budget(bytes.length);
  for (const withAddend of [false, true]) {
    const at = dynamic.get(withAddend ? tag.rela : tag.rel);
    const size = Number(dynamic.get(withAddend ? tag.relaSize : tag.relSize) ?? 0n);
    const offset = at === undefined ? undefined : bare.offsetOf(at);
    if (offset === undefined) continue;
    budget.take(size, offset);
    for (const one of relocations(bytes, file.header.machine, { offset, size, withAddend })) {
      const symbol = one.symbol === 0 || !table ? undefined : symbolAt(bytes, table, one.symbol);
      const foreign = symbol !== undefined && symbol.section === 0;
      const addend = one.addend ?? bare.pointer(one.offset) ?? 0n;
      fixups.set(one.offset, {
        symbol,
        target: foreign ? undefined : (symbol?.value ?? 0n) + addend,
      });
    }
  }
  return new Image(bytes, regions, fixups, table);
}

export function dynamicTags(file: ElfFile): ReadonlyMap<number, bigint> {
  const { bytes } = file;
  const found = new Map<number, bigint>();
  const segment = file.segments.find((one) => one.type === segmentType.dynamic);
  if (!segment || !bytes.within(segment.offset, segment.fileSize)) return found;
  const end = segment.offset + segment.fileSize - 2 * bytes.word;
  for (let at = segment.offset; at <= end; at += 2 * bytes.word) {
    const key = bytes.wide(at);
    if (key === 0n) break;
    if (key < 0x7fffffffn && !found.has(Number(key)))
      found.set(Number(key), bytes.wide(at + bytes.word));
  }
  return found;
}

/** How many symbols: DT_HASH's nchain, else the section's size, else up to the string table behind them. */
function dynamicSymbols(
  image: Image,
  dynamic: ReadonlyMap<number, bigint>,
  file: ElfFile,
): SymbolTable | undefined {
  const offset = image.offsetOf(dynamic.get(tag.symtab) ?? -1n);
  const strings = image.offsetOf(dynamic.get(tag.strtab) ?? -1n);
  if (offset === undefined || strings === undefined) return undefined;
  const entry = symbolSize(file.header.bits);
  const hash = image.offsetOf(dynamic.get(tag.hash) ?? -1n, 8);
  const section = file.sections.find((one) => one.type === sectionType.dynsym);
  const told =
    hash !== undefined
      ? file.bytes.u32(hash + 4)
      : section
        ? section.size / entry
        : (strings - offset) / entry;
  const room = (file.bytes.length - offset) / entry;
  const count = Math.floor(Math.min(room, Number.isFinite(told) && told > 0 ? told : 0));
  return { offset, strings, count };
}

/**
 * A .ko before it is linked: each allocated section gets an address of its own, as the kernel's
 * module loader does (kernel/module/main.c), from 1 MiB on so that 0 stays NULL.
 */
function loadRelocatable(file: ElfFile): Image {
  const { regions, addresses } = layOut(file);
  const table = sectionSymbols(file);
  const bare = new Image(file.bytes, regions, new Map());
  const fixups = new Map<bigint, Fixup>();
  const budget = new Budget(file.bytes.length);
  for (const section of file.sections) {
    const base = addresses.get(section.info);
    const isTable = section.type === sectionType.rel || section.type === sectionType.rela;
    if (!isTable || base === undefined || isCode(file.sections[section.info])) continue;
    budget.take(section.size, section.offset);
    const withAddend = section.type === sectionType.rela;
    for (const one of relocations(file.bytes, file.header.machine, { ...section, withAddend })) {
      const at = base + one.offset;
      const symbol = table ? symbolAt(file.bytes, table, one.symbol) : undefined;
      const addend = one.addend ?? bare.pointer(at) ?? 0n;
      fixups.set(at, { symbol, target: targetOf(symbol, addend, addresses) });
    }
  }
  return new Image(file.bytes, regions, fixups, table);
}

function targetOf(
  symbol: ElfSymbol | undefined,
  addend: bigint,
  addresses: ReadonlyMap<number, bigint>,
) {
  const base = symbol && addresses.get(symbol.section);
  return base === undefined || symbol === undefined ? undefined : base + symbol.value + addend;
}

const isCode = (section: Section | undefined): boolean =>
  section === undefined || (section.flags & sectionFlag.execute) !== 0n;

function layOut(file: ElfFile) {
  const addresses = new Map<number, bigint>();
  const regions: Region[] = [];
  let next = 0x100000n;
  for (const section of file.sections) {
    if ((section.flags & sectionFlag.alloc) === 0n || !Number.isSafeInteger(section.size)) continue;
    addresses.set(section.index, next);
    if (section.type !== sectionType.nobits && file.bytes.within(section.offset, section.size)) {
      regions.push({
        address: next,
        offset: section.offset,
        size: section.size,
        data: !isCode(section),
      });
    }
    next += (BigInt(section.size) + 0xffffn) & ~0xfffn;
  }
  return { regions, addresses };
}

function sectionSymbols(file: ElfFile): SymbolTable | undefined {
  const section = file.sections.find((one) => one.type === sectionType.symtab);
  const strings = section && file.sections[section.link];
  if (!section || !strings || !file.bytes.within(section.offset, section.size)) return undefined;
  return {
    offset: section.offset,
    strings: strings.offset,
    count: Math.floor(section.size / symbolSize(file.header.bits)),
  };
}

/** All tables together cannot be larger than the file, or they overlap and were made to cost us time. */
class Budget {
  #left: number;
  constructor(bytes: number) {
    this.#left = bytes;
  }
  take(size: number, at: number): void {
    this.#left -= size;
    if (!(this.#left >= 0)) throw new ElfError("relocation tables overlap", at);
  }
}

import { Bytes, ElfError } from "./bytes.ts";

/** e_type (elf(5)). */
export const elfType = { relocatable: 1, executable: 2, shared: 3 } as const;
export const sectionType = {
  symtab: 2,
  strtab: 3,
  rela: 4,
  nobits: 8,
  rel: 9,
  dynsym: 11,
} as const;
export const sectionFlag = { write: 1n, alloc: 2n, execute: 4n } as const;
export const segmentType = { load: 1, dynamic: 2 } as const;

export interface Header {
  readonly bits: 32 | 64;
  readonly endian: "big" | "little";
  readonly type: number;
  readonly machine: number;
  readonly flags: number;
}

export interface Section {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly address: bigint;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

export interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly fileSize: number;
}

export interface ElfFile {
  readonly header: Header;
  readonly bytes: Bytes;
  readonly sections: readonly Section[];
  readonly segments: readonly Segment[];
}

/** Where the fields of Elf32_Ehdr, _Shdr and _Phdr are, and of their 64-bit forms. */
const ehdr = {
  32: {
    phoff: 28,
    shoff: 32,
    flags: 36,
    phentsize: 42,
    phnum: 44,
    shentsize: 46,
    shnum: 48,
    shstrndx: 50,
    end: 52,
  },
  64: {
    phoff: 32,
    shoff: 40,
    flags: 48,
    phentsize: 54,
    phnum: 56,
    shentsize: 58,
    shnum: 60,
    shstrndx: 62,
    end: 64,
  },
} as const;
const shdr = {
  32: { flags: 8, addr: 12, offset: 16, size: 20, link: 24, info: 28, end: 40 },
  64: { flags: 8, addr: 16, offset: 24, size: 32, link: 40, info: 44, end: 64 },
} as const;
const phdr = {
  32: { offset: 4, vaddr: 8, filesz: 16, end: 32 },
  64: { offset: 8, vaddr: 16, filesz: 32, end: 56 },
} as const;

const magic = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** Bytes that are enough for readHeader and, in a linked file, for the program headers behind it. */
export const headBytes = 4096;

/** Only the first bytes: what the file is, not what is in it. */
export function readHeader(buffer: Buffer): { readonly header: Header; readonly bytes: Bytes } {
  if (buffer.length < 16 || !buffer.subarray(0, 4).equals(magic))
    throw new ElfError("no ELF magic", 0);
  const bits = buffer[4] === 1 ? 32 : buffer[4] === 2 ? 64 : undefined;
  if (bits === undefined) throw new ElfError(`unknown class ${buffer[4]}`, 4);
  const endian = buffer[5] === 1 ? "little" : buffer[5] === 2 ? "big" : undefined;
  if (endian === undefined) throw new ElfError(`unknown byte order ${buffer[5]}`, 5);
  const bytes = new Bytes(buffer, bits, endian);
  const header = {
    bits,
    endian,
    type: bytes.u16(16),
    machine: bytes.u16(18),
    flags: bytes.u32(ehdr[bits].flags),
  } as const;
  return { header, bytes };
}

export function parseElf(buffer: Buffer): ElfFile {
  const { header, bytes } = readHeader(buffer);
  return { header, bytes, sections: readSections(bytes), segments: readSegments(bytes) };
}

function readSections(bytes: Bytes): readonly Section[] {
  const at = ehdr[bytes.bits];
  const start = bytes.size(at.shoff);
  if (start === 0) return [];
  const entry = bytes.u16(at.shentsize);
  if (entry < shdr[bytes.bits].end)
    throw new ElfError(`section headers of ${entry} bytes`, at.shentsize);
  // More than 65279 sections: the number is in the first one's sh_size (elf(5), e_shnum).
  const count = bytes.u16(at.shnum) || bytes.size(start + shdr[bytes.bits].size);
  if (!bytes.within(start, count * entry))
    throw new ElfError("section headers outside of the file", start);
  const raw = Array.from({ length: count }, (_, index) =>
    readSection(bytes, start + index * entry, index),
  );
  const names = raw[bytes.u16(at.shstrndx)];
  return raw.map((section, index) => {
    const name = names ? bytes.string(names.offset + bytes.u32(start + index * entry)) : undefined;
    return { ...section, name: name ?? "" };
  });
}

function readSection(bytes: Bytes, offset: number, index: number): Omit<Section, "name"> {
  const at = shdr[bytes.bits];
  return {
    index,
    type: bytes.u32(offset + 4),
    flags: bytes.wide(offset + at.flags),
    address: bytes.wide(offset + at.addr),
    offset: bytes.size(offset + at.offset),
    size: bytes.size(offset + at.size),
    link: bytes.u32(offset + at.link),
    info: bytes.u32(offset + at.info),
  };
}

/** The program headers: what the loader goes by, there even when the section headers were stripped. */
export function readSegments(bytes: Bytes): readonly Segment[] {
  const at = ehdr[bytes.bits];
  const start = bytes.size(at.phoff);
  const count = bytes.u16(at.phnum);
  if (start === 0 || count === 0) return [];
  const entry = bytes.u16(at.phentsize);
  if (entry < phdr[bytes.bits].end)
    throw new ElfError(`program headers of ${entry} bytes`, at.phentsize);
  if (!bytes.within(start, count * entry))
    throw new ElfError("program headers outside of the file", start);
  const field = phdr[bytes.bits];
  return Array.from({ length: count }, (_, index) => {
    const offset = start + index * entry;
    return {
      type: bytes.u32(offset),
      offset: bytes.size(offset + field.offset),
      address: bytes.wide(offset + field.vaddr),
      fileSize: bytes.size(offset + field.filesz),
    };
  });
}

/** The bytes of a section; undefined for .bss and for one that lies outside of the file. */
export function sectionBytes(file: ElfFile, section: Section): Buffer | undefined {
  if (section.type === sectionType.nobits || !file.bytes.within(section.offset, section.size))
    return undefined;
  return file.bytes.slice(section.offset, section.size);
}

export const findSection = (file: ElfFile, name: string): Section | undefined =>
  file.sections.find((section) => section.name === name);

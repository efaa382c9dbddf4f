import { ArchiveRefused, NameJudge } from "./archive-names.ts";
import { blockSize, isZeroBlock, readHeader, type TarHeader, typeOf } from "./fetch-tar-header.ts";

/** Extended headers and long names are small; a large one is an attack on memory. */
const maxExtra = 64 * 1024;

/** An unpacked kernel is 1.4 GB; a decompression bomb is not. */
const maxTotal = 16 * 1024 ** 3;

/** Names that a header block before the entry gave (GNU `L`, `K`; pax `x`). */
interface Overrides {
  path?: string;
  link?: string;
  /** Which form: mixing them is read differently by different programs. */
  form?: "gnu" | "pax";
}

/** pax records that change nothing but times, owners and comments. */
const harmless = /^(?:[acm]time|[ug]id|[ug]name|comment|SCHILY\.\w+(?:\..*)?|LIBARCHIVE\..*)$/;

/** Records are `length key=value\n`, length counting all of it (POSIX.1-2017 pax, "Extended Header"). */
function* paxRecords(data: Buffer): Generator<[string, string]> {
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const digits = space < 0 ? "" : data.toString("latin1", at, space);
    const end = at + Number(digits);
    if (
      !/^[1-9]\d{0,5}$/.test(digits) ||
      end > data.length ||
      data[end - 1] !== 0x0a ||
      end - 1 <= space
    ) {
      throw new ArchiveRefused("pax header", "its records are damaged");
    }
    const record = data.toString("utf8", space + 1, end - 1);
    const equals = record.indexOf("=");
    if (equals < 1) throw new ArchiveRefused("pax header", "its records are damaged");
    yield [record.slice(0, equals), record.slice(equals + 1)];
    at = end;
  }
}

function applyPax(data: Buffer, global: boolean, into: Overrides): void {
  for (const [key, value] of paxRecords(data)) {
    if (key === "path" && !global) into.path = value;
    else if (key === "linkpath" && !global) into.link = value;
    else if (!harmless.test(key))
      throw new ArchiveRefused("pax header", `it sets ${key}, which is not taken`);
  }
}

/**
 * Walks the bytes of a tar archive as they pass, and judges every entry the
 * moment its header is whole. A reader further down that got the same bytes
 * cannot have acted on an entry that was not judged: it too needs the whole header.
 */
export class TarJudge {
  readonly names = new NameJudge();
  /** Bytes that came through. */
  bytes = 0;
  #held = Buffer.alloc(0);
  /** Bytes of file content still to pass. */
  #skip = 0;
  /** A long name or pax header being collected. */
  #extra: { readonly header: TarHeader; readonly padded: number } | undefined;
  #overrides: Overrides = {};
  #zeros = 0;

  /** Throws ArchiveRefused. */
  push(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.bytes > maxTotal)
      throw new ArchiveRefused("archive", `it unpacks to more than ${maxTotal} bytes`);
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, rest.length);
        this.#skip -= passed;
        rest = rest.subarray(passed);
        continue;
      }
      rest = this.#collect(rest, this.#extra?.padded ?? blockSize);
    }
  }

  /** The stream is over; throws when the archive is not. */
  end(): void {
    if (this.#skip > 0 || this.#held.length > 0 || this.#extra) {
      throw new ArchiveRefused(
        "archive",
        `it ends in the middle of an entry, after ${this.bytes} bytes`,
      );
    }
    if (this.#zeros < 2)
      throw new ArchiveRefused("archive", `it is cut off after ${this.bytes} bytes`);
    if (this.names.top === undefined) throw new ArchiveRefused("archive", "it is empty");
  }

  /** Takes `wanted` bytes together, then judges them. */
  #collect(rest: Buffer, wanted: number): Buffer {
    const missing = wanted - this.#held.length;
    const block =
      this.#held.length === 0
        ? rest.subarray(0, wanted)
        : Buffer.concat([this.#held, rest.subarray(0, missing)]);
    if (block.length < wanted) {
      this.#held = Buffer.from(block);
      return rest.subarray(rest.length);
    }
    this.#held = Buffer.alloc(0);
    if (this.#extra) this.#finishExtra(block);
    else this.#block(block);
    return rest.subarray(missing);
  }

  #block(block: Buffer): void {
    if (block[0] === 0 && isZeroBlock(block)) {
      this.#zeros++;
      return;
    }
    if (this.#zeros > 0) throw new ArchiveRefused("archive", "something follows its end mark");
    const header = readHeader(block);
    if ("LKxg".includes(header.flag)) this.#startExtra(header);
    else this.#entry(header);
  }

  #startExtra(header: TarHeader): void {
    if (header.size === 0 || header.size > maxExtra) {
      throw new ArchiveRefused(header.path, `it has an extended header of ${header.size} bytes`);
    }
    this.#extra = { header, padded: Math.ceil(header.size / blockSize) * blockSize };
  }

  #finishExtra(block: Buffer): void {
    const { header } = this.#extra as { header: TarHeader };
    this.#extra = undefined;
    const data = block.subarray(0, header.size);
    if (header.flag === "g") return applyPax(data, true, {});
    const form = header.flag === "x" ? "pax" : "gnu";
    if (this.#overrides.form !== undefined && this.#overrides.form !== form) {
      throw new ArchiveRefused(header.path, "it mixes two kinds of extended headers");
    }
    this.#overrides.form = form;
    if (form === "pax") return applyPax(data, false, this.#overrides);
    const nul = data.indexOf(0);
    const text = data.toString("utf8", 0, nul < 0 ? data.length : nul);
    if (header.flag === "L") this.#overrides.path = text;
    else this.#overrides.link = text;
  }

  #entry(header: TarHeader): void {
    const path = this.#overrides.path ?? header.path;
    const link = this.#overrides.link ?? header.link;
    this.#overrides = {};
    const type = typeOf(header.flag, path);
    if (type !== "file" && header.size !== 0) {
      throw new ArchiveRefused(path, `it is a ${type} that claims to have content`);
    }
    this.names.accept({ path, type, ...(link === "" ? {} : { link }) });
    this.#skip = Math.ceil(header.size / blockSize) * blockSize;
  }
}

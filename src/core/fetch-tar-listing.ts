import { ArchiveRefused, type EntryType, NameJudge } from "./archive-names.ts";

/**
 * How GNU tar is asked to tell what it does while it extracts: a line for each member, before it is
 * made (tar(1): `-vv` type and link target, `--block-number` also the end mark). Names are quoted as
 * in C and owners are numbers, so no member can write a line of its own (tar's manual, "Quoting
 * Member Names"; LC_ALL=C keeps the words English).
 */
export const listingOptions: readonly string[] = [
  "-vv",
  "--block-number",
  "--quoting-style=c",
  "--numeric-owner",
  "--utc",
];

/** An unpacked kernel is 1.4 GB; a decompression bomb is not. */
const maxTotal = 16 * 1024 ** 3;

/** A longer line is none of tar's: names end at 4096 bytes, and quoting makes four of one. */
const maxLine = 64 * 1024;

/** The first letter of tar's mode column (tar 1.34, src/list.c, simple_print_header). */
const types: Readonly<Record<string, EntryType>> = {
  "-": "file",
  C: "file",
  d: "directory",
  l: "symlink",
  h: "hardlink",
  c: "character device",
  b: "block device",
  p: "fifo",
};

const endMark = "** Block of NULs **";
const text = String.raw`"((?:[^"\\]|\\.)*)"`;
const member = new RegExp(
  String.raw`^(.)[-rwxsStT]{9} \d+/\d+ +(\d+(?:,\d+)?) \S+(?: \S+)? ${text}(?:(?: -> | link to )${text}|.*)$`,
);
/** Of a member that comes without its directories: they have been judged with its name. */
const parents = new RegExp(String.raw`^d[-rwxsStT]{9} +Creating directory: ${text}$`);

const letters: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };

/** Takes C quoting back: the bytes, read as UTF-8. */
function unquote(quoted: string): string {
  if (!quoted.includes("\\")) return quoted;
  const bytes = quoted.replaceAll(/\\([0-7]{3}|.)/g, (_whole, escape: string) =>
    String.fromCharCode(
      escape.length === 3 ? Number.parseInt(escape, 8) : (letters[escape] ?? escape.charCodeAt(0)),
    ),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Judges GNU tar's own account of what it extracts, as it grows. */
export class ListingJudge {
  readonly names = new NameJudge();
  /** Content announced so far. */
  bytes = 0;
  #rest = "";
  #last = "";

  /** Whole and partial lines, as they were written. Throws ArchiveRefused. */
  push(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    if (this.#rest.length > maxLine) throw this.#odd(this.#rest);
  }

  /** tar is done; `warnings` is its standard error. Throws when the archive is not whole. */
  end(warnings: string): void {
    if (this.#rest !== "") throw this.#odd(this.#rest);
    if (this.#last !== endMark || /A lone zero block at/.test(warnings)) {
      throw new ArchiveRefused("archive", "it is cut off: its end mark is missing");
    }
    if (this.names.top === undefined) throw new ArchiveRefused("archive", "it is empty");
  }

  #line(line: string): void {
    const told = line.replace(/^block \d+: /, "");
    this.#last = told;
    if (told.startsWith("** ") || parents.test(told)) return;
    const match = member.exec(told);
    if (!match) throw this.#odd(told);
    const [, letter = "", size = "", name = "", target] = match;
    const type = types[letter] ?? "thing of unknown type";
    this.names.accept({
      path: unquote(name),
      type,
      ...(target === undefined ? {} : { link: unquote(target) }),
    });
    this.bytes += Number(size);
    if (this.bytes > maxTotal)
      throw new ArchiveRefused("archive", `it unpacks to more than ${maxTotal} bytes`);
  }

  #odd(line: string): ArchiveRefused {
    return new ArchiveRefused(
      "archive",
      `tar says of it what is not understood: ${line.slice(0, 200)}`,
    );
  }
}

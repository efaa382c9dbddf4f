/** One connection of /proc/net/tarpit (docs/target.md describes the columns). */
export interface Held {
  readonly family: 4 | 6;
  readonly source: string;
  readonly sport: number;
  readonly destination: string;
  readonly dport: number;
  /** Seconds of the boot time clock. */
  readonly first: number;
  readonly last: number;
  readonly segments: number;
  readonly bytes: number;
  readonly marks: string;
}

export interface HeldTable {
  /** The clock of `first` and `last` when the table was read. */
  readonly now: number;
  /** Rows the table has room for; 0: it is off. */
  readonly room: number | undefined;
  readonly rows: readonly Held[];
  /** Lines that are no row. */
  readonly strange: number;
}

/** The version of the columns this reads; others mean something else by them. */
export const tableVersion = 1;

const head = /^# version (\d{1,6})(?: (.*))?$/m;

/** The version of a table's first line; undefined when it is no such table. */
export const versionOfTable = (text: string): number | undefined => {
  const match = head.exec(text.slice(0, 65_536));
  return match ? Number(match[1]) : undefined;
};

/** Reads the table; columns and marks added behind the known ones are passed over. */
export function parseTable(text: string): HeldTable {
  const match = head.exec(text.slice(0, 65_536));
  const pairs = new Map<string, number>();
  const words = (match?.[2] ?? "").split(" ");
  for (let at = 0; at + 1 < words.length; at += 2)
    pairs.set(words[at] ?? "", Number(words[at + 1]));
  const rows: Held[] = [];
  let strange = 0;
  let latest = 0;
  const cursor = new Cursor(text);
  for (let at = match ? match.index + match[0].length + 1 : 0; at < text.length;) {
    const found = text.indexOf("\n", at);
    const end = found < 0 ? text.length : found;
    const from = at;
    at = end + 1;
    if (end === from || text.charCodeAt(from) === 0x23) continue;
    cursor.start(from, Math.min(end, from + 512));
    const one = readRow(cursor);
    if (one === undefined) strange += 1;
    else {
      rows.push(one);
      if (one.last > latest) latest = one.last;
    }
  }
  const now = pairs.get("now");
  return {
    now: now !== undefined && now >= 0 ? now : latest,
    room: pairs.get("peers"),
    rows,
    strange,
  };
}

/** Longest value of each column, in characters; what is longer is no row. */
const digits = { port: 5, seconds: 12, count: 20 } as const;

/**
 * Reads rows in place, one object for all of them: 65,536 rows are a fraction of a second, and a list of
 * words for each would be most of it. Words stand one space apart.
 */
class Cursor {
  at = 0;
  end = 0;
  fine = true;
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  start(at: number, end: number): void {
    this.at = at;
    this.end = end;
    this.fine = true;
  }
  word(most: number): string {
    const space = this.text.indexOf(" ", this.at);
    const stop = space < 0 || space > this.end ? this.end : space;
    const found = this.text.slice(this.at, stop);
    if (found.length === 0 || found.length > most) this.fine = false;
    this.at = stop + 1;
    return found;
  }
  number(most: number): number {
    let value = 0;
    let at = this.at;
    for (; at < this.end; at += 1) {
      const digit = this.text.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const length = at - this.at;
    if (length === 0 || length > most || (at < this.end && this.text.charCodeAt(at) !== 0x20))
      this.fine = false;
    this.at = at + 1;
    return value;
  }
}

function readRow(cursor: Cursor): Held | undefined {
  const kind = cursor.number(1);
  const source = cursor.word(45);
  const sport = cursor.number(digits.port);
  const destination = cursor.word(45);
  const dport = cursor.number(digits.port);
  const first = cursor.number(digits.seconds);
  const last = cursor.number(digits.seconds);
  const segments = cursor.number(digits.count);
  const bytes = cursor.number(digits.count);
  const marks = cursor.word(32);
  if (!cursor.fine || (kind !== 4 && kind !== 6) || /\s/.test(marks)) return undefined;
  if (!address.test(source) || !address.test(destination)) return undefined;
  const family = kind;
  return { family, source, sport, destination, dport, first, last, segments, bytes, marks };
}

const address = /^[0-9A-Fa-f:.]{2,45}$/;

/** A held Linux peer probes every 120 s at most; five of those in silence mean that it went. */
export const silentSeconds = 600;

/** It proved an RST, or it had data blocked or probed and has been silent for long. An idle peer has nothing to say. */
export const letGo = (one: Held, now: number, silent = silentSeconds): boolean =>
  one.marks.includes("r") || (/[dp]/.test(one.marks) && now - one.last > silent);

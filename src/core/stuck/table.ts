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
const row =
  /^([46]) ([0-9A-Fa-f:.]{2,45}) (\d{1,5}) ([0-9A-Fa-f:.]{2,45}) (\d{1,5}) (\d{1,12}) (\d{1,12}) (\d{1,20}) (\d{1,20}) (\S{1,32})(?: |$)/;

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
  for (let at = match ? match.index + match[0].length + 1 : 0; at < text.length;) {
    const found = text.indexOf("\n", at);
    const end = found < 0 ? text.length : found;
    const line = text.slice(at, Math.min(end, at + 512));
    at = end + 1;
    if (line === "" || line.startsWith("#")) continue;
    const one = readRow(line);
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

function readRow(line: string): Held | undefined {
  const match = row.exec(line);
  if (!match) return undefined;
  const [
    ,
    family,
    source = "",
    sport,
    destination = "",
    dport,
    first,
    last,
    segments,
    bytes,
    marks = "",
  ] = match;
  return {
    family: family === "6" ? 6 : 4,
    source,
    sport: Number(sport),
    destination,
    dport: Number(dport),
    first: Number(first),
    last: Number(last),
    segments: Number(segments),
    bytes: Number(bytes),
    marks,
  };
}

/** A held Linux peer probes every 120 s at most; five of those in silence mean that it went. */
export const silentSeconds = 600;

/** It proved an RST, or it had data blocked or probed and has been silent for long. An idle peer has nothing to say. */
export const letGo = (one: Held, now: number, silent = silentSeconds): boolean =>
  one.marks.includes("r") || (/[dp]/.test(one.marks) && now - one.last > silent);

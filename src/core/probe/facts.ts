/** How a fact was read: an exit status, or the script's word for why it was not. */
export type FactStatus = "ok" | "missing" | "unreadable" | "skipped" | "failed" | "cut";

/** One record of the probe's output. */
export interface Fact {
  readonly name: string;
  readonly status: FactStatus;
  /** Exit status of the program behind it, where there was one. */
  readonly code?: number;
  readonly data: readonly string[];
}

export interface Facts {
  readonly version: number;
  readonly records: readonly Fact[];
  /** The last line was there: nothing was lost on the way. */
  readonly whole: boolean;
  /** Lines that belong to no record. */
  readonly strange: number;
}

/** The one version of the format there is (docs/probe.md). */
export const factsVersion = 1;

const words = new Set<FactStatus>(["missing", "unreadable", "skipped"]);

/**
 * Reads the probe's output. Whatever stands behind "|" is data, so a rule's comment or a file cannot
 * pass for a record. Undefined when it is no facts file at all.
 */
export function parseFacts(text: string): Facts | undefined {
  const start = /^tarpit-facts (\d{1,6})\r?$/m.exec(text);
  // A login banner may come first; a whole other file may not.
  if (!start || start.index > 64 * 1024) return undefined;
  const records: Fact[] = [];
  let name: string | undefined;
  let data: string[] = [];
  let whole = false;
  let strange = 0;
  const close = (): void => {
    if (name !== undefined) records.push(record(name, data));
    [name, data] = [undefined, []];
  };
  for (let at = start.index + start[0].length + 1; at < text.length && !whole;) {
    const found = text.indexOf("\n", at);
    const end = found < 0 ? text.length : found;
    const line = text.slice(at, end);
    at = end + 1;
    if (line.startsWith("|") && name !== undefined) data.push(line.slice(1));
    else if (line.startsWith("@ ")) {
      close();
      const word = line.slice(2).replace(/\r$/, "");
      if (word === "end") whole = true;
      else name = word;
    } else if (line.trim() !== "") strange += 1;
  }
  close();
  return { version: Number(start[1]), records, whole, strange };
}

function record(name: string, lines: string[]): Fact {
  const last = lines.at(-1)?.replace(/\r$/, "");
  if (!last?.startsWith("=")) return { name, status: "cut", data: lines };
  lines.pop();
  // A program that ended its last line leaves one empty line before the status.
  if (lines.at(-1) === "") lines.pop();
  const word = last.slice(1);
  if (words.has(word as FactStatus)) return { name, status: word as FactStatus, data: lines };
  const code = /^\d{1,3}$/.test(word) ? Number(word) : 255;
  return { name, status: code === 0 ? "ok" : "failed", code, data: lines };
}

/** A record that carries bytes: its path, and what od printed. */
export function factBytes(fact: Fact): { readonly path: string; readonly bytes: Buffer } {
  const [path = "", ...lines] = fact.data;
  const parts: Buffer[] = [];
  let [length, repeated] = [0, false];
  const add = (part: Buffer): void => {
    parts.push(part);
    length += part.length;
  };
  for (const line of lines) {
    if (line === "*") {
      repeated = true;
      continue;
    }
    // `od -A x` begins a line with its place; `od -A n` with a space, hexdump with two digits.
    const place = /^([0-9a-f]{6,10})(?= |$)/.exec(line)?.[1];
    if (repeated && place !== undefined)
      add(filled(parts.at(-1), length, Number.parseInt(place, 16)));
    repeated = false;
    add(Buffer.from(line.slice(place?.length ?? 0).replaceAll(/[^0-9a-fA-F]/g, ""), "hex"));
  }
  return { path, bytes: Buffer.concat(parts) };
}

/** More than any file the probe reads; a place made to cost memory ends here. */
const largest = 16 << 20;

/** The lines an asterisk stands for: the one in front, again and again up to the next place. */
function filled(line: Buffer | undefined, from: number, to: number): Buffer {
  const size = Math.min(to, largest) - from;
  return line === undefined || line.length === 0 || size <= 0
    ? Buffer.alloc(0)
    : Buffer.alloc(size, line);
}

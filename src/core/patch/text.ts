import { limits, splitLines, tooLarge } from "./lines.ts";

const newline = 0x0a;

/**
 * The bytes of a file and where its lines start. Most lines only pass through: a string (latin1, a
 * character a byte) is made of one when it is asked for, and no start is looked for behind the last one
 * asked for.
 */
export class Text {
  readonly bytes: Buffer;
  readonly #where: string;
  /** Start of each line that was looked for; one more for the end of the text. */
  readonly #starts: number[] = [0];
  #lines: readonly string[] | undefined;

  /** Of bytes, which are not copied, or of text that has a character a byte. */
  constructor(content: Buffer | string, where = "a text") {
    this.bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
    this.#where = where;
  }
  /** Start of line `index`, which may be the one after the last; undefined when there are not as many. */
  #start(index: number): number | undefined {
    const { bytes } = this;
    const starts = this.#starts;
    for (let at = starts.at(-1) ?? 0; starts.length <= index && at < bytes.length;) {
      if (starts.length > limits.lines) throw tooLarge(this.#where, `${limits.lines} lines`);
      while (at < bytes.length && bytes[at] !== newline) at += 1;
      at = Math.min(at + 1, bytes.length);
      starts.push(at);
    }
    return starts[index];
  }
  get text(): string {
    return this.bytes.toString("latin1");
  }
  get count(): number {
    this.#start(Infinity);
    return this.#starts.length - 1;
  }
  /** About how many lines of usual length it takes: what reading it costs, without doing so. */
  get weight(): number {
    return Math.ceil(this.bytes.length / 32);
  }
  get lines(): readonly string[] {
    this.#lines ??= splitLines(this.text, this.#where);
    return this.#lines;
  }
  /** Whether `lines` lines are in it. */
  has(lines: number): boolean {
    return this.#start(lines) !== undefined;
  }
  /** Line `index`, from 0, with its newline. */
  line(index: number): string | undefined {
    return this.slice(index, index + 1).toString("latin1") || undefined;
  }
  /** Lines `from` to before `to`, or to the end; not a copy. */
  slice(from: number, to?: number): Buffer {
    const start = from < 0 ? undefined : this.#start(from);
    const end = to === undefined ? undefined : this.#start(to);
    return this.bytes.subarray(start ?? this.bytes.length, end);
  }
  /** Whether line `index` is this one. */
  is(index: number, line: string): boolean {
    const end = index < 0 ? undefined : this.#start(index + 1);
    const start = this.#starts[index];
    if (start === undefined || end === undefined || end - start !== line.length) return false;
    const { bytes } = this;
    let at = 0;
    while (at < line.length && bytes[start + at] === line.charCodeAt(at)) at += 1;
    return at === line.length;
  }
  equals(other: Text): boolean {
    return this.bytes.equals(other.bytes);
  }
}

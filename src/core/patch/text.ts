import { limits, splitLines, tooLarge } from "./lines.ts";

const newline = 0x0a;

/**
 * The bytes of a file and where its lines start. Most lines only pass through: a string (latin1, a
 * character a byte) is made of one when it is asked for, and no start is looked for behind the last one
 * asked for. What a patch makes of a file is pieces of the file and of the patch; they are written one
 * after the other, and joined for whoever looks into them.
 */
export class Text {
  /** One after the other the bytes; one when they were asked for as a whole. */
  #pieces: readonly Buffer[];
  readonly length: number;
  readonly #where: string;
  /** Start of each line that was looked for; one more for the end of the text. */
  readonly #starts: number[] = [0];
  #lines: readonly string[] | undefined;

  /** Of bytes, which are not copied, or of text that has a character a byte. */
  constructor(content: Buffer | string | readonly Buffer[], where = "a text") {
    const whole = typeof content === "string" ? Buffer.from(content, "latin1") : content;
    this.#pieces = Buffer.isBuffer(whole) ? [whole] : whole;
    this.length = this.#pieces.reduce((sum, { length }) => sum + length, 0);
    this.#where = where;
  }
  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }
  get bytes(): Buffer {
    const [first, ...rest] = this.#pieces;
    if (first !== undefined && rest.length === 0) return first;
    const whole = Buffer.concat(this.#pieces, this.length);
    this.#pieces = [whole];
    return whole;
  }
  /** Start of line `index`, which may be the one after the last; undefined when there are not as many. */
  #start(index: number): number | undefined {
    const { bytes } = this;
    const starts = this.#starts;
    for (let at = starts.at(-1) ?? 0; starts.length <= index && at < bytes.length;) {
      if (starts.length > limits.lines) throw tooLarge(this.#where, `${limits.lines} lines`);
      const end = bytes.indexOf(newline, at);
      at = end < 0 ? bytes.length : end + 1;
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
    return Math.ceil(this.length / 32);
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
  /** Whether these are the lines from `index` on: each with its newline, which the last of a text may lack. */
  are(index: number, lines: readonly string[]): boolean {
    const end = index < 0 ? undefined : this.#start(index + lines.length);
    const start = this.#starts[index];
    if (start === undefined || end === undefined) return false;
    const text = lines.join("");
    return end - start === text.length && this.bytes.toString("latin1", start, end) === text;
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
    return this.length === other.length && this.bytes.equals(other.bytes);
  }
}

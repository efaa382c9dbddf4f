import { limits, splitLines, tooLarge } from "./lines.ts";

/**
 * A file's text (latin1) and where its lines start. Most lines of a file only pass through:
 * no string is made of one until it is asked for.
 */
export class Text {
  readonly text: string;
  /** Start of each line; one more for the end of the text. */
  readonly #starts: number[];
  #lines: readonly string[] | undefined;

  constructor(text: string, where = "a text") {
    this.text = text;
    const starts = [0];
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) {
      if (starts.length > limits.lines) throw tooLarge(where, `${limits.lines} lines`);
      starts.push(end + 1);
    }
    if (starts.at(-1) !== text.length) starts.push(text.length);
    this.#starts = starts;
  }
  get count(): number {
    return this.#starts.length - 1;
  }
  get lines(): readonly string[] {
    this.#lines ??= splitLines(this.text);
    return this.#lines;
  }
  /** Line `index`, from 0, with its newline. */
  line(index: number): string | undefined {
    return index < 0 || index >= this.count ? undefined : this.slice(index, index + 1);
  }
  /** Lines `from` to before `to`, as one string. */
  slice(from: number, to: number): string {
    return this.text.slice(this.#starts[from], this.#starts[to]);
  }
  /** Whether line `index` is this one. */
  is(index: number, line: string): boolean {
    const start = this.#starts[index];
    const end = this.#starts[index + 1];
    if (start === undefined || end === undefined || end - start !== line.length) return false;
    return this.text.startsWith(line, start);
  }
}

import { type Budget, budgetFor, LineIndex } from "./line-index.ts";
import { locate, patternOf } from "./locate.ts";
import { mergeHunk } from "./merge.ts";
import { Text } from "./text.ts";
import type { Hunk, PlacedHunk, RefusedHunk } from "./types.ts";

export interface Applied {
  /** The result. */
  readonly output: Text;
  readonly placed: readonly PlacedHunk[];
  /** Hunks that fit nowhere, with the line they were first looked for at. */
  readonly refused: readonly RefusedHunk[];
  /** How many of the refused ones were put in without a conflict (merging only). */
  readonly merged: number;
  /** The text that was searched. */
  readonly text: LineIndex;
}

/** The file as it is written: input lines are copied up to where hunks change something. */
class Output {
  readonly #parts: (string | Buffer)[] = [];
  readonly #input: Text;
  /** The last line so far has no newline. */
  #open = false;
  /** Input lines that are dealt with; no later hunk may change them. */
  frozen = 0;
  constructor(input: Text) {
    this.#input = input;
  }
  /** One line, or several at once. */
  put(lines: string | Buffer): void {
    // A line without newline is no longer the last one.
    if (this.#open) this.#parts.push("\n");
    this.#parts.push(lines);
    this.#open = !(typeof lines === "string" ? lines.endsWith("\n") : lines.at(-1) === 0x0a);
  }
  copyUntil(line: number): void {
    if (line <= this.frozen) return;
    const lines = this.#input.slice(this.frozen, line);
    if (lines.length === 0) return;
    this.put(lines);
    this.frozen = this.#input.has(line) ? line : this.#input.count;
  }
  copyRest(): void {
    const lines = this.#input.slice(this.frozen);
    if (lines.length > 0) this.put(lines);
  }
  /** Puts `lines` in the place of input lines `from` to before `to`. */
  replace(from: number, to: number, lines: readonly string[]): void {
    this.copyUntil(from);
    for (const line of lines) this.put(line);
    this.frozen = Math.max(this.frozen, to);
  }
  /**
   * Writes the hunk at line `where`. Context keeps the input's own text, which fuzz may
   * have overlooked. False when lines would be added after one that has no newline and
   * is no line of the patch: GNU patch glues the two together, git refuses, and so do we.
   */
  write(hunk: Hunk, where: number): boolean {
    let at = where - 1;
    for (const [index, text] of hunk.texts.entries()) {
      const op = hunk.ops[index];
      if (op !== " ") this.copyUntil(at);
      if (op === "+" && this.#open) return false;
      if (op === "+") this.put(text);
      if (op === "-") this.frozen += 1;
      if (op !== "+") at += 1;
    }
    return true;
  }
  text(): Text {
    const pieces: Buffer[] = [];
    let lines = "";
    for (const part of [...this.#parts, ""]) {
      if (typeof part === "string" && part !== "") lines += part;
      else {
        if (lines !== "") pieces.push(Buffer.from(lines, "latin1"));
        if (typeof part !== "string") pieces.push(part);
        lines = "";
      }
    }
    return new Text(pieces);
  }
}

/**
 * Applies the hunks of one file in their order, with GNU patch's rules. A later hunk is
 * first looked for where the ones before it were found to have moved to.
 */
export function applyHunks(
  input: Text,
  hunks: readonly Hunk[],
  maxFuzz: number,
  merge = false,
  budget: Budget = budgetFor(input.weight),
): Applied {
  const output = new Output(input);
  const text = new LineIndex(input, budget);
  budget.left -= input.weight;
  const placed: PlacedHunk[] = [];
  const refused: RefusedHunk[] = [];
  let merged = 0;
  let offset = 0;
  for (const [position, hunk] of hunks.entries()) {
    const index = position + 1;
    const pattern = patternOf(hunk);
    const guess = pattern.first + offset;
    const most = Math.min(maxFuzz, Math.max(pattern.prefix, pattern.suffix));
    let fuzz = 0;
    let where = locate(text, pattern, guess, output.frozen, fuzz);
    while (where === undefined && fuzz < most && budget.left > 0) {
      fuzz += 1;
      where = locate(text, pattern, guess, output.frozen, fuzz);
    }
    if (where !== undefined) offset += where - guess;
    // The change itself must come after what is done already (context may overlap).
    if (where === undefined || where - 1 + pattern.prefix < output.frozen) {
      const reason = budget.left > 0 ? "no-match" : "too-costly";
      const joined = merge ? mergeHunk(text, hunk, guess, output.frozen) : undefined;
      if (joined) output.replace(joined.from, joined.to, joined.lines);
      if (joined?.conflicts === 0) merged += 1;
      else refused.push({ index, hunk, guess, reason });
    } else if (output.write(hunk, where)) {
      placed.push({ index, offset, fuzz });
    } else {
      refused.push({ index, hunk, guess, reason: "no-newline" });
    }
  }
  output.copyRest();
  return { output: output.text(), placed, refused, merged, text };
}

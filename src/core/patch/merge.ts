import { nearestPlace } from "./explain.ts";
import { patternOf } from "./locate.ts";
import type { LineIndex } from "./line-index.ts";
import type { Hunk } from "./types.ts";

export interface Merged {
  /** Input lines `from` to before `to` (from 0) become `lines`. */
  readonly from: number;
  readonly to: number;
  readonly lines: readonly string[];
  /** Places with markers; none when the change could be joined with the file's own. */
  readonly conflicts: number;
}

/** More cells than this in the table of common lines, and the whole hunk is one conflict. */
const maxCells = 4_000_000;

/** Pairs of equal lines in their order, as many as there can be (longest common subsequence). */
function commonLines(a: readonly string[], b: readonly string[]): [number, number][] {
  const width = b.length + 1;
  if (a.length * b.length > maxCells) return [];
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const at = i * width + j;
      table[at] =
        a[i] === b[j]
          ? (table[at + width + 1] ?? 0) + 1
          : Math.max(table[at + width] ?? 0, table[at + 1] ?? 0);
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const at = i * width + j;
    if (a[i] === b[j]) {
      pairs.push([i, j]);
      i += 1;
      j += 1;
    } else if ((table[at + width] ?? 0) >= (table[at + 1] ?? 0)) i += 1;
    else j += 1;
  }
  return pairs;
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((line, index) => line === b[index]);
const ended = (line: string): string => (line.endsWith("\n") ? line : `${line}\n`);

/**
 * Puts a hunk that fits nowhere where most of its lines are: what only the hunk changes is
 * changed, what only the file has otherwise stays, and what both have otherwise is left to
 * the reader between markers, as `patch --merge` and diff3 do.
 */
export function mergeHunk(text: LineIndex, hunk: Hunk, guess: number, frozen: number): Merged {
  const { old } = patternOf(hunk);
  const start = Math.max(frozen, nearestPlace(text, old, guess) - 1);
  const low = Math.max(frozen, start - old.length);
  const high = Math.min(text.text.count, start + 2 * old.length);
  const area = text.text.lines.slice(low, high);
  const pairs = commonLines(old, area);
  const [first, last] = [pairs[0], pairs.at(-1)];
  if (!first || !last) return allConflict(text, hunk, Math.max(frozen, guess - 1));
  // As many of the file's lines at both ends as the hunk has there that were not found.
  const from = Math.max(0, first[1] - first[0]);
  const to = Math.min(area.length, last[1] + old.length - last[0]);
  const found = new Map(pairs);
  return { from: low + from, to: low + to, ...join(hunk, area, from, to, found) };
}

function allConflict(text: LineIndex, hunk: Hunk, wanted: number): Merged {
  const at = Math.min(wanted, text.text.count);
  const fresh = hunk.texts.filter((_, index) => hunk.ops[index] !== "-");
  return { from: at, to: at, lines: markers([], fresh), conflicts: 1 };
}

function commonStart(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length += 1;
  return length;
}

const markers = (ours: readonly string[], theirs: readonly string[]): string[] =>
  ["<<<<<<<\n", ...ours, "=======\n", ...theirs, ">>>>>>>\n"].map(ended);

/** Walks from one line that all three have to the next, and settles what is between. */
function join(
  hunk: Hunk,
  area: readonly string[],
  from: number,
  to: number,
  found: ReadonlyMap<number, number>,
): { lines: string[]; conflicts: number } {
  const lines: string[] = [];
  let conflicts = 0;
  let base: string[] = [];
  let theirs: string[] = [];
  let at = from;
  const settle = (until: number): void => {
    const ours = area.slice(at, until);
    if (same(ours, base) || same(ours, theirs)) lines.push(...theirs);
    else if (same(theirs, base)) lines.push(...ours);
    else {
      conflicts += 1;
      // What both begin or end with is no matter of dispute.
      const head = commonStart(ours, theirs);
      const tail = commonStart(ours.slice(head).toReversed(), theirs.slice(head).toReversed());
      lines.push(
        ...ours.slice(0, head),
        ...markers(ours.slice(head, ours.length - tail), theirs.slice(head, theirs.length - tail)),
        ...ours.slice(ours.length - tail),
      );
    }
    base = [];
    theirs = [];
    at = until;
  };
  let oldIndex = 0;
  for (const [index, text] of hunk.texts.entries()) {
    const op = hunk.ops[index];
    const here = op === " " ? found.get(oldIndex) : undefined;
    if (here !== undefined && here >= at) {
      settle(here);
      lines.push(text);
      at = here + 1;
    } else {
      if (op !== "+") base.push(text);
      if (op !== "-") theirs.push(text);
    }
    if (op !== "+") oldIndex += 1;
  }
  settle(to);
  return { lines, conflicts };
}

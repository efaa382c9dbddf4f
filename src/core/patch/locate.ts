import { type LineIndex, lowerBound } from "./line-index.ts";
import type { Hunk } from "./types.ts";

/** A hunk as it is looked for: the lines that must be there, and how much context frames the change. */
export interface Pattern {
  /** Line it says it starts at, from 1. */
  readonly first: number;
  readonly old: readonly string[];
  /** Context lines before the first change and after the last. */
  readonly prefix: number;
  readonly suffix: number;
}

export function patternOf(hunk: Hunk): Pattern {
  const old = hunk.texts.filter((_, index) => hunk.ops[index] !== "+");
  const prefix = /^ */.exec(hunk.ops)?.[0].length ?? 0;
  const suffix = /[-+]( *)$/.exec(hunk.ops)?.[1]?.length ?? 0;
  return { first: hunk.oldFirst, old, prefix, suffix };
}

/** Whether the pattern, less `head` lines at its start and `tail` at its end, is at line `where`. */
function matches(
  text: LineIndex,
  pattern: Pattern,
  where: number,
  head: number,
  tail: number,
): boolean {
  const { old } = pattern;
  const end = old.length - tail;
  let index = head;
  while (index < end && text.text.is(where - 1 + index, old[index] ?? "")) index += 1;
  text.budget.left -= 1 + index - head;
  return index >= end;
}

/**
 * Where a hunk fits, by GNU patch's rules ("Applying Imperfect Patches", "Fuzz Factor"):
 * at the guess, else at the nearest line, after it before before it. Fuzz ignores that
 * many lines of the longer context and, of the shorter, so many fewer. A hunk with
 * less context before than after belongs to the start of the file, and one with less
 * after to its end, until fuzz makes up the difference. `frozen` lines are done.
 */
export function locate(
  text: LineIndex,
  pattern: Pattern,
  guess: number,
  frozen: number,
  fuzz: number,
): number | undefined {
  const { old, prefix, suffix } = pattern;
  if (old.length === 0) return guess;
  const longest = Math.max(prefix, suffix);
  const head = fuzz + prefix - longest;
  const tail = fuzz + suffix - longest;
  const skip = Math.max(head, 0);
  const fits = (where: number): boolean => matches(text, pattern, where, skip, tail);
  const atStart = head < 0 && pattern.first <= 1;
  // Whatever stands there: every line is ignored by the fuzz.
  const anything = skip + tail >= old.length;
  const wanted = old.slice(skip, old.length - Math.max(tail, 0));
  // Where most hunks are: found at once, without a look at what comes after.
  if (!atStart && tail >= 0 && !anything && guess > frozen) {
    text.budget.left -= 1 + wanted.length;
    if (text.text.are(guess - 1 + skip, wanted)) return guess;
  }
  const { count } = text.text;
  const highest = count - (old.length - tail) + 1;
  if (atStart) {
    const whole = tail >= 0 || (old.length === count && prefix >= frozen);
    return whole &&
      frozen <= prefix &&
      highest >= 1 &&
      matches(text, pattern, 1, 0, Math.max(tail, 0))
      ? 1
      : undefined;
  }
  if (tail < 0) {
    const atEnd = count - old.length + 1;
    return atEnd > frozen && matches(text, pattern, atEnd, skip, 0) ? atEnd : undefined;
  }
  const range = { guess, lowest: frozen + 1, highest };
  if (anything && inRange(range, guess)) return guess;
  if (text.budget.left <= 0) return undefined;
  return nearest(range, fits, places(text, wanted, skip), () => text.budget.left > 0);
}

interface Range {
  readonly guess: number;
  readonly lowest: number;
  readonly highest: number;
}
const inRange = ({ lowest, highest }: Range, where: number): boolean =>
  where >= lowest && where <= highest;

/** The lines at which the rarest of `wanted` would be in its place; ascending. */
function places(
  text: LineIndex,
  wanted: readonly string[],
  skip: number,
): { readonly at: readonly number[]; readonly shift: number } | undefined {
  let best: { at: readonly number[]; shift: number } | undefined;
  for (const [index, line] of wanted.entries()) {
    const at = text.places(line);
    if (best === undefined || at.length < best.at.length) best = { at, shift: 1 - skip - index };
    if (at.length === 0) break;
  }
  return best;
}

/**
 * The line nearest to `guess` between `lowest` and `highest` that fits; at the same
 * distance the later one. A guess among the frozen lines is searched from as far before
 * it as `lowest` is after it, as GNU patch does: what fits there is misordered.
 */
function nearest(
  { guess, lowest, highest }: Range,
  fits: (where: number) => boolean,
  candidates: ReturnType<typeof places>,
  affordable: () => boolean,
): number | undefined {
  // Whatever stands there will do.
  if (!candidates) {
    if (guess > highest) return highest >= lowest ? highest : undefined;
    return guess < lowest ? 2 * guess - lowest : guess;
  }
  const { at, shift } = candidates;
  const least = guess < lowest ? 2 * guess - lowest : lowest;
  if (guess < lowest && least <= highest) {
    if (fits(least)) return least;
    // GNU patch looks at the end of that stretch next (distance and its negative in one step).
    if (lowest <= highest && fits(lowest)) return lowest;
  }
  let above = lowerBound(at, guess - shift);
  let below = guess < lowest ? -1 : above - 1;
  if (guess < lowest) above = lowerBound(at, least - shift);
  while (affordable()) {
    const up = (at[above] ?? Infinity) + shift;
    const down = (at[below] ?? -Infinity) + shift;
    const canUp = up <= highest;
    const canDown = down >= lowest;
    if (!canUp && !canDown) return undefined;
    if (canUp && (!canDown || up - guess <= guess - down)) {
      if (fits(up)) return up;
      above += 1;
    } else {
      if (down <= highest && fits(down)) return down;
      below -= 1;
    }
  }
  return undefined;
}

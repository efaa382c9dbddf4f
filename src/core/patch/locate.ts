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
  lines: readonly string[],
  pattern: Pattern,
  where: number,
  head: number,
  tail: number,
): boolean {
  const { old } = pattern;
  for (let index = head; index < old.length - tail; index += 1) {
    if (lines[where - 1 + index] !== old[index]) return false;
  }
  return true;
}

/**
 * Where a hunk fits, by GNU patch's rules ("Applying Imperfect Patches", "Fuzz Factor"):
 * at the guess, else at the nearest line, after it before before it. Fuzz ignores that
 * many lines of the longer context and, of the shorter, so many fewer. A hunk with
 * less context before than after belongs to the start of the file, and one with less
 * after to its end, until fuzz makes up the difference. `frozen` lines are done.
 */
export function locate(
  lines: readonly string[],
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
  const highest = lines.length - (old.length - tail) + 1;
  if (head < 0 && pattern.first <= 1) {
    const whole = tail >= 0 || (old.length === lines.length && prefix >= frozen);
    return whole &&
      frozen <= prefix &&
      highest >= 1 &&
      matches(lines, pattern, 1, 0, Math.max(tail, 0))
      ? 1
      : undefined;
  }
  const skip = Math.max(head, 0);
  if (tail < 0) {
    const atEnd = lines.length - old.length + 1;
    return atEnd > frozen && matches(lines, pattern, atEnd, skip, 0) ? atEnd : undefined;
  }
  return nearest(guess, frozen + 1, highest, (where) => matches(lines, pattern, where, skip, tail));
}

/**
 * The line nearest to `guess` between `lowest` and `highest` that fits; at the same
 * distance the later one. A guess among the frozen lines is searched from as far before
 * it as `lowest` is after it, as GNU patch does: what fits there is misordered.
 */
function nearest(
  guess: number,
  lowest: number,
  highest: number,
  fits: (where: number) => boolean,
): number | undefined {
  const up = highest - guess;
  const down = guess - lowest;
  for (
    let distance = up < 0 ? -up : down < 0 ? down : 0;
    distance <= Math.max(up, down);
    distance += 1
  ) {
    if (distance <= up && fits(guess + distance)) return guess + distance;
    if (distance <= down && fits(guess - distance)) return guess - distance;
  }
  return undefined;
}

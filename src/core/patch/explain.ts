import type { LineIndex } from "./line-index.ts";
import { locate, patternOf } from "./locate.ts";
import { reverseHunk } from "./reverse.ts";
import type { Refusal, RefusedHunk } from "./types.ts";

/** A line in more places than this says nothing about where a hunk belongs. */
const tooCommon = 100;

/** Where most lines of the hunk are, in their places relative to each other; else the guess. */
export function nearestPlace(text: LineIndex, old: readonly string[], guess: number): number {
  const votes = new Map<number, number>();
  for (const [index, line] of old.entries()) {
    const places = text.places(line);
    if (places.length > tooCommon) continue;
    for (const place of places) votes.set(place - index, (votes.get(place - index) ?? 0) + 1);
  }
  const distance = (start: number): number => Math.abs(start + 1 - guess);
  let best = guess - 1;
  for (const [start, count] of votes) {
    const lead = count - (votes.get(best) ?? 0);
    if (lead > 0 || (lead === 0 && distance(start) < distance(best))) best = start;
  }
  return best + 1;
}

const endsInCrlf = (line: string | undefined): boolean => line?.endsWith("\r\n") === true;

/** Why a hunk fits nowhere: its first line that differs at the place that comes nearest. */
export function explain(at: RefusedHunk, text: LineIndex, patch: string, path: string): Refusal {
  const { old } = patternOf(at.hunk);
  const start = nearestPlace(text, old, at.guess);
  const differs = old.findIndex((line, index) => !text.text.is(start - 1 + index, line));
  const index = Math.max(0, differs);
  const found = text.text.line(start - 1 + index);
  const undo = patternOf(reverseHunk(at.hunk));
  const looksApplied = undo.old.length > 0 && locate(text, undo, undo.first, 0, 0) !== undefined;
  return {
    patch,
    path,
    reason: at.reason,
    line: at.hunk.line,
    hunk: at.index,
    ...(old[index] === undefined ? {} : { expected: old[index] }),
    ...(found === undefined ? {} : { found }),
    foundLine: start + index,
    ...(endsInCrlf(text.text.line(0)) && !old.some(endsInCrlf) ? { crlf: true } : {}),
    looksApplied,
  };
}

import { badInput } from "../errors.ts";

/** Far above any real patch, far below what the memory holds. */
export const limits = { bytes: 256 << 20, lines: 10_000_000, hunks: 1_000_000 } as const;

/** Lines with their newlines; a last line without one stays without. `where` names the text should it have too many. */
export function splitLines(text: string, where = "a text"): string[] {
  const lines: string[] = [];
  let start = 0;
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
    if (lines.length >= limits.lines) throw tooLarge(where, `${limits.lines} lines`);
    lines.push(text.slice(start, end + 1));
    start = end + 1;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

/** A patch, or a file that one is for, beyond the limits. */
export const tooLarge = (where: string, limit: string): Error =>
  badInput("patch.too-large", {
    what: `this has more than ${limit}`,
    where,
    next: "split it into several",
  });

import type { Hunk } from "./types.ts";

const header = /^@@ -(\d{1,12})(?:,(\d{1,12}))? \+(\d{1,12})(?:,(\d{1,12}))? @@/;

export const isHunkHeader = (line: string): boolean => header.test(line);

interface Read {
  /** The hunk, or what is wrong with it. */
  readonly hunk: Hunk | string;
  /** Index of the line after it; for a broken one, the number of the offending line. */
  readonly next: number;
}

/** The kind of a line in a hunk. An empty line or a tab is context whose space was eaten (GNU patch does so too). */
const opOf = (line: string): string => {
  const first = line.charAt(0);
  return first === "\n" || first === "\t" ? " " : first;
};

/**
 * Reads the hunk whose `@@` is at `at` (GNU diffutils manual, "Detailed Description of
 * Unified Format"). The counts in its header decide where it ends, so a removed line
 * that looks like a header and a mail signature after it are told apart.
 */
export function hunkAt(lines: readonly string[], at: number): Read {
  const match = header.exec(lines[at] ?? "");
  if (!match) return { hunk: "not a hunk", next: at + 1 };
  let oldLeft = Number(match[2] ?? 1);
  let newLeft = Number(match[4] ?? 1);
  const oldFirst = Number(match[1]) + (oldLeft === 0 ? 1 : 0);
  const newFirst = Number(match[3]) + (newLeft === 0 ? 1 : 0);
  const ops: string[] = [];
  const texts: string[] = [];
  let next = at + 1;
  for (; oldLeft > 0 || newLeft > 0; next += 1) {
    const line = lines[next];
    if (line === undefined) return { hunk: "it ends within a hunk", next };
    const op = opOf(line);
    if (op === "\\" && ops.length > 0) {
      dropNewline(texts);
      continue;
    }
    if (op !== " " && op !== "-" && op !== "+")
      return { hunk: "a line that belongs to no hunk", next: next + 1 };
    if (op !== "+") oldLeft -= 1;
    if (op !== "-") newLeft -= 1;
    if (oldLeft < 0 || newLeft < 0)
      return { hunk: "more lines than the hunk's header says", next: next + 1 };
    ops.push(op);
    texts.push(op === " " && line[0] !== " " ? line : line.slice(1));
  }
  if (lines[next]?.startsWith("\\ ")) {
    dropNewline(texts);
    next += 1;
  }
  if (ops.every((op) => op === " ")) return { hunk: "a hunk that changes nothing", next: at + 1 };
  return { hunk: { line: at + 1, oldFirst, newFirst, ops: ops.join(""), texts }, next };
}

/** `\ No newline at end of file`: about the line before it. */
function dropNewline(texts: string[]): void {
  const last = texts.pop() ?? "";
  texts.push(last.endsWith("\n") ? last.slice(0, -1) : last);
}

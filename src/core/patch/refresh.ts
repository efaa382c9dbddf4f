import { splitLines } from "./lines.ts";
import type { FileDiff, PlannedFile } from "./types.ts";

const header = /^@@ -(\d+)((?:,\d+)?) \+(\d+)((?:,\d+)?) @@/;

/**
 * What two trees that share a patch agree on: a hunk that each has at another line stays where the patch
 * says. Both are plans of the same patch.
 */
export function agreed(one: readonly PlannedFile[], other: readonly PlannedFile[]): PlannedFile[] {
  return one.map((file, at) => {
    const there = new Map(other[at]?.hunks.map(({ index, offset }) => [index, offset]));
    const hunks = file.hunks.map((hunk) =>
      there.get(hunk.index) === hunk.offset ? hunk : { ...hunk, offset: 0 },
    );
    return { ...file, hunks };
  });
}

/**
 * The patch's text with the line numbers at which its hunks were found: offsets vanish, and
 * nothing else changes. `files` is what a plan without fuzz made of `diffs`, in their order.
 */
export function refreshed(
  text: string,
  diffs: readonly FileDiff[],
  files: readonly PlannedFile[],
): string {
  const lines = splitLines(text);
  for (const [at, { hunks }] of diffs.entries()) {
    const offsets = new Map(files[at]?.hunks.map(({ index, offset }) => [index, offset]));
    for (const [position, { line }] of hunks.entries()) {
      const offset = offsets.get(position + 1) ?? 0;
      lines[line - 1] = (lines[line - 1] ?? "").replace(
        header,
        (_, old: string, oldCount: string, fresh: string, freshCount: string) =>
          `@@ -${Number(old) + offset}${oldCount} +${Number(fresh) + offset}${freshCount} @@`,
      );
    }
  }
  return lines.join("");
}

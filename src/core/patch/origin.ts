import { planSeries, reversed } from "./plan.ts";
import type { Entry, FileDiff, Patch, PlannedFile } from "./types.ts";

/** Where a line of a patched file comes from. */
export interface LineOrigin {
  /** The patch's name in its series. */
  readonly patch: string;
  /** From 1, as `patch` counts, within the file's diff. */
  readonly hunk: number;
  /** The line of the patch that has it. */
  readonly line: number;
  /** The patch added it; else it is a line of the kernel's that the hunk shows around its change. */
  readonly added: boolean;
}

interface Step {
  /** In the order they were applied in, and as the patch has them: a reversed one is read backwards. */
  readonly diffs: readonly FileDiff[];
  readonly files: readonly (PlannedFile | undefined)[];
  readonly patch: Patch;
}

/**
 * Finds lines of a patched tree in the patches that made it. What the plan of taking the series out
 * says of each hunk (the line it was found at, offsets included) is what is gone by; a line that moved
 * because of a later patch is followed back. Files that are no longer as the series left them have
 * no origins.
 */
export function originsIn(
  patches: readonly Patch[],
  patched: ReadonlyMap<string, Entry>,
): (path: string, line: number) => LineOrigin | undefined {
  const backwards = reversed(patches);
  const plan = planSeries(backwards, patched, 0);
  if (plan.refusals.length > 0) return () => undefined;
  // Of a patch taken out, the last diff comes first.
  const steps = patches.toReversed().map((patch, index) => ({
    patch,
    diffs: patch.reverse ? patch.diffs.toReversed() : patch.diffs,
    files: plan.patches[index]?.files.toReversed() ?? [],
  }));
  return (path, line) => trace(path, line, steps);
}

function trace(path: string, line: number, steps: readonly Step[]): LineOrigin | undefined {
  let at = line;
  let around: LineOrigin | undefined;
  for (const { patch, diffs, files } of steps) {
    for (const [index, diff] of diffs.entries()) {
      const file = files[index];
      if (!file || (file.path !== path && file.from !== path)) continue;
      const found = inDiff(diff, patch.reverse, file, at);
      if (found.hunk !== undefined) {
        const { hunk, line: inPatch, added } = found;
        const origin = { patch: patch.name, hunk, line: inPatch, added };
        if (added) return origin;
        around ??= origin;
      }
      at = found.before;
    }
  }
  return around;
}

type InDiff =
  | { readonly before: number; readonly hunk?: undefined }
  | {
      readonly before: number;
      readonly hunk: number;
      readonly line: number;
      readonly added: boolean;
    };

/** `before`: the line's number before this diff was applied. */
function inDiff(diff: FileDiff, reverse: boolean, file: PlannedFile, at: number): InDiff {
  const [gone, come] = reverse ? ["+", "-"] : ["-", "+"];
  let grown = 0;
  for (const [position, hunk] of diff.hunks.entries()) {
    const placed = file.hunks.find((one) => one.index === position + 1);
    let here = (reverse ? hunk.oldFirst : hunk.newFirst) + (placed?.offset ?? 0);
    if (here > at) break;
    let marks = 0;
    for (const [index, op] of [...hunk.ops].entries()) {
      // `\ No newline at end of file` takes a line of the patch.
      const line = hunk.line + 1 + index + marks;
      if (hunk.texts[index]?.endsWith("\n") === false) marks += 1;
      if (op === gone) grown -= 1;
      else {
        if (op === come) grown += 1;
        if (here === at)
          return { before: at - grown, hunk: position + 1, line, added: op === come };
        here += 1;
      }
    }
  }
  return { before: at - grown };
}

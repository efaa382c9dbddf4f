import { diffArrays } from "diff/lib/diff/array.js";
import { quoteName } from "./format.ts";
import type { Entry, FileDiff, GitHeader, Hunk } from "./types.ts";

/** One line of the difference, with its number in the old and the new text. */
interface Edit {
  readonly op: " " | "-" | "+";
  readonly text: string;
}

function edits(before: readonly string[], after: readonly string[]): Edit[] {
  return diffArrays([...before], [...after]).flatMap(({ value, added, removed }) =>
    value.map((text) => ({ op: added ? "+" : removed ? "-" : " ", text }) as const),
  );
}

/** Hunks with `context` lines around each change; changes nearer than twice that share one. */
export function compareLines(
  before: readonly string[],
  after: readonly string[],
  context = 3,
): Hunk[] {
  const all = edits(before, after);
  const changed = all.flatMap(({ op }, index) => (op === " " ? [] : [index]));
  const hunks: Hunk[] = [];
  let at = 0;
  let line = { old: 1, new: 1 };
  for (let next = 0; next < changed.length;) {
    const start = Math.max(at, (changed[next] ?? 0) - context);
    let last = changed[next] ?? 0;
    while (next < changed.length && (changed[next] ?? 0) - last <= 2 * context + 1) {
      last = changed[next] ?? 0;
      next += 1;
    }
    const end = Math.min(all.length, last + context + 1);
    line = advance(line, all.slice(at, start));
    const part = all.slice(start, end);
    hunks.push({
      line: 0,
      oldFirst: line.old,
      newFirst: line.new,
      ops: part.map(({ op }) => op).join(""),
      texts: part.map(({ text }) => text),
    });
    line = advance(line, part);
    at = end;
  }
  return hunks;
}

const advance = (from: { old: number; new: number }, part: readonly Edit[]) => ({
  old: from.old + part.filter(({ op }) => op !== "+").length,
  new: from.new + part.filter(({ op }) => op !== "-").length,
});

const gitMode = (mode: number | undefined): string =>
  ((mode ?? 0o644) & 0o100) === 0 ? "100644" : "100755";

/** The diff (for -p1) from one file to another; undefined when they are the same. Only files and absence count. */
export function compareEntries(
  path: string,
  before: Entry,
  after: Entry,
  context = 3,
): FileDiff | undefined {
  const old = before.kind === "file" ? before : undefined;
  const fresh = after.kind === "file" ? after : undefined;
  if (!old && !fresh) return undefined;
  const hunks = compareLines(old?.lines ?? [], fresh?.lines ?? [], context);
  const modes = { old: gitMode(old?.mode), new: gitMode(fresh?.mode) };
  const chmod = old && fresh && modes.old !== modes.new;
  if (hunks.length === 0 && old && fresh && !chmod) return undefined;
  const git: GitHeader = {
    names: `${quoteName(`a/${path}`)} ${quoteName(`b/${path}`)}`,
    ...(old ? {} : { created: true, newMode: modes.new }),
    ...(fresh ? {} : { deleted: true, oldMode: modes.old }),
    ...(chmod ? { oldMode: modes.old, newMode: modes.new } : {}),
  };
  return {
    line: 0,
    old: old ? { path: `a/${path}`, epoch: false } : { path: undefined, epoch: true },
    new: fresh ? { path: `b/${path}`, epoch: false } : { path: undefined, epoch: true },
    // Always: a mode change without it, before a plain diff, would take that diff for its own.
    git,
    binary: false,
    hunks,
  };
}

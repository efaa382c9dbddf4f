import type { FileDiff, GitHeader, Hunk } from "./types.ts";

const swapped: Readonly<Record<string, string>> = { "-": "+", "+": "-", " ": " " };

export const reverseHunk = (hunk: Hunk): Hunk => ({
  ...hunk,
  oldFirst: hunk.newFirst,
  newFirst: hunk.oldFirst,
  ops: hunk.ops.replaceAll(/[-+]/g, (op) => swapped[op] ?? op),
});

/** Undefined values are left out, so that spreads and comparisons see no difference. */
const defined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;

const reverseGit = (git: GitHeader): GitHeader =>
  defined({
    ...git,
    oldMode: git.newMode,
    newMode: git.oldMode,
    created: git.deleted,
    deleted: git.created,
    from: git.to,
    to: git.from,
  } as GitHeader);

/** The diff that undoes `diff`. A copy's is still called a copy; planning knows that its old name goes. */
export const reverseDiff = (diff: FileDiff): FileDiff =>
  defined({
    ...diff,
    old: diff.new,
    new: diff.old,
    git: diff.git && reverseGit(diff.git),
    hunks: diff.hunks.map(reverseHunk),
  } as FileDiff);

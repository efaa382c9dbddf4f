import type { FileDiff, GitHeader, Hunk } from "./types.ts";

const swapped: Readonly<Record<string, string>> = { "-": "+", "+": "-", " ": " " };

/** Of each change the removed lines come first, as in any diff. */
export function reverseHunk(hunk: Hunk): Hunk {
  const ops: string[] = [];
  const texts: string[] = [];
  let added: string[] = [];
  const flush = (): void => {
    for (const text of added) {
      ops.push("+");
      texts.push(text);
    }
    added = [];
  };
  for (const [index, text] of hunk.texts.entries()) {
    const op = swapped[hunk.ops[index] ?? " "] ?? " ";
    if (op === "+") {
      added.push(text);
      continue;
    }
    if (op === " ") flush();
    ops.push(op);
    texts.push(text);
  }
  flush();
  return { ...hunk, oldFirst: hunk.newFirst, newFirst: hunk.oldFirst, ops: ops.join(""), texts };
}

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

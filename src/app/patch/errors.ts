import { environment, failure, TarpitError } from "../../core/errors.ts";
import type { Refusal, RefusalReason } from "../../core/patch/index.ts";
import type { AppliedSeries } from "./state.ts";

const fullDisk = new Set(["ENOSPC", "EDQUOT"]);
const forbidden = new Set([
  "EACCES",
  "EPERM",
  "EROFS",
  "EXDEV",
  "EISDIR",
  "ENOTDIR",
  "EMFILE",
  "EIO",
]);

/** What stopped us from writing, in words; other errors as they are. */
export function writeTrouble(error: unknown, tree: string): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (error instanceof TarpitError || code === undefined) return error;
  const where = `${path ?? tree} (${code})`;
  if (fullDisk.has(code)) {
    return environment("patch.disk-full", {
      what: "the disk is full; the tree is as it was",
      where,
      next: "make room there, then run this again",
    });
  }
  if (!forbidden.has(code)) return error;
  return environment("patch.not-writable", {
    what: "the tree cannot be written; it is as it was",
    where,
    next: "give yourself write permission there, or patch a copy of the tree",
  });
}

export const undoFailed = (error: unknown, tree: string): Error =>
  environment("patch.undo-failed", {
    what: "writing failed, and so did putting the old files back",
    where: `${tree}: ${error instanceof Error ? error.message : String(error)}`,
    next: "make room or give permission there, then run the same command again: it finishes the work",
  });

export const unrecorded = (error: unknown, tree: string): Error =>
  environment("patch.unrecorded", {
    what: "all files are in place, but that could not be recorded",
    where: `${tree}: ${error instanceof Error ? error.message : String(error)}`,
    next: "make room or give permission there, then run the same command again: it finishes the work",
  });

export const lockedTree = (error: Error, tree: string): Error =>
  environment("patch.locked", {
    what: "another run is patching this tree",
    where: `${tree}: ${error.message}`,
    next: "run this again when it has ended",
  });

export const interrupted = (tree: string): Error =>
  failure("patch.interrupted", {
    what: "an earlier run was cut off in this tree",
    where: tree,
    next: "run without --check: it finishes or takes back what that run has begun",
  });

export const localChanges = (tree: string, series: string, paths: readonly string[]): Error =>
  failure("patch.local-changes", {
    what: `the tree has ${series}, and files it touches were changed since`,
    where: tree,
    next: "take your changes out of these files and put them back afterwards; or remove .tarpit-kit, then the sources alone decide",
    evidence: paths,
    data: { series, paths },
  });

export const otherVersion = (tree: string, series: string): Error =>
  failure("patch.other-version", {
    what: `the tree has another version of ${series}, or only other patches of it`,
    where: tree,
    next: `take it out first: tarpit-kit patch --reverse --series ${series} ${tree}`,
    data: { series },
  });

export const unresolvedBefore = (
  tree: string,
  { series, unresolved, patches }: AppliedSeries,
): Error =>
  failure("patch.half-patched", {
    what: `the tree has a part of ${series}: ${unresolved} hunks of ${patches.at(-1)?.name} were rejected or left between markers`,
    where: tree,
    next: `take it out: tarpit-kit patch --reverse --series ${series} ${tree}; or put these hunks in by hand and remove .tarpit-kit`,
    data: { series, unresolved },
  });

export const laterSeries = (tree: string, series: string, later: string): Error =>
  failure("patch.order", {
    what: `${later} was applied on top of ${series}, to the same files`,
    where: tree,
    next: `take it out first: tarpit-kit patch --reverse --series ${later} ${tree}`,
    data: { series, later },
  });

const reasons: Readonly<Record<RefusalReason, string>> = {
  "no-match": "the hunk fits nowhere",
  "no-newline": "the hunk adds lines after one that ends the file without a newline",
  "too-costly":
    "the search for this hunk was given up: its lines are in too many places of the file",
  missing: "there is no such file",
  exists: "the patch creates this file, but it is there",
  "content-left": "the patch removes this file, but it has more lines than the patch knows",
  "content-differs": "the copy is not what the patch made",
  "not-a-file":
    "this is no regular file of the tree (a symbolic link, a directory, or below a link)",
  "unsafe-path":
    "the patch names a path outside of the tree, in .git or .tarpit-kit, or one that is not UTF-8",
  binary: "a binary diff; only text can be patched",
  unsupported: "the patch makes a symbolic link or a submodule, which is not supported",
};

const shown = (line: string): string => {
  const text = Buffer.from(line.replace(/\n$/, ""), "latin1").toString("utf8");
  return line.endsWith("\n") ? text : `${text} (no newline)`;
};

/** Marks the words that differ, as `git diff --word-diff` does. */
async function wordDiff(expected: string, found: string): Promise<string> {
  const { diffWordsWithSpace } = await import("diff");
  const parts = diffWordsWithSpace(shown(expected), shown(found), { timeout: 200 }) ?? [];
  return parts
    .map(({ value, added, removed }) => (added ? `{+${value}+}` : removed ? `[-${value}-]` : value))
    .join("");
}

async function describe(refusal: Refusal): Promise<string[]> {
  const { patch, path, hunk, line, reason, expected, found, foundLine, crlf, looksApplied } =
    refusal;
  const lines = [
    `${path}${hunk === undefined ? "" : `: hunk ${hunk}`} (${patch}:${line}): ${reasons[reason]}`,
  ];
  if (reason === "no-match" && expected !== undefined) {
    lines.push(`  wanted at line ${foundLine}: ${shown(expected)}`);
    lines.push(
      `  the tree has:       ${found === undefined ? "(the end of the file)" : shown(found)}`,
    );
    if (found !== undefined && expected.length + found.length < 1000) {
      lines.push(`  difference:         ${await wordDiff(expected, found)}`);
    }
  }
  if (crlf) lines.push("  the file has CRLF line ends, the patch has not");
  if (looksApplied) lines.push("  it looks already applied");
  return lines;
}

/** The first refusals in words. */
export const describeRefusals = async (refusals: readonly Refusal[]): Promise<string[]> =>
  (await Promise.all(refusals.slice(0, 20).map(describe))).flat();

interface Refused {
  readonly tree: string;
  readonly series: string;
  readonly refusals: readonly Refusal[];
  readonly reverse: boolean;
  /** Patches that are in the tree already, when that is so of a part of the series. */
  readonly present: readonly string[];
  /** Our series that would fit the tree. */
  readonly fitting?: readonly string[];
}

/** A part of the series is in the tree, or a hunk does not fit: nothing was changed. */
export async function refused({
  tree,
  series,
  refusals,
  reverse,
  present,
  fitting = [],
}: Refused): Promise<Error> {
  const half = present.length > 0 || refusals.some(({ looksApplied }) => looksApplied);
  const evidence = await describeRefusals(refusals);
  const hunks = refusals.length;
  const data = { series, refusals, present, fitting };
  if (half && !reverse) {
    return failure("patch.half-patched", {
      what: `the tree has a part of ${series}; nothing was changed`,
      where: tree,
      next: "put the files named here back as they came (or take that part out with patch -R), then run this again",
      evidence: [...present.map((name) => `in the tree already: ${name}`), ...evidence],
      data,
    });
  }
  return failure("patch.refused", {
    what: `${hunks} ${hunks === 1 ? "hunk does" : "hunks do"} not fit; nothing was changed`,
    where: `${tree}, series ${series}`,
    next:
      fitting.length > 0
        ? `this series fits the tree: tarpit-kit patch --series ${fitting[0]} ${tree}`
        : "see the lines above; --fuzz 1 to 3 ignores that much context, --reject and --merge leave the rest to you",
    evidence,
    data,
  });
}

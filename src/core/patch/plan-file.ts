import { applyHunks, type Applied } from "./apply.ts";
import type { Budget } from "./line-index.ts";
import { explain } from "./explain.ts";
import { rejectText } from "./reject.ts";
import { gitNames, treePath } from "./names.ts";
import { targetOf } from "./target.ts";
import { type FileEntry, fileEntry, textOf } from "./entry.ts";
import { Text } from "./text.ts";
import type { PlannedTree } from "./tree.ts";
import type {
  Entry,
  FileAction,
  FileDiff,
  OnRefusal,
  Patch,
  PlannedFile,
  Refusal,
  RefusalReason,
} from "./types.ts";

export interface Context {
  readonly patch: Patch;
  readonly tree: PlannedTree;
  readonly fuzz: number;
  readonly budget: Budget;
  readonly onRefusal: OnRefusal;
  /** Files that git renames or copies, as they were before this patch. */
  readonly start: ReadonlyMap<string, Entry>;
  /** Names that become free in this patch. */
  readonly leaving: ReadonlySet<string>;
  /** Names this patch has written. */
  readonly written: Set<string>;
}

export interface FileResult {
  readonly file?: PlannedFile;
  readonly refusals: readonly Refusal[];
  /** Hunks that did not fit and were rejected or left between markers: the file is planned all the same. */
  readonly unresolved?: readonly Refusal[];
}

const emptyFile: FileEntry = fileEntry(new Text(""), undefined);

/** How sure the diff is that a side does not exist: 2 it says so, 1 that side is empty, 0 neither. */
function nonexistence(diff: FileDiff, side: "old" | "new"): 0 | 1 | 2 {
  const git = side === "old" ? diff.git?.created : diff.git?.deleted;
  const hunk = diff.hunks[0];
  if (git === true) return 2;
  const empty =
    hunk !== undefined &&
    diff.hunks.length === 1 &&
    !hasLines(hunk.ops, side === "old" ? "+" : "-");
  const first = side === "old" ? hunk?.oldFirst : hunk?.newFirst;
  // `-0,0` or `+0,0`: stored as the line after.
  if (!empty || first !== 1) return 0;
  return diff[side]?.epoch === true ? 2 : 1;
}

const hasLines = (ops: string, other: "+" | "-"): boolean => [...ops].some((op) => op !== other);

/** Only regular files: 100644 and 100755 (git-fast-import and GNU patch know more; see docs). */
const isRegular = (mode: string | undefined): boolean =>
  mode === undefined || /^100[0-7]{3}$/.test(mode);

/** git keeps one bit of a mode, the owner's x; the other bits stay as they are. */
function withMode(mode: number | undefined, wanted: string | undefined): number | undefined {
  if (wanted === undefined) return mode;
  const executable = (Number.parseInt(wanted, 8) & 0o100) !== 0;
  if (mode === undefined) return executable ? 0o755 : undefined;
  return executable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111;
}

/** Plans one file diff of a patch and puts the result into the planned tree. */
export function planFile(diff: FileDiff, context: Context): FileResult {
  const { patch, tree } = context;
  // No header but this one line: GNU patch and git take it for prose.
  if (diff.binary === "named" && !diff.git) return leftAlone(nameAsWritten(diff));
  const target = targetOf(diff, patch.strip, tree);
  const refuse = (path: string, reason: RefusalReason, looksApplied = false): FileResult => ({
    refusals: [{ patch: patch.name, path, reason, line: diff.line, looksApplied }],
  });
  if ("unsafe" in target && target.unsafe !== undefined)
    return refuse(target.unsafe, "unsafe-path");
  if (!("from" in target)) return refuse(nameAsWritten(diff), "missing");
  if (diff.binary === "data") return refuse(target.to, "binary");
  if (!isRegular(diff.git?.oldMode) || !isRegular(diff.git?.newMode))
    return refuse(target.to, "unsupported");
  const input = inputOf(diff, target, context);
  if ("reason" in input) return refuse(target.to, input.reason, input.looksApplied);
  if (context.budget.left <= 0) return refuse(target.to, "too-costly");
  const merge = context.onRefusal === "merge";
  const applied = applyHunks(textOf(input.entry), diff.hunks, context.fuzz, merge, context.budget);
  const unresolved = applied.refused.map((at) =>
    explain(at, applied.text, patch.name, target.from),
  );
  const stop = unresolved.length > 0 && context.onRefusal === "stop";
  if (stop || (unresolved.length > 0 && nonexistence(diff, "new") === 2))
    return { refusals: unresolved };
  const result = settle(diff, { ...target, ...input }, applied, context, refuse);
  if (unresolved.length === 0 || result.refusals.length > 0) return result;
  const rejects = `${target.to}.rej`;
  if (!merge) {
    if (tree.get(rejects).kind !== "absent" || treePath(rejects) === undefined)
      return refuse(rejects, "exists");
    tree.set(rejects, fileEntry(new Text(rejectText(target.to, applied.refused)), undefined));
  }
  return { ...result, unresolved };
}

const leftAlone = (path: string): FileResult => ({
  file: { path, action: "leave", hunks: [], bytesMissing: true },
  refusals: [],
});

const nameAsWritten = ({ old, new: fresh, index, git }: FileDiff): string => {
  const name = fresh?.path ?? old?.path ?? index ?? git?.to ?? git?.names ?? "(no name)";
  return Buffer.from(name, "latin1").toString("utf8");
};

interface Input {
  readonly entry: FileEntry;
  readonly creates: boolean;
}
interface NoInput {
  readonly reason: RefusalReason;
  readonly looksApplied: boolean;
}

/** What the hunks are applied to, or why they cannot be. */
function inputOf(
  diff: FileDiff,
  target: { from: string; to: string },
  context: Context,
): Input | NoInput {
  const { tree, start, leaving } = context;
  const move = diff.git?.move;
  const entry = (move === undefined ? undefined : start.get(target.from)) ?? tree.get(target.from);
  const old = nonexistence(diff, "old");
  if (entry.kind === "absent") {
    if (move === undefined && old > 0) return { entry: emptyFile, creates: true };
    const looksApplied =
      nonexistence(diff, "new") === 2 || (move === "rename" && tree.get(target.to).kind === "file");
    return { reason: "missing", looksApplied };
  }
  if (entry.kind !== "file") return { reason: "not-a-file", looksApplied: false };
  // Creating an empty file again is what GNU patch lets pass, git does not.
  if (move === undefined && old === 2 && (textOf(entry).length > 0 || diff.git !== undefined)) {
    const made = diff.hunks[0]?.texts ?? [];
    return { reason: "exists", looksApplied: textOf(entry).text === made.join("") };
  }
  if (
    target.to !== target.from &&
    !undoesCopy(diff, context) &&
    tree.get(target.to).kind !== "absent" &&
    !leaving.has(target.to)
  ) {
    return { reason: "exists", looksApplied: false };
  }
  return { entry, creates: false };
}

/** A copy taken back: the copy goes, if it still is what the patch made of its source. */
const undoesCopy = (diff: FileDiff, { patch }: Context): boolean =>
  diff.git?.move === "copy" && patch.reverse;

function settle(
  diff: FileDiff,
  input: Input & { readonly from: string; readonly to: string },
  applied: Applied,
  context: Context,
  refuse: (path: string, reason: RefusalReason) => FileResult,
): FileResult {
  const { tree, written } = context;
  const { from, to, entry } = input;
  const report = (action: FileAction): FileResult => ({
    file: {
      path: to,
      action,
      ...(from === to ? {} : { from }),
      hunks: applied.placed,
      ...(applied.merged === 0 ? {} : { merged: applied.merged }),
      ...(diff.binary === false ? {} : { bytesMissing: true }),
    },
    refusals: [],
  });
  if (undoesCopy(diff, context)) {
    const source = tree.get(to);
    if (source.kind !== "file" || !textOf(source).equals(applied.output))
      return refuse(from, "content-differs");
    tree.remove(from);
    return { file: { path: from, action: "delete", hunks: applied.placed }, refusals: [] };
  }
  if (nonexistence(diff, "new") === 2) {
    if (applied.output.length > 0) return refuse(to, "content-left");
    tree.remove(to);
    return report("delete");
  }
  if (tree.isBelowFile(to)) return refuse(to, "not-a-file");
  if (diff.git?.move === "rename" && from !== to && !written.has(from)) tree.remove(from);
  tree.set(to, fileEntry(applied.output, withMode(entry.mode, diff.git?.newMode)));
  written.add(to);
  return report(actionOf(diff, input.creates));
}

function actionOf(diff: FileDiff, creates: boolean): FileAction {
  if (diff.git?.move !== undefined && gitNames(diff.git, 0).from !== gitNames(diff.git, 0).to)
    return diff.git.move;
  if (creates) return "create";
  if (diff.binary !== false) return "leave";
  return diff.hunks.length === 0 ? "mode" : "modify";
}

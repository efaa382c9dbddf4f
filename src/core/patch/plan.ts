import { type Budget, budgetFor } from "./line-index.ts";
import { planFile } from "./plan-file.ts";
import { reverseDiff } from "./reverse.ts";
import { candidates } from "./target.ts";
import { treePath } from "./names.ts";
import { textOf } from "./entry.ts";
import { PlannedTree } from "./tree.ts";
import type { Entry, FileDiff, OnRefusal, Patch, PlannedPatch, Refusal } from "./types.ts";

export interface Plan {
  /** Every path whose entry is another one afterwards. Empty when something was refused. */
  readonly changes: ReadonlyMap<string, { readonly before: Entry; readonly after: Entry }>;
  readonly patches: readonly PlannedPatch[];
  /** All refusals of the first patch that does not fit; later ones are not tried. */
  readonly refusals: readonly Refusal[];
  /** Hunks of the last patch here that were rejected or left between markers; later patches are not tried. */
  readonly unresolved: readonly Refusal[];
}

/** Patches in the order, and with the diffs in the direction, in which they are to be applied. */
export const reversed = (patches: readonly Patch[]): Patch[] =>
  patches.map((patch) => ({ ...patch, reverse: !patch.reverse })).toReversed();

/** The diffs of a patch in the direction it says; taken out, the last comes first. */
export const directed = (patch: Patch): readonly FileDiff[] =>
  patch.reverse ? patch.diffs.map(reverseDiff).toReversed() : patch.diffs;

/** Every path that these patches may read or write: what a snapshot for planSeries must have. */
export function touchedPaths(patches: readonly Patch[], rejects = false): string[] {
  const names = patches.flatMap(({ diffs, strip }) =>
    diffs.flatMap((diff) =>
      candidates(diff, strip).flatMap((name) => (rejects ? [name, `${name}.rej`] : [name])),
    ),
  );
  return [...new Set(names.map(treePath).filter((path) => path !== undefined))].toSorted();
}

/**
 * Plans a whole series on a snapshot of the tree, each patch on the result of the ones
 * before it. Nothing is read or written here.
 */
export function planSeries(
  patches: readonly Patch[],
  before: ReadonlyMap<string, Entry>,
  fuzz: number,
  onRefusal: OnRefusal = "stop",
): Plan {
  const tree = new PlannedTree(before);
  const planned: PlannedPatch[] = [];
  for (const patch of patches) {
    const options = { fuzz, onRefusal, budget: budgetFor(sizeOf(patch, tree)) };
    const { refusals, unresolved } = planPatch(patch, tree, options, planned);
    if (refusals.length > 0)
      return { changes: new Map(), patches: planned, refusals, unresolved: [] };
    if (unresolved.length > 0)
      return { changes: changesOf(tree, before), patches: planned, refusals, unresolved };
  }
  return { changes: changesOf(tree, before), patches: planned, refusals: [], unresolved: [] };
}

/** Lines of the patch and of the files that it is for. */
function sizeOf(patch: Patch, tree: PlannedTree): number {
  let lines = 0;
  for (const { hunks } of patch.diffs) for (const { texts } of hunks) lines += texts.length;
  const names = new Set(patch.diffs.flatMap((diff) => candidates(diff, patch.strip)));
  for (const name of names) {
    const entry = tree.get(treePath(name) ?? name);
    if (entry.kind === "file") lines += textOf(entry).weight;
  }
  return lines;
}

/** Names that a diff of this patch moves away or deletes: another one may take them. */
function leaving(patch: Patch, diffs: readonly FileDiff[]): ReadonlySet<string> {
  const going = diffs.filter(({ git }) => git?.deleted === true || git?.move === "rename");
  return new Set(
    going
      .flatMap((diff) => candidates(diff, patch.strip).slice(0, 1).map(treePath))
      .filter((path) => path !== undefined),
  );
}

function planPatch(
  patch: Patch,
  tree: PlannedTree,
  options: { readonly fuzz: number; readonly onRefusal: OnRefusal; readonly budget: Budget },
  planned: PlannedPatch[],
): { refusals: readonly Refusal[]; unresolved: readonly Refusal[] } {
  const diffs = directed(patch);
  // git names in renames and copies mean the files as they were before the whole patch.
  const start = new Map<string, Entry>();
  const context = {
    patch,
    tree,
    ...options,
    start,
    leaving: leaving(patch, diffs),
    written: new Set<string>(),
  };
  for (const diff of diffs) {
    if (diff.git?.move === undefined) continue;
    for (const name of candidates(diff, patch.strip))
      start.set(treePath(name) ?? name, tree.get(treePath(name) ?? name));
  }
  const results = diffs.map((diff) => planFile(diff, context));
  planned.push({ name: patch.name, files: results.flatMap(({ file }) => (file ? [file] : [])) });
  return {
    refusals: results.flatMap(({ refusals }) => refusals),
    unresolved: results.flatMap(({ unresolved }) => unresolved ?? []),
  };
}

function sameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  if (a.kind !== "file" || b.kind !== "file") return a.kind === b.kind;
  return a.mode === b.mode && textOf(a).equals(textOf(b));
}

function changesOf(tree: PlannedTree, before: ReadonlyMap<string, Entry>) {
  const changes = new Map<string, { before: Entry; after: Entry }>();
  for (const [path, after] of tree.changed()) {
    const old = before.get(path) ?? { kind: "absent" };
    if (!sameEntry(old, after)) changes.set(path, { before: old, after });
  }
  return changes;
}

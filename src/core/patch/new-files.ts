import { targetOf } from "./target.ts";
import { planFile } from "./plan-file.ts";
import { directed } from "./plan.ts";
import { type FileEntry, textOf } from "./entry.ts";
import { PlannedTree } from "./tree.ts";
import type { Patch } from "./types.ts";

/** The bytes of a file. */
export const toBytes = (entry: FileEntry): Buffer => textOf(entry).bytes;

/**
 * The files that a series creates, as they are after all of it: what an out-of-tree
 * build of the target needs. Diffs of files that the tree brings are left out.
 */
export function newFiles(patches: readonly Patch[]): { path: string; bytes: Buffer }[] {
  const tree = new PlannedTree(new Map());
  for (const patch of patches) {
    const context = {
      patch,
      tree,
      fuzz: 0,
      budget: { left: Infinity },
      onRefusal: "stop" as const,
      start: new Map(),
      leaving: new Set<string>(),
      written: new Set<string>(),
    };
    for (const diff of directed(patch)) {
      const target = targetOf(diff, patch.strip, tree);
      if ("from" in target) planFile(diff, context);
    }
  }
  return [...tree.changed()].flatMap(([path, entry]) =>
    entry.kind === "file" ? [{ path, bytes: toBytes(entry) }] : [],
  );
}

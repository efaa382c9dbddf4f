import { createHash } from "node:crypto";
import { formatPatch } from "./format.ts";
import { toBytes } from "./new-files.ts";
import { parsePatch } from "./parse.ts";
import { directed, planSeries, type Plan, reversed, touchedPaths } from "./plan.ts";
import { fileEntry } from "./entry.ts";
import { Text } from "./text.ts";
import type { Entry, OnRefusal, Patch } from "./types.ts";

/**
 * The package's `tarpit-kit/patch` export: the engine in five verbs. Nothing here reads or
 * writes a file; a tree is a map from paths to bytes. docs/patch.md has an example.
 */
export type { Plan } from "./plan.ts";
export type * from "./types.ts";

/** A regular file: its bytes, and its permission bits when they matter. */
export interface TreeFile {
  readonly bytes: Uint8Array;
  readonly mode?: number;
}
/** Paths relative to the tree, with `/` between components. What is not in it does not exist. */
export type Tree = ReadonlyMap<string, TreeFile>;

export interface ParseOptions {
  /** Names it in messages; default: `patch`. */
  readonly name?: string;
  /** -p: leading components that are taken off names; default: 1. */
  readonly strip?: number;
}

/** Reads a patch. Throws an Error whose `code` is `patch.malformed` when it is damaged, `patch.too-large` beyond the limits. */
export function parse(patch: string | Uint8Array, options: ParseOptions = {}): Patch {
  const { name = "patch", strip = 1 } = options;
  const bytes = typeof patch === "string" ? Buffer.from(patch, "utf8") : Buffer.from(patch);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { name, strip, reverse: false, sha256, diffs: parsePatch(bytes.toString("latin1"), name) };
}

/** Every path that these patches may read or write: what the tree given to plan must have, if it exists. */
export const paths = (patches: readonly Patch[]): string[] => touchedPaths(patches);

export interface PlanOptions {
  /** Context lines that need not match, as `patch -F`; default: 0. */
  readonly fuzz?: number;
  /** What becomes of hunks that fit nowhere; default: the plan ends, with refusals and no changes. */
  readonly onRefusal?: OnRefusal;
}

/** Finds a place for every hunk of a series, each patch on the result of those before it. Look at `refusals` first. */
export const plan = (patches: readonly Patch[], tree: Tree, options: PlanOptions = {}): Plan =>
  planSeries(patches, entriesOf(tree), options.fuzz ?? 0, options.onRefusal);

/** The tree after a plan, which has to be made for this very tree. */
export function apply({ changes }: Plan, tree: Tree): Map<string, TreeFile> {
  const after = new Map(tree);
  for (const [path, { after: entry }] of changes) {
    if (entry.kind === "file")
      after.set(path, {
        bytes: toBytes(entry),
        ...(entry.mode === undefined ? {} : { mode: entry.mode }),
      });
    else after.delete(path);
  }
  return after;
}

/** The series that undoes this one: the last patch first, each the other way round. */
export const reverse = (patches: readonly Patch[]): Patch[] => reversed(patches);

/** The patch as a plain unified diff, in the direction it is in; prose around it is not kept. */
export const format = (patch: Patch): Uint8Array => {
  const diffs = patch.reverse ? directed(patch) : patch.diffs;
  return Buffer.from(formatPatch(diffs), "latin1");
};

function entriesOf(tree: Tree): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [path, { bytes, mode }] of tree) {
    entries.set(path, fileEntry(new Text(Buffer.from(bytes), path), mode));
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth += 1)
      entries.set(parts.slice(0, depth).join("/"), { kind: "directory" });
  }
  return entries;
}

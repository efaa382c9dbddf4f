import { gitNames, treePath, stripName } from "./names.ts";
import type { PlannedTree } from "./tree.ts";
import type { FileDiff } from "./types.ts";

/** Where a file diff reads and writes. */
export interface Target {
  readonly from: string;
  readonly to: string;
}

/** Of each diff, which is asked for them several times. */
const found = new WeakMap<
  FileDiff,
  { readonly strip: number; readonly names: readonly string[] }
>();

/** The names a file diff may mean, without their leading components, in the order old, new, Index. */
export function candidates(diff: FileDiff, strip: number): readonly string[] {
  const known = found.get(diff);
  if (known?.strip === strip) return known.names;
  const names = namesOf(diff, strip);
  found.set(diff, { strip, names });
  return names;
}

function namesOf(diff: FileDiff, strip: number): string[] {
  const git = diff.git ? gitNames(diff.git, strip) : undefined;
  const written = [diff.old?.path, diff.new?.path, diff.index].map((path) =>
    path === undefined ? undefined : stripName(path, strip),
  );
  const names = diff.git?.move === undefined ? [...written, git?.to] : [git?.from, git?.to];
  return [...new Set(names.filter((name) => name !== undefined))];
}

const components = (path: string): number => path.split("/").length;
const baseLength = (path: string): number => path.length - path.lastIndexOf("/") - 1;

/**
 * The best of several names, by GNU patch's rules ("Multiple Patches in a File", file
 * name selection): fewest components, then the shortest last one, then the shortest
 * name, then the first.
 */
const best = (names: readonly string[]): string | undefined =>
  names.toSorted(
    (a, b) => components(a) - components(b) || baseLength(a) - baseLength(b) || a.length - b.length,
  )[0];

/** Says why there is no target: a name that is not safe, or none at all. */
export type NoTarget =
  | { readonly unsafe: string }
  | { readonly unsafe?: undefined; readonly none: true };

/**
 * The file a diff is about. git's rename and copy lines name two; otherwise it is the
 * best name that exists, and for a file to create the best of those that need the
 * fewest new directories.
 */
export function targetOf(diff: FileDiff, strip: number, tree: PlannedTree): Target | NoTarget {
  const names = candidates(diff, strip);
  const unsafe = names.find((name) => treePath(name) === undefined);
  if (unsafe !== undefined) return { unsafe };
  const safe = names.map((name) => treePath(name) as string);
  if (diff.git?.move !== undefined) {
    const [from, to] = safe;
    return from === undefined || to === undefined ? { none: true } : { from, to };
  }
  const existing = best(safe.filter((name) => tree.get(name).kind !== "absent"));
  const chosen = existing ?? best(fewestNewDirectories(safe, tree));
  return chosen === undefined ? { none: true } : { from: chosen, to: chosen };
}

function fewestNewDirectories(names: readonly string[], tree: PlannedTree): string[] {
  const counts = names.map((name) => tree.missingDirectories(name));
  const least = Math.min(...counts);
  return names.filter((_, index) => counts[index] === least);
}

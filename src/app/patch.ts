import { join } from "node:path";
import type { Lock, Ports } from "../ports.ts";
import { decide, type Decision } from "./patch/decide.ts";
import { interrupted, lockedTree, writeTrouble } from "./patch/errors.ts";
import { leftover, recover } from "./patch/journal.ts";
import { loadSeries, type LoadedSeries } from "./patch/load.ts";
import { openTree } from "./patch/read.ts";
import { ownDirectory } from "./patch/state.ts";
import { perform } from "./patch/write.ts";
import type { PatchRequest, PatchResult } from "./patch/types.ts";
import { refuseMangledTree, requireKernelTree } from "./tree.ts";

export type { PatchOutcome, PatchRequest, PatchResult } from "./patch/types.ts";
export { loadSeries, type LoadedSeries } from "./patch/load.ts";

/** Applies a series to a tree, or takes it out: all of it, or nothing. */
export async function patchTree(request: PatchRequest, ports: Ports): Promise<PatchResult> {
  const tree = await openTree(request.tree, ports);
  const version = request.series === undefined ? await requireKernelTree(tree, ports) : undefined;
  if (version) await refuseMangledTree(tree, ports);
  const series = await loadSeries(ports, request.series, version);
  if (request.check) return (await checkOnly(request, tree, series, ports)).result;
  const lock = await lockTree(tree, ports);
  if (!lock) return withoutWriting(request, tree, series, ports);
  try {
    await recover(tree, ports);
    const { result, work } = await decide(request, tree, series, ports);
    if (work) await perform(tree, series.name, work, ports);
    return result;
  } finally {
    await unlock(tree, lock, ports);
  }
}

async function checkOnly(
  request: PatchRequest,
  tree: string,
  series: LoadedSeries,
  ports: Ports,
): Promise<Decision> {
  const left = await leftover(tree, ports);
  if (left === "journal" || left === "undo") throw interrupted(tree);
  return decide(request, tree, series, ports);
}

/** Undefined for a tree that cannot be written. */
async function lockTree(tree: string, ports: Ports): Promise<Lock | undefined> {
  try {
    return await ports.files.lock(join(tree, ownDirectory, "lock"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw lockedTree(error as Error, tree);
    if (code === "EACCES" || code === "EROFS" || code === "EPERM") return undefined;
    throw writeTrouble(error, tree);
  }
}

/** A tree that cannot be written is fine as long as nothing has to be. */
async function withoutWriting(
  request: PatchRequest,
  tree: string,
  series: LoadedSeries,
  ports: Ports,
): Promise<PatchResult> {
  const { result, work } = await checkOnly(request, tree, series, ports);
  if (!work) return result;
  throw writeTrouble(Object.assign(new Error("read-only"), { code: "EACCES", path: tree }), tree);
}

/**
 * Our directory goes with the lock when nothing else is in it; while we hold the lock
 * nobody else adds to it. The work is done by now: what cannot be cleared up stays.
 */
async function unlock(tree: string, lock: Lock, ports: Ports): Promise<void> {
  const own = join(tree, ownDirectory);
  try {
    const left = await ports.files.list(own);
    if (left.length === 1 && left[0] === "lock") await ports.files.remove(own);
    await lock.release();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    ports.log.detail(`${own} could not be cleared up: ${why}`);
  }
}

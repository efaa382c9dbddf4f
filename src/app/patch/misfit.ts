import { type Patch, type Plan, planSeries, touchedPaths } from "../../core/patch/index.ts";
import { refused } from "./errors.ts";
import { loadSeries, ownSeries } from "./load.ts";
import { takeSnapshot } from "./read.ts";
import type { PatchResult } from "./types.ts";
import { isIn, nothingIn, report, type Scene } from "./scene.ts";

/** Not a fit: because it is in the tree already, whole or in part, or because the tree is another one. */
export async function cannotApply(
  scene: Scene,
  patches: readonly Patch[],
  plan: Plan,
): Promise<{ readonly result: PatchResult }> {
  const { tree, series, own } = scene;
  if (!own && isIn(scene, patches)) {
    return { result: report(scene, "already-applied", nothingIn(patches, "already-applied")) };
  }
  const present = presentOf(scene, patches, plan);
  throw await refused({
    tree,
    series: series.name,
    refusals: plan.refusals,
    reverse: false,
    present,
    fitting: present.length > 0 ? [] : await fittingSeries(scene),
  });
}

/**
 * The patches that are in the tree already, if the one that does not fit is among them. (One
 * that undoes what an earlier one of the series does can be taken out of a tree it was never
 * in.) A patch that changes nothing proves nothing.
 */
function presentOf(scene: Scene, patches: readonly Patch[], plan: Plan): string[] {
  const present = patches
    .filter((patch) => patch.diffs.length > 0 && isIn(scene, [patch]))
    .map(({ name }) => name);
  return plan.refusals.some(({ patch }) => present.includes(patch)) ? present : [];
}

/** Which of our other series would apply to this tree as it is. */
async function fittingSeries({ tree, series, ports, own }: Scene): Promise<string[]> {
  const ours = await ownSeries(ports);
  if (own || !series.own) return [];
  const fits = async (name: string): Promise<string[]> => {
    const { patches } = await loadSeries(ports, name);
    const { entries } = await takeSnapshot(tree, touchedPaths(patches), ports);
    return planSeries(patches, entries, 0).refusals.length === 0 ? [name] : [];
  };
  const others = ours.filter((name) => name !== series.name);
  return (await Promise.all(others.map((name) => fits(name).catch(() => [])))).flat();
}

import { type Patch, type Plan, planSeries, reversed } from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import type { LoadedSeries } from "./load.ts";
import type { Snapshot } from "./read.ts";
import type { AppliedSeries, State } from "./state.ts";
import type { PatchRequest, PatchResult } from "./types.ts";

export type PatchState = PatchResult["patches"][number]["state"];

export interface Scene {
  readonly request: PatchRequest;
  readonly tree: string;
  readonly series: LoadedSeries;
  readonly state: State;
  readonly own: AppliedSeries | undefined;
  readonly snapshot: Snapshot;
  readonly ports: Ports;
}

export function report(
  scene: Scene,
  outcome: PatchResult["outcome"],
  patches: PatchResult["patches"],
  written = 0,
): PatchResult {
  return { tree: scene.tree, series: scene.series.name, outcome, patches, written };
}

export const nothingIn = (
  patches: readonly { readonly name: string }[],
  state: PatchState,
): PatchResult["patches"] => patches.map(({ name }) => ({ name, state, files: [] }));

export const planned = (plan: Plan, state: PatchState): PatchResult["patches"] =>
  plan.patches.map(({ name, files }) => ({ name, state, files }));

/** Whether the patches can be taken out of the tree as it is. */
export const isIn = ({ snapshot }: Scene, some: readonly Patch[]): boolean =>
  planSeries(reversed(some), snapshot.entries, 0).refusals.length === 0;

import { entriesUntil } from "../../core/series.ts";
import {
  type Patch,
  type Plan,
  planSeries,
  reversed,
  touchedPaths,
} from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import type { PatchRequest, PatchResult } from "./types.ts";
import { type Change, changesOfPlan, restore } from "./changes.ts";
import { laterSeries, localChanges, otherVersion, refused, unresolvedBefore } from "./errors.ts";
import { type LoadedSeries, loadSeries, ownSeries } from "./load.ts";
import { type Snapshot, takeSnapshot } from "./read.ts";
import { type AppliedSeries, findApplied, readState, type State } from "./state.ts";

/** What a run would say, and what it has to write for that to be true. */
export interface Decision {
  readonly result: PatchResult;
  readonly work?: Work;
}

export interface Work {
  readonly kind: "apply" | "reverse";
  readonly changes: readonly Change[];
  readonly state: State;
  /** The series as it is recorded before and after; undefined: not at all. */
  readonly before: AppliedSeries | undefined;
  readonly patches: readonly Patch[];
  /** Hunks that were rejected or left between markers. */
  readonly unresolved?: number;
  readonly snapshot: Snapshot;
}

type PatchState = PatchResult["patches"][number]["state"];

interface Scene {
  readonly request: PatchRequest;
  readonly tree: string;
  readonly series: LoadedSeries;
  readonly state: State;
  readonly own: AppliedSeries | undefined;
  readonly snapshot: Snapshot;
  readonly ports: Ports;
}

/** Finds out what is to be done. Reads only. */
export async function decide(
  request: PatchRequest,
  tree: string,
  series: LoadedSeries,
  ports: Ports,
): Promise<Decision> {
  const recorded = await readState(tree, ports);
  const known = findApplied(recorded, series.name);
  const paths = [
    ...touchedPaths(series.patches, request.onRefusal === "reject"),
    ...(known.own?.files.map(({ path }) => path) ?? []),
  ];
  const snapshot = await takeSnapshot(tree, [...new Set(paths)], ports);
  const own = known.own && checkRecorded(recorded, known.own, tree, snapshot);
  // What was put back by hand is forgotten.
  const applied = own ? recorded.applied : recorded.applied.filter((entry) => entry !== known.own);
  const scene: Scene = {
    request,
    tree,
    series,
    state: { version: 1, applied },
    own,
    snapshot,
    ports,
  };
  if (own) {
    const later = known.later.find(({ files }) =>
      files.some(({ path }) => own.files.some((file) => file.path === path)),
    );
    return request.reverse
      ? reverseRecorded(scene, own, later)
      : applyOnRecorded(scene, own, later);
  }
  return request.reverse ? reverseUnrecorded(scene) : applyUnrecorded(scene);
}

/** The record when the files are as it says; undefined when all are as before it; else an error. */
function checkRecorded(
  state: State,
  own: AppliedSeries,
  tree: string,
  snapshot: Snapshot,
): AppliedSeries | undefined {
  const now = (path: string): string | null =>
    snapshot.hashes.get(path) ??
    (snapshot.entries.get(path)?.kind === "absent" ? null : "not a file");
  const expected = (path: string): string | null | undefined =>
    state.applied.flatMap(({ files }) => files).findLast((file) => file.path === path)?.after;
  const off = own.files.filter(({ path }) => now(path) !== expected(path));
  if (off.length === 0) return own;
  if (own.files.every(({ path, before }) => now(path) === before)) return undefined;
  throw localChanges(
    tree,
    own.series,
    off.map(({ path }) => path),
  );
}

const sameStart = (own: AppliedSeries, patches: readonly Patch[]): boolean => {
  const count = Math.min(own.patches.length, patches.length);
  return own.patches
    .slice(0, count)
    .every(
      ({ name, sha256 }, index) =>
        patches[index]?.name === name && patches[index]?.sha256 === sha256,
    );
};

const wantedOf = ({ request, series }: Scene): readonly Patch[] =>
  request.until === undefined ? series.patches : entriesUntil(series.patches, request.until);

function report(
  scene: Scene,
  outcome: PatchResult["outcome"],
  patches: PatchResult["patches"],
  written = 0,
): PatchResult {
  return { tree: scene.tree, series: scene.series.name, outcome, patches, written };
}

const nothingIn = (
  patches: readonly { readonly name: string }[],
  state: PatchState,
): PatchResult["patches"] => patches.map(({ name }) => ({ name, state, files: [] }));

const planned = (plan: Plan, state: PatchState): PatchResult["patches"] =>
  plan.patches.map(({ name, files }) => ({ name, state, files }));

async function applyOnRecorded(
  scene: Scene,
  own: AppliedSeries,
  later: AppliedSeries | undefined,
): Promise<Decision> {
  const wanted = wantedOf(scene);
  if (own.unresolved) throw unresolvedBefore(scene.tree, own);
  if (!sameStart(own, wanted)) throw otherVersion(scene.tree, own.series);
  if (own.patches.length >= wanted.length) {
    return { result: report(scene, "already-applied", nothingIn(wanted, "already-applied")) };
  }
  if (later) throw laterSeries(scene.tree, own.series, later.series);
  return applyPatches(scene, wanted.slice(own.patches.length), wanted);
}

async function applyUnrecorded(scene: Scene): Promise<Decision> {
  const wanted = wantedOf(scene);
  return applyPatches(scene, wanted, wanted);
}

/** Plans `missing` on the tree as it is; `all` is what is in it afterwards. */
async function applyPatches(
  scene: Scene,
  missing: readonly Patch[],
  all: readonly Patch[],
): Promise<Decision> {
  const { request, snapshot, own } = scene;
  const whole = planSeries(missing, snapshot.entries, request.fuzz);
  if (whole.refusals.length > 0 && (request.onRefusal ?? "stop") === "stop")
    return cannotApply(scene, missing, whole);
  const plan =
    whole.refusals.length === 0
      ? whole
      : planSeries(missing, snapshot.entries, request.fuzz, request.onRefusal);
  if (plan.refusals.length > 0 || (plan.unresolved.length > 0 && isIn(scene, missing)))
    return cannotApply(scene, missing, plan);
  const changes = changesOfPlan(plan, snapshot);
  const done = own ? nothingIn(own.patches, "already-applied") : [];
  const full: PatchState = request.check ? "would-apply" : "applied";
  const outcome: PatchState =
    plan.unresolved.length === 0 ? full : request.check ? "would-apply-in-part" : "applied-in-part";
  const states = planned(plan, full).map((patch, index, { length }) =>
    index === length - 1 ? { ...patch, state: outcome } : patch,
  );
  const untried = nothingIn(missing.slice(plan.patches.length), "not-applied");
  const result = {
    ...report(scene, outcome, [...done, ...states, ...untried], request.check ? 0 : changes.length),
    ...(plan.unresolved.length === 0 ? {} : { unresolved: plan.unresolved }),
  };
  const patches = all.slice(0, all.length - untried.length);
  const unresolved = plan.unresolved.length;
  return {
    result,
    work: {
      kind: "apply",
      changes,
      state: scene.state,
      before: own,
      patches,
      unresolved,
      snapshot,
    },
  };
}

/** Whether the patches can be taken out of the tree as it is. */
const isIn = ({ snapshot }: Scene, some: readonly Patch[]): boolean =>
  planSeries(reversed(some), snapshot.entries, 0).refusals.length === 0;

/** Not a fit: because it is in the tree already, whole or in part, or because the tree is another one. */
async function cannotApply(scene: Scene, patches: readonly Patch[], plan: Plan): Promise<Decision> {
  const { tree, series, own } = scene;
  if (!own && isIn(scene, patches)) {
    return { result: report(scene, "already-applied", nothingIn(patches, "already-applied")) };
  }
  // A patch that creates or changes nothing proves nothing: only look at those whose undoing does something.
  const present = patches
    .filter((patch) => patch.diffs.length > 0 && isIn(scene, [patch]))
    .map(({ name }) => name);
  throw await refused({
    tree,
    series: series.name,
    refusals: plan.refusals,
    reverse: false,
    present,
    fitting: present.length > 0 ? [] : await fittingSeries(scene),
  });
}

/** Which of our other series would apply to this tree as it is. */
async function fittingSeries({ tree, series, ports, own }: Scene): Promise<string[]> {
  const ours = await ownSeries(ports);
  if (own || !ours.includes(series.name)) return [];
  const fits = async (name: string): Promise<string[]> => {
    const { patches } = await loadSeries(ports, name);
    const { entries } = await takeSnapshot(tree, touchedPaths(patches), ports);
    return planSeries(patches, entries, 0).refusals.length === 0 ? [name] : [];
  };
  const others = ours.filter((name) => name !== series.name);
  return (await Promise.all(others.map((name) => fits(name).catch(() => [])))).flat();
}

async function reverseRecorded(
  scene: Scene,
  own: AppliedSeries,
  later: AppliedSeries | undefined,
): Promise<Decision> {
  const { request, series, snapshot, tree, state } = scene;
  if (later) throw laterSeries(tree, own.series, later.series);
  const keep =
    request.until === undefined ? 0 : entriesUntil(series.patches, request.until).length - 1;
  if (keep >= own.patches.length) {
    return {
      result: report(scene, "not-applied", nothingIn(series.patches.slice(keep), "not-applied")),
    };
  }
  const kept = series.patches.slice(0, keep);
  if (!sameStart({ ...own, patches: own.patches.slice(0, keep) }, kept))
    throw otherVersion(tree, own.series);
  const original = await restore(tree, own, snapshot, scene.ports);
  const again = planSeries(kept, original.entries, request.fuzz);
  if (again.refusals.length > 0) {
    throw await refused({
      tree,
      series: series.name,
      refusals: again.refusals,
      reverse: true,
      present: [],
    });
  }
  const changes = original.changesTo(again);
  const outcome = request.check ? "would-reverse" : "reversed";
  const out = series.patches.slice(keep, own.patches.length);
  const plan = planSeries(reversed(out), snapshot.entries, request.fuzz);
  const patches =
    plan.refusals.length === 0
      ? planned(plan, outcome)
      : nothingIn(own.patches.slice(keep).toReversed(), outcome);
  const result = report(scene, outcome, patches, request.check ? 0 : changes.length);
  return {
    result,
    work: { kind: "reverse", changes, state, before: own, patches: kept, snapshot },
  };
}

async function reverseUnrecorded(scene: Scene): Promise<Decision> {
  const { request, series, snapshot, tree } = scene;
  const from =
    request.until === undefined ? 0 : entriesUntil(series.patches, request.until).length - 1;
  const out = series.patches.slice(from);
  const plan = planSeries(reversed(out), snapshot.entries, request.fuzz);
  if (plan.refusals.length === 0) {
    const changes = changesOfPlan(plan, snapshot);
    const outcome = request.check ? "would-reverse" : "reversed";
    const result = report(
      scene,
      outcome,
      planned(plan, outcome),
      request.check ? 0 : changes.length,
    );
    return {
      result,
      work: {
        kind: "reverse",
        changes,
        state: scene.state,
        before: undefined,
        patches: [],
        snapshot,
      },
    };
  }
  if (planSeries(out, snapshot.entries, request.fuzz).refusals.length === 0) {
    return { result: report(scene, "not-applied", nothingIn(out, "not-applied")) };
  }
  throw await refused({
    tree,
    series: series.name,
    refusals: plan.refusals,
    reverse: true,
    present: [],
  });
}

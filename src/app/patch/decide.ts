import { entriesUntil } from "../../core/series.ts";
import { type Patch, planSeries, reversed, touchedPaths } from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import type { PatchRequest, PatchResult } from "./types.ts";
import { type Change, changesOfPlan, restore } from "./changes.ts";
import { laterSeries, localChanges, otherVersion, refused, unresolvedBefore } from "./errors.ts";
import type { LoadedSeries } from "./load.ts";
import { cannotApply } from "./misfit.ts";
import { type Snapshot, takeSnapshot } from "./read.ts";
import { forMachines } from "./refusals.ts";
import { isIn, nothingIn, type PatchState, planned, report, type Scene } from "./scene.ts";
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

/** Finds out what is to be done. Reads only. */
export async function decide(
  request: PatchRequest,
  tree: string,
  series: LoadedSeries,
  ports: Ports,
): Promise<Decision> {
  const recorded = await readState(tree, ports);
  const known = findApplied(recorded, series);
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

async function applyOnRecorded(
  scene: Scene,
  own: AppliedSeries,
  later: AppliedSeries | undefined,
): Promise<Decision> {
  const wanted = wantedOf(scene);
  if (own.unresolved) throw unresolvedBefore(scene.tree, own);
  if (!sameStart(own, wanted)) throw otherVersion(scene.tree, own);
  if (own.patches.length >= wanted.length) {
    return { result: report(scene, "already-applied", nothingIn(wanted, "already-applied")) };
  }
  if (later) throw laterSeries(scene.tree, own.series, later);
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
    ...(plan.unresolved.length === 0 ? {} : { unresolved: await forMachines(plan.unresolved) }),
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

async function reverseRecorded(
  scene: Scene,
  own: AppliedSeries,
  later: AppliedSeries | undefined,
): Promise<Decision> {
  const { request, series, snapshot, tree, state } = scene;
  if (later) throw laterSeries(tree, own.series, later);
  const keep =
    request.until === undefined ? 0 : entriesUntil(series.patches, request.until).length - 1;
  if (keep >= own.patches.length) {
    return {
      result: report(scene, "not-applied", nothingIn(series.patches.slice(keep), "not-applied")),
    };
  }
  const kept = series.patches.slice(0, keep);
  if (!sameStart({ ...own, patches: own.patches.slice(0, keep) }, kept))
    throw otherVersion(tree, own);
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

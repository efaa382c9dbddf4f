import { dirname, join } from "node:path";
import { TarpitError } from "../core/errors.ts";
import { type FileDiff, type PlannedFile, planSeries, touchedPaths } from "../core/patch/index.ts";
import { agreed, refreshed } from "../core/patch/refresh.ts";
import type { Manifest } from "../core/manifest.ts";
import type { Ports } from "../ports.ts";
import { fetchSource } from "./fetch.ts";
import { refused } from "./patch/errors.ts";
import { loadSeries } from "./patch/load.ts";
import { openTree, takeSnapshot } from "./patch/read.ts";
import { requireKernelTree } from "./tree.ts";

export interface RefreshRequest {
  /** What `fetch` takes, trees among it; empty: Debian's kernel of every line. */
  readonly specs: readonly string[];
  /** Write nothing; the result says what would be. */
  readonly check: boolean;
}

export interface Refreshed {
  readonly tree: string;
  readonly series: string;
  readonly patch: string;
  /** Hunks that this tree has elsewhere, and that get the number they have here. */
  readonly moved: number;
  /** Hunks that this tree has elsewhere too, but another tree that shares the patch has not there: they stay. */
  readonly left: number;
}

/** Brings the line numbers of our own series up to the trees they are for. Content stays. */
export async function refreshPatches(
  request: RefreshRequest,
  ports: Ports,
): Promise<readonly Refreshed[]> {
  const all = request.specs.length === 0;
  const found: Found[] = [];
  for (const spec of all ? await everyLine(ports) : request.specs) {
    const tree = await brought(spec, all, ports);
    if (tree !== undefined) found.push(...(await findIn(tree, ports)));
  }
  const wanted = new Map<string, Found>();
  for (const one of found) {
    const known = wanted.get(one.path);
    wanted.set(one.path, known ? { ...known, files: agreed(known.files, one.files) } : one);
  }
  if (!request.check)
    for (const { path, diffs, files } of wanted.values())
      await writeChanged(path, diffs, files, ports);
  return found.map(({ tree, series, patch, path, files }) => {
    const moved = elsewhere(wanted.get(path)?.files ?? files);
    return { tree, series, patch, moved, left: elsewhere(files) - moved };
  });
}

/** Undefined for a line that Debian has no kernel of, when every line was asked for. */
async function brought(spec: string, all: boolean, ports: Ports): Promise<string | undefined> {
  try {
    return (await fetchSource({ spec, insecureSkipVerify: false }, ports)).path;
  } catch (error) {
    if (!(all && error instanceof TarpitError && error.code === "fetch.not-found")) throw error;
    ports.log.warn(`${spec}: ${error.trouble.what}; left out`);
    return undefined;
  }
}

async function writeChanged(
  path: string,
  diffs: readonly FileDiff[],
  files: readonly PlannedFile[],
  ports: Ports,
): Promise<void> {
  const before = await ports.files.readBytes(path);
  const after = Buffer.from(refreshed(before.toString("latin1"), diffs, files), "latin1");
  if (!after.equals(before)) await ports.files.write(path, after);
}

async function everyLine(ports: Ports): Promise<string[]> {
  const path = join(ports.packageRoot, "patches", "manifest.json");
  const { lines } = JSON.parse(await ports.files.readText(path)) as Manifest;
  return [...new Set(lines.map(({ line }) => `debian:${line}`))];
}

interface Found {
  readonly tree: string;
  readonly series: string;
  readonly patch: string;
  readonly path: string;
  readonly diffs: readonly FileDiff[];
  readonly files: readonly PlannedFile[];
}

const elsewhere = (files: readonly PlannedFile[]): number =>
  files.flatMap(({ hunks }) => hunks).filter(({ offset }) => offset !== 0).length;

async function findIn(where: string, ports: Ports): Promise<Found[]> {
  const tree = await openTree(where, ports);
  const series = await loadSeries(ports, undefined, await requireKernelTree(tree, ports));
  const { entries } = await takeSnapshot(tree, touchedPaths(series.patches), ports);
  const plan = planSeries(series.patches, entries, 0);
  if (plan.refusals.length > 0)
    throw await refused({
      tree,
      series: series.name,
      refusals: plan.refusals,
      reverse: false,
      present: [],
    });
  return series.patches.map(({ name, diffs }, index) => ({
    tree,
    series: series.name,
    patch: name,
    path: join(dirname(series.path), name),
    diffs,
    files: plan.patches[index]?.files ?? [],
  }));
}

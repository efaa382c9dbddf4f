import { dirname, join } from "node:path";
import { failure } from "../core/errors.ts";
import { planSeries, touchedPaths } from "../core/patch/index.ts";
import { refreshed } from "../core/patch/refresh.ts";
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
  /** Hunks that are not where the patch says. */
  readonly moved: number;
}

/** Brings the line numbers of our own series up to the trees they are for. Content stays. */
export async function refreshPatches(
  request: RefreshRequest,
  ports: Ports,
): Promise<readonly Refreshed[]> {
  const specs = request.specs.length > 0 ? request.specs : await everyLine(ports);
  const results: Refreshed[] = [];
  const texts = new Map<string, { text: string; tree: string }>();
  for (const spec of specs) {
    const { path } = await fetchSource({ spec, insecureSkipVerify: false }, ports);
    const found = await refreshFor(path, ports);
    for (const one of found) {
      results.push(one.result);
      const known = texts.get(one.path);
      if (known && known.text !== one.text) throw needsTwo(one.path, known.tree, path);
      texts.set(one.path, { text: one.text, tree: path });
    }
  }
  if (!request.check) for (const [path, { text }] of texts) await writeChanged(path, text, ports);
  return results;
}

async function writeChanged(path: string, text: string, ports: Ports): Promise<void> {
  const bytes = Buffer.from(text, "latin1");
  if (!bytes.equals(await ports.files.readBytes(path))) await ports.files.write(path, bytes);
}

async function everyLine(ports: Ports): Promise<string[]> {
  const path = join(ports.packageRoot, "patches", "manifest.json");
  const { lines } = JSON.parse(await ports.files.readText(path)) as Manifest;
  return lines.map(({ line }) => `debian:${line}`);
}

async function refreshFor(
  where: string,
  ports: Ports,
): Promise<{ result: Refreshed; path: string; text: string }[]> {
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
  return Promise.all(
    series.patches.map(async ({ name, diffs }, index) => {
      const files = plan.patches[index]?.files ?? [];
      const path = join(dirname(series.path), name);
      const text = (await ports.files.readBytes(path)).toString("latin1");
      const moved = files.flatMap(({ hunks }) => hunks).filter(({ offset }) => offset !== 0).length;
      const result = { tree, series: series.name, patch: name, moved };
      return { result, path, text: refreshed(text, diffs, files) };
    }),
  );
}

const needsTwo = (path: string, one: string, other: string): Error =>
  failure("refresh.two-places", {
    what: "two kernel lines share this patch, and have its hunks at different lines",
    where: `${path}: ${one} and ${other}`,
    next: "give one of the lines a copy of its own, or leave the offset",
  });

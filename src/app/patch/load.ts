import { createHash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { badInput } from "../../core/errors.ts";
import type { KernelVersion } from "../../core/kernel-version.ts";
import { parsePatch, type Patch } from "../../core/patch/index.ts";
import {
  type Manifest,
  neighbours,
  parseSeries,
  type SeriesEntry,
  seriesFor,
} from "../../core/series.ts";
import type { Ports } from "../../ports.ts";

export interface LoadedSeries {
  /** `linux-6.1`, or the file name of a foreign series. */
  readonly name: string;
  readonly path: string;
  /** Of all that decides what the series does: names, options and bytes of its patches. */
  readonly sha256: string;
  readonly patches: readonly Patch[];
}

const sha256 = (data: string | Uint8Array): string =>
  createHash("sha256").update(data).digest("hex");

/** Longest patch that is read: far above any real one, far below what a string can hold. */
const maxPatchBytes = 256 << 20;

const shortName = (path: string): string => basename(path).replace(/\.series$/, "");

/** Reads and parses a series: the named one, or (without a name) the one for this kernel version. */
export async function loadSeries(
  ports: Ports,
  series?: string,
  version?: KernelVersion,
): Promise<LoadedSeries> {
  const path = series === undefined ? await fitting(ports, version) : await named(ports, series);
  const entries = parseSeries(await readText(ports, path), path);
  const patches = await Promise.all(entries.map((entry) => loadPatch(ports, entry, dirname(path))));
  const facts = patches.map(({ name, strip, reverse, sha256 }) => [name, strip, reverse, sha256]);
  return { name: shortName(path), path, sha256: sha256(JSON.stringify(facts)), patches };
}

async function loadPatch(ports: Ports, entry: SeriesEntry, directory: string): Promise<Patch> {
  const path = join(directory, entry.name);
  const info = await ports.files.stat(path);
  if (info && info.size > maxPatchBytes) throw tooLarge(path);
  const bytes = await ports.files.readBytes(path).catch((error: unknown) => {
    throw unreadable(path, error, "the series names a patch that cannot be read");
  });
  return { ...entry, sha256: sha256(bytes), diffs: parsePatch(bytes.toString("latin1"), path) };
}

const manifestPath = (ports: Ports): string => join(ports.packageRoot, "patches", "manifest.json");

const readManifest = async (ports: Ports): Promise<Manifest> =>
  JSON.parse(await ports.files.readText(manifestPath(ports))) as Manifest;

/** Names of the series we bring. */
export const ownSeries = async (ports: Ports): Promise<string[]> =>
  (await readManifest(ports)).lines.map(({ series }) => shortName(series));

async function fitting(ports: Ports, version: KernelVersion | undefined): Promise<string> {
  const manifest = await readManifest(ports);
  const found = version && seriesFor(manifest, version);
  if (found) return join(dirname(manifestPath(ports)), found.series);
  const lines = [...new Set(manifest.lines.map(({ line }) => line))];
  const near = version ? neighbours(manifest, version).map(({ series }) => shortName(series)) : [];
  const nearest = near.length > 0 ? `; the nearest: ${near.join(" and ")}` : "";
  throw badInput("series.unknown-kernel", {
    what: `there is no series for Linux ${version?.text ?? "of an unknown version"}`,
    where: manifestPath(ports),
    next: `we have series for ${lines.join(", ")}${nearest}; give one with --series, or the path of your own`,
    data: { lines, nearest: near },
  });
}

/** One of ours by name (`linux-6.1`), else a path: a series file, or a directory that has one. */
async function named(ports: Ports, series: string): Promise<string> {
  const ours = (await readManifest(ports)).lines.map((line) => line.series);
  const own = ours.find((file) => file === series || shortName(file) === series);
  if (own !== undefined) return join(ports.packageRoot, "patches", own);
  const path = resolve(ports.host.cwd, series);
  for (const candidate of [path, join(path, "series")]) {
    const real = await ports.files.realpath(candidate).catch(() => undefined);
    if (real !== undefined && (await ports.files.stat(real))?.kind === "file") return candidate;
  }
  throw badInput("series.unknown", {
    what: `there is no series ${series}`,
    where: path,
    next: `give the path of a quilt series file, or one of: ${ours.map(shortName).join(", ")}`,
  });
}

const readText = (ports: Ports, path: string): Promise<string> =>
  ports.files.readText(path).catch((error: unknown) => {
    throw unreadable(path, error, "the series cannot be read");
  });

const unreadable = (path: string, error: unknown, what: string): Error =>
  badInput("series.unreadable", {
    what,
    where: `${path} (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
    next: "names in a series are relative to the series file's directory",
  });

const tooLarge = (path: string): Error =>
  badInput("patch.too-large", {
    what: "the patch is larger than 256 MiB",
    where: path,
    next: "split it into several patches",
  });

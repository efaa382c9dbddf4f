import { createHash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { badInput } from "../../core/errors.ts";
import { moduleFiles } from "../../core/external-module.ts";
import type { KernelVersion } from "../../core/kernel-version.ts";
import { limits, newFiles, parsePatch, type Patch, tooLarge } from "../../core/patch/index.ts";
import type { Manifest } from "../../core/manifest.ts";
import { parseSeries, type SeriesEntry } from "../../core/series.ts";
import type { Ports } from "../../ports.ts";
import { eachAtOnce } from "./parallel.ts";

export interface LoadedSeries {
  /** `linux-6.1`, or of a foreign series the end of its path: `debian/patches/series`. */
  readonly name: string;
  /** One that this package brings; a foreign one is known by its path and its patches. */
  readonly own: boolean;
  readonly path: string;
  /** Of all that decides what the series does: names, options and bytes of its patches. */
  readonly sha256: string;
  readonly patches: readonly Patch[];
}

const sha256 = (data: string | Uint8Array): string =>
  createHash("sha256").update(data).digest("hex");

const shortName = (path: string): string => basename(path).replace(/\.series$/, "");

/** A foreign series is mostly called `series`: its directories say which one it is. */
const foreignName = (path: string): string => path.split("/").filter(Boolean).slice(-3).join("/");

/** Reads and parses a series: the named one, or (without a name) the one for this kernel version. */
export async function loadSeries(
  ports: Ports,
  series?: string,
  version?: KernelVersion,
): Promise<LoadedSeries> {
  const { path, own } =
    series === undefined
      ? { path: await fitting(ports, version), own: true }
      : await named(ports, series);
  const text = await readRegular(ports, path, "the series cannot be read");
  const entries = parseSeries(text.toString("utf8"), path);
  const patches: Patch[] = [];
  await eachAtOnce(entries, async (entry, index) => {
    patches[index] = await loadPatch(ports, entry, dirname(path));
  });
  const facts = patches.map(({ name, strip, reverse, sha256 }) => [name, strip, reverse, sha256]);
  const name = own ? shortName(path) : foreignName(path);
  return { name, own, path, sha256: sha256(JSON.stringify(facts)), patches };
}

async function loadPatch(ports: Ports, entry: SeriesEntry, directory: string): Promise<Patch> {
  const path = join(directory, entry.name);
  const bytes = await readRegular(ports, path, "the series names a patch that cannot be read");
  return { ...entry, sha256: sha256(bytes), diffs: parsePatch(bytes.toString("latin1"), path) };
}

const manifestPath = (ports: Ports): string => join(ports.packageRoot, "patches", "manifest.json");

const readManifest = async (ports: Ports): Promise<Manifest> =>
  JSON.parse(await ports.files.readText(manifestPath(ports))) as Manifest;

/** Names of the series we bring. */
export const ownSeries = async (ports: Ports): Promise<string[]> =>
  (await readManifest(ports)).lines.map(({ series }) => shortName(series));

/** The module a series creates, as one text. */
const creates = (series: LoadedSeries): string =>
  JSON.stringify(
    moduleFiles(newFiles(series.patches)).map(({ name, bytes }) => [name, sha256(bytes)]),
  );

/** The ranges of kernels whose series create the same files as this one; of a foreign series none. */
export async function rangesOf(series: LoadedSeries, ports: Ports): Promise<readonly string[]> {
  const { lines } = await readManifest(ports);
  const wanted = creates(series);
  const ranges: string[] = [];
  for (const line of lines)
    if (creates(await loadSeries(ports, line.series)) === wanted) ranges.push(line.range);
  return ranges;
}

async function fitting(ports: Ports, version: KernelVersion | undefined): Promise<string> {
  // A series that is named needs no ranges, nor what reads them.
  const { neighbours, seriesFor } = await import("../../core/manifest.ts");
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
async function named(ports: Ports, series: string): Promise<{ path: string; own: boolean }> {
  const directory = dirname(manifestPath(ports));
  const brought = (await ports.files.list(directory)).filter((file) => file.endsWith(".series"));
  const own = brought.find((file) => file === series || shortName(file) === series);
  if (own !== undefined) return { path: join(directory, own), own: true };
  const path = resolve(ports.host.cwd, series);
  const root = await ports.files.realpath(directory);
  for (const candidate of [path, join(path, "series")]) {
    const real = await ports.files.realpath(candidate).catch(() => undefined);
    if (real === undefined || (await ports.files.stat(real))?.kind !== "file") continue;
    return { path: candidate, own: brought.some((file) => real === join(root, file)) };
  }
  throw badInput("series.unknown", {
    what: `there is no series ${series}`,
    where: path,
    next: `give the path of a quilt series file, or one of: ${(await ownSeries(ports)).join(", ")}`,
  });
}

/** The bytes of a regular file within the limits: a pipe would hang, a device never end. */
async function readRegular(ports: Ports, path: string, what: string): Promise<Buffer> {
  const fail = (error: unknown): never => {
    throw unreadable(path, error, what);
  };
  const real = await ports.files.realpath(path).catch(fail);
  const info = await ports.files.stat(real);
  if (info?.kind !== "file") fail("no regular file");
  if ((info?.size ?? 0) > limits.bytes) throw tooLarge(path, `${limits.bytes >> 20} MiB`);
  return ports.files.readBytes(real).catch(fail);
}

const unreadable = (path: string, error: unknown, what: string): Error =>
  badInput("series.unreadable", {
    what,
    where: `${path} (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
    next: "names in a series are relative to the series file's directory",
  });

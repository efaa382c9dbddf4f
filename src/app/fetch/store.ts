import { dirname, join } from "node:path";
import { parseKernelVersion } from "../../core/kernel-version.ts";
import type { Ports } from "../../ports.ts";
import { stampTree } from "../cache/fingerprint.ts";
import { markUsed } from "../cache/lease.ts";
import { lockIfFree, waitForLock } from "../lock.ts";
import type { FetchResult, Origin, Trust } from "./types.ts";

/**
 * The cached trees: CACHE/sources/NAME-SHORTID/linux, and beside it
 * source.json, which says what it is. A directory of such a name comes to be
 * by one rename of a private (0700) directory, after verification.
 */
export interface Source {
  /** What was asked for: the same request finds it again. */
  readonly key: string;
  /** Front part of the directory's name. */
  readonly name: string;
}

interface Marker {
  readonly format: 1;
  readonly key: string;
  readonly id: string;
  readonly version: string;
  readonly origin: Origin;
  readonly trust: Trust;
  readonly fetched: string;
}

/** What a provider leaves in its private directory. */
export type NewTree = Omit<FetchResult, "path" | "cached"> & {
  /** The tree, inside the private directory. */
  readonly tree: string;
};

const part = ":part";

/** Ends the key of a tree that is not whole: nobody who wants all of it finds it. */
export const partMark = (leaveOut: readonly string[] = []): string =>
  leaveOut.length > 0 ? part : "";

export const isPart = (key: string): boolean => key.endsWith(part);

const sourcesDir = (ports: Ports): string => join(ports.cacheDir, "sources");
export const downloadsDir = (ports: Ports): string => join(ports.cacheDir, "downloads");

/** Letters that are safe in any file name; `-` followed by a suffix is ours. */
export const slug = (text: string): string =>
  text
    .replaceAll(/[^\w.+~]+/g, "-")
    .replace(/^[-.]+/, "")
    .slice(0, 80) || "source";

const shortId = (id: string): string => id.replace(/^.*:/, "").slice(0, 12);

export async function readMarker(directory: string, ports: Ports): Promise<Marker | undefined> {
  try {
    const marker = JSON.parse(
      await ports.files.readText(join(directory, "source.json")),
    ) as Partial<Marker>;
    return marker.format === 1 && marker.key && marker.id && marker.trust
      ? (marker as Marker)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The newest tree that was asked for with a key that `wanted` accepts. */
export const findTree = (
  wanted: (key: string) => boolean,
  ports: Ports,
): Promise<FetchResult | undefined> => newestOf(({ key }) => wanted(key), ports);

/** The tree of this content, whatever it was asked for as. */
export const findSource = (id: string, ports: Ports): Promise<FetchResult | undefined> =>
  newestOf((marker) => marker.id === id && !isPart(marker.key), ports);

async function newestOf(
  wanted: (marker: Marker) => boolean,
  ports: Ports,
): Promise<FetchResult | undefined> {
  const found: { readonly marker: Marker; readonly path: string }[] = [];
  for (const name of await ports.files.list(sourcesDir(ports))) {
    if (name.startsWith(".")) continue;
    const marker = await readMarker(join(sourcesDir(ports), name), ports);
    const path = join(sourcesDir(ports), name, "linux");
    if (marker && wanted(marker) && (await ports.files.stat(join(path, "Makefile"))))
      found.push({ marker, path });
  }
  const best = found.toSorted((a, b) => a.marker.fetched.localeCompare(b.marker.fetched)).at(-1);
  const version = best && parseKernelVersion(best.marker.version);
  if (!best || !version) return undefined;
  await markUsed(dirname(best.path), ports);
  const { id, origin, trust } = best.marker;
  return { path: best.path, id, version, origin, trust, cached: true };
}

const lockPath = (name: string, ports: Ports): string => join(sourcesDir(ports), `.lock-${name}`);

/** Long enough for another run to bring and unpack a kernel over a slow line. */
const patienceMs = 30 * 60_000;

/** Runs `body` while no other run does so under this lock. */
export async function withLock<T>(
  path: string,
  name: string,
  ports: Ports,
  body: () => Promise<T>,
): Promise<T> {
  const waiting = { doing: `fetching ${name}`, code: "fetch.locked", patienceMs };
  const lock = await waitForLock(path, waiting, ports);
  try {
    return await body();
  } finally {
    await lock.release();
  }
}

/** Removes private directories whose run is dead: only then their lock can be had. */
export async function removeLeftovers(ports: Ports): Promise<void> {
  for (const entry of await ports.files.list(sourcesDir(ports))) {
    const name = /^\.new-(.+)-\w+$/.exec(entry)?.[1];
    if (name === undefined) continue;
    const lock = await lockIfFree(lockPath(name, ports), ports);
    if (!lock) continue;
    ports.log.detail(`removing what a dead run left: ${entry}`);
    await ports.files.remove(join(sourcesDir(ports), entry)).finally(() => lock.release());
  }
}

async function publish(
  source: Source,
  made: NewTree,
  work: string,
  ports: Ports,
): Promise<FetchResult> {
  const { tree, id, version, origin, trust } = made;
  const marker: Marker = {
    format: 1,
    key: source.key,
    id,
    version: version.text,
    origin,
    trust,
    fetched: ports.clock.now().toISOString(),
  };
  const kind = isPart(source.key) ? "-part" : "";
  const home = join(sourcesDir(ports), `${source.name}${kind}-${shortId(id)}`);
  const out = await ports.files.makePrivateDirectory(
    join(sourcesDir(ports), `.new-${source.name}-`),
  );
  try {
    await ports.files.rename(tree, join(out, "linux"));
    await stampTree(out, ports);
    await ports.files.write(join(out, "source.json"), `${JSON.stringify(marker, undefined, 2)}\n`);
    await ports.files.remove(home);
    await ports.files.rename(out, home);
  } finally {
    await ports.files.remove(out);
    await ports.files.remove(work);
  }
  return { path: join(home, "linux"), id, version, origin, trust, cached: false };
}

/**
 * The tree for a source: the cached one, else what `make` builds in a private
 * directory. Nothing stays when it fails.
 */
export async function cachedOr(
  source: Source,
  ports: Ports,
  make: (work: string) => Promise<NewTree>,
): Promise<FetchResult> {
  const found = await findTree((key) => key === source.key, ports);
  if (found) return found;
  return withLock(lockPath(source.name, ports), source.name, ports, async () => {
    const meanwhile = await findTree((key) => key === source.key, ports);
    if (meanwhile) return meanwhile;
    const work = await ports.files.makePrivateDirectory(
      join(sourcesDir(ports), `.new-${source.name}-`),
    );
    try {
      return await publish(source, await make(work), work, ports);
    } finally {
      await ports.files.remove(work);
    }
  });
}

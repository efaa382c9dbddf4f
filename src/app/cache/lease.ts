import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Ports } from "../../ports.ts";
import { lockIfFree, waitForLock } from "../lock.ts";

const leasesDir = (ports: Ports): string => join(ports.cacheDir, "runs");
export const gcLock = (ports: Ports): string => join(ports.cacheDir, "gc.lock");

/** Removing a cache takes minutes at most. */
const patienceMs = 30 * 60_000;

/**
 * Runs `work` while nothing it uses of the cache goes away. The lease is taken first and the
 * collector's lock looked at afterwards; the collector does it the other way round, so one of the
 * two always sees the other.
 */
export async function withLease<T>(ports: Ports, work: () => Promise<T>): Promise<T> {
  const lease = await ports.files.lock(join(leasesDir(ports), randomUUID()));
  try {
    const waiting = { doing: "clearing the cache", code: "cache.locked", patienceMs };
    await (await waitForLock(gcLock(ports), waiting, ports)).release();
    return await work();
  } finally {
    await lease.release();
  }
}

/** Whether a live run may be using the cache; leases of dead runs are removed. */
export async function isLeased(ports: Ports): Promise<boolean> {
  for (const name of await ports.files.list(leasesDir(ports))) {
    const lock = await lockIfFree(join(leasesDir(ports), name), ports);
    if (!lock) return true;
    await lock.release();
  }
  return false;
}

const stampName = "last-used";

/** Notes that an entry (a directory of the cache) is used now. A cache that cannot be written to keeps its order. */
export const markUsed = (directory: string, ports: Ports): Promise<void> =>
  ports.files
    .write(join(directory, stampName), `${ports.clock.now().toISOString()}\n`)
    .catch(() => undefined);

/** When an entry was last used: its stamp, else the newest of the files that a use writes, else its own age. */
export async function lastUsed(path: string, ports: Ports): Promise<Date> {
  const written = await Promise.all(
    [stampName, "build.log"].map((name) =>
      ports.files.stat(join(path, name)).catch(() => undefined),
    ),
  );
  const known = written.filter((info) => info !== undefined);
  const infos = known.length > 0 ? known : [await ports.files.stat(path)];
  return new Date(Math.max(...infos.map((info) => info?.mtimeMs ?? 0)));
}

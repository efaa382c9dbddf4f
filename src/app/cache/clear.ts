import { join } from "node:path";
import { type CacheEntry, type Limits, victims } from "../../core/cache.ts";
import type { Ports } from "../../ports.ts";
import { waitForLock } from "../lock.ts";
import { cacheEntries } from "./entries.ts";
import { gcLock, isLeased } from "./lease.ts";

export interface Cleared {
  readonly removed: readonly CacheEntry[];
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Other runs are at work: only what none of them can be using was looked at. */
  readonly busy: boolean;
}

/** Runs `work` while no other run may begin to use the cache; it is told whether one already does. */
export async function alone<T>(ports: Ports, work: (busy: boolean) => Promise<T>): Promise<T> {
  const waiting = { doing: "clearing the cache", code: "cache.locked", patienceMs: 10 * 60_000 };
  const lock = await waitForLock(gcLock(ports), waiting, ports);
  try {
    return await work(await isLeased(ports));
  } finally {
    await lock.release();
  }
}

/** Renamed first: what is half removed must not be found. */
export async function removeEntry(name: string, ports: Ports): Promise<void> {
  const path = join(ports.cacheDir, name);
  if (name.startsWith("downloads/")) await ports.files.remove(`${path}.json`);
  const doomed = await ports.files.makePrivateDirectory(join(ports.cacheDir, "tmp", "removed-"));
  await ports.files.rename(path, join(doomed, "entry"));
  await ports.files.remove(doomed);
}

const total = (entries: readonly CacheEntry[]): number =>
  entries.reduce((sum, entry) => sum + entry.bytes, 0);

/** Nobody builds with these. */
const unused: ReadonlySet<string> = new Set(["evidence"]);

/** Brings the cache within its limits, oldest first. */
export const clearCache = (limits: Limits, ports: Ports): Promise<Cleared> =>
  alone(ports, async (busy) => {
    const before = await cacheEntries(ports);
    const removed: CacheEntry[] = [];
    let now = before;
    // What goes may have shared its bytes with what stays: then there is another round.
    for (;;) {
      const candidates = victims(now, limits, ports.clock.now()).filter(
        (entry) => !busy || unused.has(entry.kind),
      );
      if (candidates.length === 0) break;
      for (const entry of candidates) {
        ports.log.detail(`removing ${entry.name}`);
        await removeEntry(entry.name, ports);
        removed.push(entry);
      }
      now = await cacheEntries(ports);
    }
    return { removed, bytesBefore: total(before), bytesAfter: total(now), busy };
  });

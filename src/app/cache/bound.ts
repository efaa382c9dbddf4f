import { join } from "node:path";
import { defaultCacheSize, parseSize } from "../../core/cache.ts";
import type { Ports } from "../../ports.ts";
import { clearCache } from "./clear.ts";

const day = 24 * 60 * 60_000;

/**
 * Brings the cache within its size, once a day at most: counting it takes seconds. A run must not fail
 * for it, and nothing goes that another run may be using.
 */
export async function boundCache(ports: Ports): Promise<void> {
  const stamp = join(ports.cacheDir, "counts", "last-gc");
  const now = ports.clock.now();
  const last = (await ports.files.stat(stamp).catch(() => undefined))?.mtimeMs ?? 0;
  const given = ports.host.env["TARPIT_KIT_CACHE_SIZE"];
  const maxBytes = given === undefined ? defaultCacheSize : parseSize(given);
  if (maxBytes === undefined) {
    ports.log.warn(`TARPIT_KIT_CACHE_SIZE=${given} is no size: give 20G, 500M or 0`);
    return;
  }
  if (now.getTime() - last < day) return;
  try {
    await ports.files.write(stamp, `${now.toISOString()}\n`);
    const { removed } = await clearCache({ maxBytes }, ports);
    if (removed.length > 0)
      ports.log.info(`the cache was too large: ${removed.length} entries removed`);
  } catch (error) {
    ports.log.detail(`the cache could not be cleared: ${String(error)}`);
  }
}

import type { CacheEntry } from "../core/cache.ts";
import { TarpitError } from "../core/errors.ts";
import type { Ports } from "../ports.ts";
import { checkEntry, type Verdict } from "./cache/check.ts";
import { alone, removeEntry } from "./cache/clear.ts";
import { cacheEntries } from "./cache/entries.ts";

export { clearCache } from "./cache/clear.ts";
export { cacheEntries } from "./cache/entries.ts";
export { withLease } from "./cache/lease.ts";

export type Checked = CacheEntry & Verdict & { readonly removed: boolean };

/** Looks at every entry; what is damaged is removed, so that the next run makes it again. */
export const verifyCache = (ports: Ports): Promise<readonly Checked[]> =>
  alone(ports, async (busy) => {
    const checked: Checked[] = [];
    const bad = new Set<string>();
    const entries = await cacheEntries(ports);
    for (const [index, entry] of entries.entries()) {
      ports.log.progress({
        stage: "verify",
        unit: "cases",
        done: index,
        total: entries.length,
        item: entry.name,
      });
      const verdict = await checkEntry(entry, bad, ports).catch((error: unknown) => {
        // An error of the disk itself is damage as well; an interrupt is none.
        if (error instanceof TarpitError || !(error instanceof Error) || !("code" in error))
          throw error;
        return { state: "damaged", detail: error.message } as const;
      });
      const removed = verdict.state === "damaged" && !busy;
      if (removed) await removeEntry(entry.name, ports);
      checked.push({ ...entry, ...verdict, removed });
    }
    return checked;
  });

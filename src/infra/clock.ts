import { setTimeout as sleep } from "node:timers/promises";
import { Interrupted } from "../core/errors.ts";
import type { Clock } from "../ports.ts";

/** The machine's clock; an interrupt (`stopped`) ends every sleep. */
export const systemClock = (stopped?: AbortSignal): Clock => ({
  now: () => new Date(),
  monotonic: () => performance.now(),
  sleep: async (ms) => {
    await sleep(ms, undefined, stopped ? { signal: stopped } : {}).catch(() => {
      throw new Interrupted();
    });
  },
});

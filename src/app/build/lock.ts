import { environment } from "../../core/errors.ts";
import type { Lock, Ports } from "../../ports.ts";

/** Long enough for another run to compile a whole kernel on a slow machine. */
const patienceMs = 6 * 60 * 60_000;
const pollMs = 250;

/** Takes a lock of the cache; when another run has it, says so and waits for that run to end. */
export async function waitForLock(path: string, what: string, ports: Ports): Promise<Lock> {
  const start = ports.clock.monotonic();
  for (let said = false; ; said = true) {
    try {
      return await ports.files.lock(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = (error as Error).message;
      if (ports.clock.monotonic() - start > patienceMs) throw stillHeld(what, holder);
      if (!said) ports.log.info(`waiting for another run that is ${what} (${holder})`);
      await ports.clock.sleep(pollMs);
    }
  }
}

const stillHeld = (what: string, holder: string) =>
  environment("build.locked", {
    what: `another run is still ${what}`,
    where: holder,
    next: "wait for that run, or end it; its lock ends with it",
  });

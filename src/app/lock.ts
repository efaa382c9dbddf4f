import { environment } from "../core/errors.ts";
import type { Lock, Ports } from "../ports.ts";

/** What another run holds a lock for, in words: `fetching linux-source-6.1`. */
export interface Waiting {
  readonly doing: string;
  /** Code of the error when patience has run out. */
  readonly code: string;
  readonly patienceMs: number;
}

const pollMs = 250;

/** Takes a lock of the cache; when another run has it, says so and waits for that run to end. */
export async function waitForLock(path: string, waiting: Waiting, ports: Ports): Promise<Lock> {
  const start = ports.clock.monotonic();
  for (let said = false; ; said = true) {
    try {
      return await ports.files.lock(path);
    } catch (error) {
      if (!isHeld(error)) throw error;
      const holder = (error as Error).message;
      if (ports.clock.monotonic() - start > waiting.patienceMs) throw stillHeld(waiting, holder);
      if (!said) ports.log.info(`waiting for another run that is ${waiting.doing} (${holder})`);
      await ports.clock.sleep(pollMs);
    }
  }
}

const isHeld = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "EEXIST";

/** The lock, if no live run has it. */
export async function lockIfFree(path: string, ports: Ports): Promise<Lock | undefined> {
  try {
    return await ports.files.lock(path);
  } catch (error) {
    if (isHeld(error)) return undefined;
    throw error;
  }
}

const stillHeld = ({ doing, code, patienceMs }: Waiting, holder: string) =>
  environment(code, {
    what: `another run is still ${doing} after ${patienceMs / 60_000} minutes`,
    where: holder,
    next: "wait for that run, or end it; its lock ends with it",
  });

import type { Lock, Ports } from "../../ports.ts";
import { waitForLock } from "../lock.ts";

/** Long enough for another run to compile a whole kernel on a slow machine. */
const patienceMs = 6 * 60 * 60_000;

/** The lock of a directory of the cache, once no other run has it. */
export const lockDirectory = (directory: string, doing: string, ports: Ports): Promise<Lock> =>
  waitForLock(`${directory}.lock`, { doing, code: "build.locked", patienceMs }, ports);

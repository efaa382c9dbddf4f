import { join } from "node:path";
import type { Ports } from "../ports.ts";
import { lockIfFree } from "./lock.ts";

/** A directory is locked right after it was made: one that is younger than this may not be yet. */
const graceMs = 60_000;

/** What runs left here that were killed. */
async function removeLeftovers(home: string, ports: Ports): Promise<void> {
  for (const name of await ports.files.list(home)) {
    const path = join(home, name);
    const info = await ports.files.stat(path);
    if (!info || ports.clock.now().getTime() - info.mtimeMs < graceMs) continue;
    const lock = await lockIfFree(join(path, ".lock"), ports).catch(() => undefined);
    if (!lock) continue;
    ports.log.detail(`removing what a dead run left: ${path}`);
    await ports.files.remove(path);
  }
}

/** Runs `work` with a private directory below CACHE/tmp that is gone afterwards, if need be with the next run. */
export async function withScratch<T>(
  name: string,
  ports: Ports,
  work: (scratch: string) => Promise<T>,
): Promise<T> {
  const home = join(ports.cacheDir, "tmp");
  await removeLeftovers(home, ports);
  const scratch = await ports.files.makePrivateDirectory(join(home, `${name}-`));
  const lock = await ports.files.lock(join(scratch, ".lock"));
  try {
    return await work(scratch);
  } finally {
    await lock.release();
    await ports.files.remove(scratch);
  }
}

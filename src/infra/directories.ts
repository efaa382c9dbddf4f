import { lstat, mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * mkdir -p. Node's own answers ENOENT where a directory above cannot be made (read-only file
 * system): the first missing one is asked for again, alone, for the system's own answer.
 */
export async function makeDirectory(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await mkdir(await firstMissing(path)).catch((own: NodeJS.ErrnoException) => {
      throw own.code === "EEXIST" ? error : own;
    });
    await mkdir(path, { recursive: true });
  }
}

async function firstMissing(path: string): Promise<string> {
  const above = dirname(path);
  const there = await lstat(above).catch(() => undefined);
  return there || above === path ? path : firstMissing(above);
}

import { lstatSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

/**
 * mkdir -p. Node's own answers ENOENT where a directory above cannot be made (read-only file
 * system): the first missing one is asked for again, alone, for the system's own answer.
 */
export async function makeDirectory(path: string, mode?: number): Promise<void> {
  try {
    mkdirSync(path, { recursive: true, ...(mode === undefined ? {} : { mode }) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    try {
      mkdirSync(firstMissing(path));
    } catch (own) {
      throw (own as NodeJS.ErrnoException).code === "EEXIST" ? error : own;
    }
    mkdirSync(path, { recursive: true });
  }
}

function firstMissing(path: string): string {
  const above = dirname(path);
  const there = lstatSync(above, { throwIfNoEntry: false });
  return there || above === path ? path : firstMissing(above);
}

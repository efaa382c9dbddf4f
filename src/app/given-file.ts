import { resolve } from "node:path";
import { badInput } from "../core/errors.ts";
import type { Ports } from "../ports.ts";

/** The bytes of a file the user named; that it is not there is his to mend, and no bug of ours. */
export async function readGiven(file: string, { files, host }: Ports): Promise<Buffer> {
  try {
    return await files.readBytes(resolve(host.cwd, file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw badInput("input.missing", {
      what: "there is no such file",
      where: file,
      next: "give the path of one that is there",
    });
  }
}

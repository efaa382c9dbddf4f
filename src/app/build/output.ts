import { join, resolve } from "node:path";
import { badInput, environment } from "../../core/errors.ts";
import type { Ports } from "../../ports.ts";

export interface Output {
  readonly dir: string;
  release(): Promise<void>;
}

/** Our own corner of an output directory: lock, memory of finished builds, work in progress. */
export const ownCorner = (out: string): string => join(out, ".tarpit-kit");

/** Makes sure that OUT can be written and that no other build works in it, until released. */
export async function openOutput(out: string, ports: Ports): Promise<Output> {
  const dir = resolve(ports.host.cwd, out);
  const corner = ownCorner(dir);
  try {
    await ports.files.mkdir(corner);
    const lock = await ports.files.lock(join(corner, "lock"));
    await clearLeftovers(corner, ports);
    return { dir, release: () => lock.release() };
  } catch (error) {
    throw translate(error as NodeJS.ErrnoException, dir);
  }
}

/** What a killed run left: artifacts half assembled, and drafts of a lock that it did not get to. */
async function clearLeftovers(corner: string, ports: Ports): Promise<void> {
  for (const name of await ports.files.list(corner)) {
    if (/^(?:stage-|lock\.)/.test(name)) await ports.files.remove(join(corner, name));
  }
}

function translate(error: NodeJS.ErrnoException, dir: string): Error {
  if (error.code === "EEXIST") {
    return environment("build.locked", {
      what: "another build is at work in this output directory",
      where: `${dir} (${error.message})`,
      next: "wait for it to end, or give this one a directory of its own with --out",
    });
  }
  if (
    error.code === "EACCES" ||
    error.code === "EROFS" ||
    error.code === "ENOTDIR" ||
    error.code === "EPERM"
  ) {
    return badInput("build.out", {
      what: "the output directory cannot be written",
      where: `${dir} (${error.code})`,
      next: "give a directory of yours with --out DIR",
    });
  }
  return error;
}

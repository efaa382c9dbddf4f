import { availableParallelism, homedir, release } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { environment } from "../core/errors.ts";
import type { Host } from "../ports.ts";

export const thisHost = (): Host => ({
  cpus: availableParallelism(),
  isRoot: process.getuid?.() === 0,
  arch: process.arch,
  kernelRelease: release(),
  env: process.env,
  cwd: currentDirectory(),
});

/** Throws when it was removed while the shell stood in it (getcwd(3): ENOENT). */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw environment("system.cwd", {
      what: "the current directory is not there any more",
      where: (error as Error).message,
      next: "cd to another directory and run this again",
    });
  }
}

/**
 * $TARPIT_KIT_CACHE, else the XDG cache directory (XDG Base Directory Specification: relative values
 * are ignored). Absolute: programs that run in other directories are given it.
 */
export function cacheDirectory({ env, cwd }: Pick<Host, "env" | "cwd">): string {
  if (env["TARPIT_KIT_CACHE"]) return resolve(cwd, env["TARPIT_KIT_CACHE"]);
  const xdg = env["XDG_CACHE_HOME"];
  return join(xdg && isAbsolute(xdg) ? xdg : join(homeDirectory(), ".cache"), "tarpit-kit");
}

/** $HOME, else the user database's; a user who is in neither (setpriv, containers) has to name a cache. */
function homeDirectory(): string {
  try {
    return homedir();
  } catch {
    throw environment("system.home", {
      what: "this user has no home directory to keep a cache in",
      where: "HOME, and the user database",
      next: "set TARPIT_KIT_CACHE to a directory of yours",
    });
  }
}

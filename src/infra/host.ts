import { availableParallelism, homedir, release } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Host } from "../ports.ts";

export const thisHost = (): Host => ({
  cpus: availableParallelism(),
  isRoot: process.getuid?.() === 0,
  arch: process.arch,
  kernelRelease: release(),
  env: process.env,
  cwd: process.cwd(),
});

/** $TARPIT_KIT_CACHE, else the XDG cache directory (XDG Base Directory Specification: relative values are ignored). */
export function cacheDirectory(env: Host["env"]): string {
  if (env["TARPIT_KIT_CACHE"]) return env["TARPIT_KIT_CACHE"];
  const xdg = env["XDG_CACHE_HOME"];
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), ".cache"), "tarpit-kit");
}

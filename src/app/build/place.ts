import { basename, join } from "node:path";
import { badInput } from "../../core/errors.ts";
import type { Ports } from "../../ports.ts";
import type { BuildKey } from "./key.ts";
import { ownCorner } from "./output.ts";

/**
 * Renames the finished directory to its place. Another build of ours that is there
 * moves to OUT/.tarpit-kit/previous; a directory that is not ours is never touched.
 */
export async function putInPlace(
  from: string,
  to: string,
  out: string,
  key: BuildKey,
  ports: Ports,
): Promise<void> {
  if (await ports.files.stat(to)) await moveAside(to, out, key, ports);
  await ports.files.rename(from, to);
}

async function moveAside(to: string, out: string, key: BuildKey, ports: Ports): Promise<void> {
  const text = await ports.files.readText(join(to, "metadata.json")).catch(() => "");
  const old = readKey(text);
  if (old === undefined) {
    throw badInput("build.foreign-output", {
      what: `${basename(to)} exists and was not made by tarpit-kit`,
      where: to,
      next: "move it away, or give another directory with --out DIR",
    });
  }
  const previous = join(ownCorner(out), "previous", `${basename(to)}-${old.slice(0, 12)}`);
  await ports.files.remove(previous);
  await ports.files.mkdir(join(previous, ".."));
  await ports.files.rename(to, previous);
  if (old !== key.artifacts) ports.log.info(`the build that was in ${to} is now in ${previous}`);
}

function readKey(text: string): string | undefined {
  try {
    const key = (JSON.parse(text) as { key?: unknown }).key;
    // It becomes part of a path: what buildKey makes, and nothing else.
    return typeof key === "string" && /^[0-9a-f]{64}$/.test(key) ? key : undefined;
  } catch {
    return undefined;
  }
}

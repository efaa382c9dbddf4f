import { join, resolve } from "node:path";
import { badInput } from "../../core/errors.ts";
import type { Ports } from "../../ports.ts";

/** Any of these makes a directory an artifact directory, so that a missing one is found and not overlooked. */
const marks = ["metadata.json", "SHA256SUMS", "extensions"] as const;

async function isArtifacts(dir: string, ports: Ports): Promise<boolean> {
  const found = await Promise.all(marks.map((name) => ports.files.stat(join(dir, name))));
  return found.some((info) => info !== undefined);
}

/** The artifact directory: the one given, or the only one in it. Hidden names do not count. */
export async function locateArtifacts(given: string, ports: Ports): Promise<string> {
  const dir = resolve(ports.host.cwd, given);
  if ((await ports.files.stat(dir)) === undefined) throw notThere(given);
  if (await isArtifacts(dir, ports)) return dir;
  const names = (await ports.files.list(dir)).filter((name) => !name.startsWith("."));
  const checks = await Promise.all(names.map((name) => isArtifacts(join(dir, name), ports)));
  const inside = names.filter((_, index) => checks[index]);
  if (inside.length === 1) return join(dir, inside[0] ?? "");
  throw inside.length === 0 ? noneIn(given, names) : severalIn(given, inside);
}

const notThere = (dir: string) =>
  badInput("artifacts.none", {
    what: "there is no such directory",
    where: dir,
    next: "give the directory that tarpit-kit build printed",
  });

const noneIn = (dir: string, names: readonly string[]) =>
  badInput("artifacts.none", {
    what: "this directory holds no artifacts",
    where: `${dir}${names.length > 0 ? ` (it holds ${names.slice(0, 8).join(", ")})` : " (it is empty)"}`,
    next: "give the directory that tarpit-kit build printed",
  });

const severalIn = (dir: string, names: readonly string[]) =>
  badInput("artifacts.several", {
    what: `this directory holds ${names.length} builds: ${names.join(", ")}`,
    where: dir,
    next: `give one of them: ${join(dir, names[0] ?? "")}`,
    data: { directories: names },
  });

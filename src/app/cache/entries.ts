import { join } from "node:path";
import type { CacheEntry, CacheKind } from "../../core/cache.ts";
import { environment } from "../../core/errors.ts";
import type { Ports } from "../../ports.ts";
import { lastUsed } from "./lease.ts";

/**
 * The cache's directories and what an entry in each is. Sources come before trees: a tree is made of
 * hard links to its source, and what both have is counted with the first.
 */
const kinds: Readonly<Record<string, CacheKind>> = {
  downloads: "download",
  sources: "source",
  trees: "tree",
  builds: "build",
  iptables: "iptables",
  prove: "evidence",
  reproduce: "evidence",
  tmp: "scratch",
};

/** One entry each, as a whole. */
const wholes: Readonly<Record<string, CacheKind>> = { apt: "index", counts: "index" };

const notEntries: ReadonlySet<string> = new Set(["runs", "gc.lock"]);

/** Locks, records that belong to another file, and what runs are making; the last are theirs to clear. */
const partOfAnother = (directory: string, name: string): boolean =>
  name.includes(".lock") ||
  (directory === "downloads" && name.endsWith(".json")) ||
  (directory !== "tmp" && name.startsWith("."));

async function namesIn(directory: string, ports: Ports): Promise<readonly string[]> {
  const info = await ports.files.stat(join(ports.cacheDir, directory));
  if (info?.kind !== "directory" || directory in wholes || !(directory in kinds))
    return [directory];
  const names = await ports.files.list(join(ports.cacheDir, directory));
  return names
    .filter((name) => !partOfAnother(directory, name))
    .map((name) => join(directory, name));
}

const kindOf = (name: string): CacheKind => {
  const [top = ""] = name.split("/");
  return kinds[top] ?? wholes[top] ?? "other";
};

/** Disk usage of each, in bytes; one du for all, so that an inode counts once (du(1)). */
async function usage(names: readonly string[], ports: Ports): Promise<ReadonlyMap<string, number>> {
  if (names.length === 0) return new Map();
  const result = await ports.processes.run(
    {
      program: "du",
      args: ["--summarize", "--block-size=1", "--null", "--files0-from=-"],
      cwd: ports.cacheDir,
      env: { LC_ALL: "C" },
    },
    { input: names.map((name) => `./${name}\0`).join("") },
  );
  const lines = result.stdout.split("\0").filter((line) => line !== "");
  // A run may remove what it made while it is counted: du then says so and counts the rest.
  if (lines.length === 0) {
    throw environment("cache.unreadable", {
      what: "the cache cannot be read",
      where: ports.cacheDir,
      next: "check its owner and permissions",
      evidence: result.stderr.trim().split("\n").slice(0, 3),
    });
  }
  return new Map(
    lines.map((line) => {
      const [bytes = "0", path = ""] = line.split("\t");
      return [path.replace(/^\.\//, ""), Number(bytes)] as const;
    }),
  );
}

/** Everything in the cache, in the order of its directories. */
export async function cacheEntries(ports: Ports): Promise<readonly CacheEntry[]> {
  const present = await ports.files.list(ports.cacheDir);
  const order = [...Object.keys(kinds), ...present.filter((name) => !(name in kinds))];
  const directories = order.filter((name) => present.includes(name) && !notEntries.has(name));
  const names = (await Promise.all(directories.map((name) => namesIn(name, ports)))).flat();
  const bytes = await usage(names, ports);
  return Promise.all(
    names
      .filter((name) => bytes.has(name))
      .map(async (name) => ({
        kind: kindOf(name),
        name,
        bytes: bytes.get(name) ?? 0,
        lastUsed: await lastUsed(join(ports.cacheDir, name), ports),
      })),
  );
}

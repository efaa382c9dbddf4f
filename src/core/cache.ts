/** What lies in the cache. Everything but `evidence` can be made again. */
export type CacheKind =
  | "download"
  | "source"
  | "tree"
  | "build"
  | "iptables"
  | "evidence"
  | "scratch"
  | "index"
  | "other";

export interface CacheEntry {
  readonly kind: CacheKind;
  /** Below the cache directory: `sources/debian-6.1.192-2-ae95fe63d4c5`. */
  readonly name: string;
  /** What it takes on disk; what it shares with an entry before it (hard links) counts there. */
  readonly bytes: number;
  readonly lastUsed: Date;
}

export interface Limits {
  /** The cache may take so much. */
  readonly maxBytes: number;
  /** Nothing stays that was not used for so long. */
  readonly maxAgeMs?: number;
}

/** Package lists are apt's to renew; without them the next look-up needs the network. */
const removable = (entry: CacheEntry): boolean => entry.kind !== "index";

/** Which entries have to go: those that are too old, then the least recently used until the rest fits. */
export function victims(
  entries: readonly CacheEntry[],
  limits: Limits,
  now: Date,
): readonly CacheEntry[] {
  const { maxBytes, maxAgeMs = Number.POSITIVE_INFINITY } = limits;
  let left = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const chosen: CacheEntry[] = [];
  const byAge = entries
    .filter(removable)
    .toSorted((a, b) => a.lastUsed.getTime() - b.lastUsed.getTime());
  for (const entry of byAge) {
    const tooOld = now.getTime() - entry.lastUsed.getTime() > maxAgeMs;
    if (!tooOld && left <= maxBytes) continue;
    chosen.push(entry);
    left -= entry.bytes;
  }
  return chosen;
}

/** How much the cache may take when nobody says otherwise (TARPIT_KIT_CACHE_SIZE, `cache gc --max-size`). */
export const defaultCacheSize = 20 * 2 ** 30;

const units: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `20G`, `500M`, `0`; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)([KMGT]?)(?:i?B)?$/i.exec(text);
  if (!match) return undefined;
  const [, amount = "", unit = ""] = match;
  return Math.round(Number(amount) * (units[unit.toUpperCase()] ?? 1));
}

const spans: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `30d`, `12h`, `2w`, in milliseconds; undefined when it is no age. */
export function parseAge(text: string): number | undefined {
  const match = /^(\d{1,6})([hdw])$/.exec(text);
  return match ? Number(match[1]) * (spans[match[2] ?? ""] ?? 0) : undefined;
}

/** What `diff -rq` may say of a patched tree and its source; anything else is damage (diff(1)). */
export function expectedDifferences(
  source: string,
  tree: string,
  files: readonly { readonly path: string; readonly before: string | null }[],
  directories: readonly string[],
): ReadonlySet<string> {
  const only = (path: string) => {
    const parts = path.split("/");
    const name = parts.pop() ?? "";
    return `Only in ${[tree, ...parts].join("/")}: ${name}`;
  };
  const made = new Set(directories);
  const inMade = (path: string) => [...made].some((directory) => path.startsWith(`${directory}/`));
  return new Set([
    only(".tarpit-kit"),
    ...directories.filter((path) => !inMade(path)).map(only),
    ...files
      .filter(({ path }) => !inMade(path))
      .map(({ path, before }) =>
        before === null ? only(path) : `Files ${source}/${path} and ${tree}/${path} differ`,
      ),
  ]);
}

/** What a compiler cache did in one build. */
export interface CacheStatistics {
  readonly program: "ccache";
  readonly calls: number;
  readonly hits: number;
  readonly misses: number;
  /** Links, preprocessing and the like, which it hands on. */
  readonly other: number;
}

/** What of a make says whether and where ccache keeps count (MakeSetup). */
interface Compiling {
  readonly launcher?: string;
  readonly buildDir?: string;
}

const usesCcache = ({ launcher, buildDir }: Compiling): boolean =>
  launcher?.split("/").at(-1) === "ccache" && buildDir !== undefined;

/** Where ccache writes what it did in this build alone (ccache(1), stats_log). */
export const statisticsLog = (setup: Compiling): string | undefined =>
  usesCcache(setup) ? `${setup.buildDir}/ccache-stats.log` : undefined;

/** The log has `# FILE` for each call, and after it the names of the counters it raised. */
export function readStatistics(log: string): CacheStatistics {
  const lines = log.split("\n");
  const count = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length;
  const calls = count(/^# /);
  const hits = count(/^(?:direct|preprocessed)_cache_hit$/);
  const misses = count(/^cache_miss$/);
  return { program: "ccache", calls, hits, misses, other: Math.max(0, calls - hits - misses) };
}

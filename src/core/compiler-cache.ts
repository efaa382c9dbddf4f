import type { MakeSetup } from "./make.ts";

/** What a compiler cache did in one build. */
export interface CacheStatistics {
  readonly program: "ccache";
  readonly calls: number;
  readonly hits: number;
  readonly misses: number;
  /** Links, preprocessing and the like, which it hands on. */
  readonly other: number;
}

const usesCcache = ({ launcher, buildDir }: MakeSetup): boolean =>
  launcher?.split("/").at(-1) === "ccache" && buildDir !== undefined;

/** Where ccache writes what it did in this build alone (ccache(1), stats_log). */
export const statisticsLog = (setup: MakeSetup): string | undefined =>
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

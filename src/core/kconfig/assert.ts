import type { Request, Settings } from "./dotconfig.ts";

export interface Dropped {
  readonly symbol: string;
  readonly wanted: string;
  /** What kconfig made of it; `n` when the symbol is not in the result at all. */
  readonly got: string;
  readonly origin: string;
}

export interface Verdict {
  readonly dropped: readonly Dropped[];
  /** Asked as a module, built in all the same (another symbol selects it, or there are no modules). */
  readonly raised: readonly Dropped[];
}

const rank: Readonly<Record<string, number>> = { n: 0, m: 1, y: 2 };

const quoted = /^"(.*)"$/s;
const sameText = (a: string, b: string): boolean =>
  a === b || a.replace(quoted, "$1") === b.replace(quoted, "$1") || sameNumber(a, b);
const sameNumber = (a: string, b: string): boolean =>
  /^(0x[0-9a-f]+|\d+)$/i.test(a) && /^(0x[0-9a-f]+|\d+)$/i.test(b) && Number(a) === Number(b);

/**
 * Whether every request is in the configuration that kconfig wrote. kconfig drops
 * an unmet request without a word, so this is asked after every olddefconfig.
 */
export function assertSettings(requests: Iterable<Request>, actual: Settings): Verdict {
  const dropped: Dropped[] = [];
  const raised: Dropped[] = [];
  for (const { symbol, value, origin } of requests) {
    const got = actual.get(symbol) ?? "n";
    const finding = { symbol, wanted: value, got, origin };
    const [wantedRank, gotRank] = [rank[value], rank[got]];
    if (wantedRank === undefined || gotRank === undefined) {
      if (!sameText(value, got)) dropped.push(finding);
    } else if (wantedRank === 1 && gotRank === 2) raised.push(finding);
    else if (wantedRank !== gotRank) dropped.push(finding);
  }
  return { dropped, raised };
}

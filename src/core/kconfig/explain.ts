import type { Dropped } from "./assert.ts";
import type { Settings } from "./dotconfig.ts";
import { all, evaluate, show, unmet, type Expression } from "./expression.ts";
import type { Definition, KconfigTree } from "./tree.ts";

export interface Explanation {
  readonly symbol: string;
  readonly wanted: string;
  readonly got: string;
  readonly origin: string;
  readonly reason:
    | { readonly kind: "unknown"; readonly near: readonly string[] }
    | { readonly kind: "no-prompt"; readonly at: string; readonly selectedBy: readonly string[] }
    | {
        readonly kind: "depends";
        readonly at: string;
        readonly expression: string;
        readonly unmet: readonly string[];
      }
    | { readonly kind: "selected"; readonly by: readonly string[] }
    | { readonly kind: "unexplained"; readonly at: string };
}

const level = (value: string): number => ({ n: 0, m: 1 })[value] ?? 2;
const place = (definition: Definition): string => `${definition.file}:${definition.line}`;

/** Says, as Kconfig states it, why a request did not come out of olddefconfig. */
export function explain(dropped: Dropped, tree: KconfigTree, settings: Settings): Explanation {
  const { symbol, wanted, got, origin } = dropped;
  return { symbol, wanted, got, origin, reason: reasonFor(dropped, tree, settings) };
}

function reasonFor(dropped: Dropped, tree: KconfigTree, settings: Settings): Explanation["reason"] {
  const definitions = tree.definitions.get(dropped.symbol);
  if (!definitions?.[0]) return { kind: "unknown", near: nearest(dropped.symbol, tree) };
  const selectors = selectedBy(dropped.symbol, tree);
  if (level(dropped.wanted) < level(dropped.got)) {
    return {
      kind: "selected",
      by: selectors.filter((name) => level(settings.get(name) ?? "n") > 0),
    };
  }
  const prompted = definitions.filter((definition) => definition.prompt !== undefined);
  if (prompted.length === 0) {
    return { kind: "no-prompt", at: place(definitions[0]), selectedBy: selectors.slice(0, 5) };
  }
  return (
    unmetOf(prompted, level(dropped.wanted), settings) ?? {
      kind: "unexplained",
      at: place(definitions[0]),
    }
  );
}

/** The definition that misses least is the one a person meant. */
function unmetOf(definitions: readonly Definition[], wanted: number, settings: Settings) {
  const candidates = definitions.flatMap((definition) => {
    const parts: Expression[] = [...definition.depends];
    if (definition.promptIf) parts.push(definition.promptIf);
    const expression = all(distinct(parts));
    if (!expression || evaluate(expression, settings) >= wanted) return [];
    const missing = unmet(expression, settings, wanted).map(show);
    return [
      {
        kind: "depends" as const,
        at: place(definition),
        expression: show(expression),
        unmet: [...new Set(missing)],
      },
    ];
  });
  return candidates.toSorted((a, b) => a.unmet.length - b.unmet.length)[0];
}

/** Nested menus repeat their conditions; a person reads each once. */
const distinct = (parts: readonly Expression[]): readonly Expression[] => [
  ...new Map(parts.map((part) => [show(part), part])).values(),
];

function selectedBy(symbol: string, tree: KconfigTree): string[] {
  const names: string[] = [];
  for (const [name, definitions] of tree.definitions) {
    if (definitions.some((definition) => definition.selects.includes(symbol))) names.push(name);
  }
  return names;
}

/** Symbols a slip of the keyboard away, or that hold the name as a part. */
function nearest(symbol: string, tree: KconfigTree): string[] {
  const scored = [...tree.definitions.keys()].map((name) => ({
    name,
    score: distance(symbol, name),
  }));
  return scored
    .filter(({ name, score }) => score <= 3 || name.endsWith(`_${symbol}`))
    .toSorted((a, b) => a.score - b.score)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Levenshtein distance, given up (99) where the lengths alone rule a near match out. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return 99;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 99;
}

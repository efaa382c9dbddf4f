import type { Dropped } from "./assert.ts";
import type { Settings } from "./dotconfig.ts";
import type { Explanation } from "./explain.ts";

/** Where a Config.in file makes a symbol (Documentation/kbuild/config-language.txt of Linux 2.4). */
export interface ConfigInDefinition {
  readonly file: string;
  readonly line: number;
  /** `tristate`, `dep_tristate`, `define_bool`, … */
  readonly verb: string;
  /** The tests of the ifs around it, as written; an else turns one round with `!`. */
  readonly conditions: readonly string[];
  /** Symbols that a dep_ statement caps it at. */
  readonly caps: readonly string[];
}

export type ConfigInTree = ReadonlyMap<string, readonly ConfigInDefinition[]>;

const statement =
  /^(bool|tristate|dep_tristate|dep_bool|dep_mbool|define_bool|define_tristate|int|hex|string|define_int|define_hex|define_string)\s+(.*)$/;
const symbolIn = /(?:^|\s)CONFIG_(\w+)/;
const capsIn = /\$CONFIG_(\w+)/g;
const most = 2000;

/** Reads a Config.in and what it sources; files that are not there are passed over, as the reader may be of another arch. */
export async function readConfigIn(
  start: string,
  read: (path: string) => Promise<string | undefined>,
): Promise<ConfigInTree> {
  const tree = new Map<string, ConfigInDefinition[]>();
  let files = 0;
  const visit = async (file: string, around: readonly string[]): Promise<void> => {
    files += 1;
    const text = files > most ? undefined : await read(file);
    const open: string[] = [];
    for (const [index, raw] of joined(text ?? "")) {
      const line = raw.trim();
      const test = /^if\s+(.*?);?\s*(?:then)?$/.exec(line)?.[1];
      if (test !== undefined) open.push(test.trim());
      else if (line === "else") open.push(`!${open.pop() ?? ""}`);
      else if (line === "fi") open.pop();
      const sourced = /^source\s+(\S+)/.exec(line)?.[1];
      if (sourced !== undefined) await visit(sourced, [...around, ...open]);
      const found = definitionOf(line, file, index + 1, [...around, ...open]);
      if (found) tree.set(found[0], [...(tree.get(found[0]) ?? []), found[1]]);
    }
  };
  await visit(start, []);
  return tree;
}

/** Lines with their numbers; one that ends with a backslash goes on in the next. */
function* joined(text: string): Generator<readonly [number, string]> {
  let held = "";
  let first = 0;
  for (const [index, line] of text.split("\n").entries()) {
    if (held === "") first = index;
    if (line.endsWith("\\")) held += `${line.slice(0, -1)} `;
    else {
      yield [first, held + line];
      held = "";
    }
  }
}

function definitionOf(
  line: string,
  file: string,
  number: number,
  conditions: readonly string[],
): readonly [string, ConfigInDefinition] | undefined {
  const [, verb = "", rest = ""] = statement.exec(line) ?? [];
  const symbol = verb === "" ? undefined : symbolIn.exec(rest.replace(/'[^']*'|"[^"]*"/, ""))?.[1];
  if (symbol === undefined) return undefined;
  const caps = verb.startsWith("dep_")
    ? [...rest.matchAll(capsIn)].map((match) => match[1] ?? "")
    : [];
  return [symbol, { file, line: number, verb, conditions, caps }];
}

const rank = (value: string | undefined): number => ({ y: 2, m: 1 })[value ?? ""] ?? 0;

/** One test as the shell would judge it; undefined for what is more than comparisons of symbols. */
function judged(test: string, settings: Settings): boolean | undefined {
  if (test.startsWith("!")) {
    const inner = judged(test.slice(1), settings);
    return inner === undefined ? undefined : !inner;
  }
  const body = /^\[\s+(.*)\s+\]$/.exec(test)?.[1];
  if (body === undefined || /[[\]]/.test(body)) return undefined;
  const atoms = body.split(/\s+-o\s+/).map((part) => part.split(/\s+-a\s+/));
  const values = atoms.map((all) => all.map((atom) => compared(atom, settings)));
  if (values.flat().includes(undefined)) return undefined;
  return values.some((all) => all.every((value) => value === true));
}

function compared(atom: string, settings: Settings): boolean | undefined {
  const match = /^"\$CONFIG_(\w+)"\s*(!?=)\s*"(\w*)"$/.exec(atom.trim());
  if (!match) return undefined;
  const [, symbol = "", operator, value] = match;
  return ((settings.get(symbol) ?? "n") === value) === (operator === "=");
}

/** Says, as Config.in states it, why a request did not come out of oldconfig. */
export function explainConfigIn(
  dropped: Dropped,
  tree: ConfigInTree,
  settings: Settings,
): Explanation {
  const { symbol, wanted, got, origin } = dropped;
  const base = { symbol, wanted, got, origin };
  const definitions = tree.get(symbol) ?? [];
  const [first] = definitions;
  if (!first) return { ...base, reason: { kind: "unknown", near: near(symbol, tree) } };
  const at = (one: ConfigInDefinition): string => `${one.file}:${one.line}`;
  const asked = definitions.filter((one) => !one.verb.startsWith("define_"));
  if (asked.length === 0)
    return { ...base, reason: { kind: "no-prompt", at: at(first), selectedBy: [] } };
  for (const one of asked) {
    const unmet = [
      ...one.conditions.filter((test) => judged(test, settings) === false),
      ...one.caps
        .filter((cap) => rank(settings.get(cap)) < rank(wanted))
        .map(
          (cap) =>
            `${cap}=${settings.get(cap) ?? "n"} allows no more than ${settings.get(cap) ?? "n"}`,
        ),
    ];
    const expression = [...one.conditions, ...one.caps].join(" and ") || "nothing";
    if (unmet.length > 0)
      return { ...base, reason: { kind: "depends", at: at(one), expression, unmet } };
  }
  return { ...base, reason: { kind: "unexplained", at: at(first) } };
}

/** Names that hold the same words. */
function near(symbol: string, tree: ConfigInTree): readonly string[] {
  const last = symbol.split("_").at(-1) ?? symbol;
  return [...tree.keys()].filter((name) => name.endsWith(`_${last}`)).slice(0, 3);
}

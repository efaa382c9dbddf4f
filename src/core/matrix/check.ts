import { badInput, type TarpitError } from "../errors.ts";

/** What a value of the file has to be. */
export type Rule =
  | { readonly kind: "word"; readonly allowed?: readonly string[] }
  | { readonly kind: "words"; readonly allowed?: readonly string[]; readonly least?: number }
  | { readonly kind: "number"; readonly least: number }
  | { readonly kind: "flag" }
  | { readonly kind: "object"; readonly rules: Rules }
  | { readonly kind: "objects"; readonly rules: Rules };
export type Rules = Readonly<Record<string, Rule>>;

interface Place {
  readonly file: string;
  /** `drift.lines[2]`; empty for the whole. */
  readonly path: string;
}

const wrong = ({ file, path }: Place, what: string, next: string): TarpitError =>
  badInput("matrix.file", {
    what: path === "" ? what : `${path}: ${what}`,
    where: path === "" ? file : `${file}, ${path}`,
    next,
  });

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? "nothing";
const choose = (allowed: readonly string[]): string => `choose one of: ${allowed.join(", ")}`;

/** Throws at the first value that is not what its rule says, naming its path and what may stand there. */
export function check(value: unknown, rule: Rule, place: Place): void {
  if (rule.kind === "words") return checkWords(value, rule, place);
  if (rule.kind === "object") return checkObject(value, rule.rules, place);
  if (rule.kind === "objects") {
    for (const [index, item] of list(value, place, "objects").entries())
      checkObject(item, rule.rules, below(place, index));
    return;
  }
  if (rule.kind === "word") return checkWord(value, rule.allowed, place);
  if (rule.kind === "flag") {
    if (typeof value !== "boolean")
      throw wrong(place, `${shown(value)} is neither true nor false`, "write true or false");
  } else if (!Number.isSafeInteger(value) || (value as number) < rule.least) {
    throw wrong(place, `${shown(value)} is no whole number`, `give one of at least ${rule.least}`);
  }
}

const below = ({ file, path }: Place, name: string | number): Place => ({
  file,
  path: typeof name === "number" ? `${path}[${name}]` : path === "" ? name : `${path}.${name}`,
});

function list(value: unknown, place: Place, of: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(place, `${shown(value)} is no list`, `write a list of ${of}: [ … ]`);
}

function checkWords(
  value: unknown,
  { allowed, least = 0 }: Extract<Rule, { kind: "words" }>,
  place: Place,
): void {
  const words = list(value, place, "strings");
  if (words.length < least)
    throw wrong(place, "the list is empty", allowed ? choose(allowed) : "name at least one");
  for (const [index, word] of words.entries()) checkWord(word, allowed, below(place, index));
}

function checkWord(value: unknown, allowed: readonly string[] | undefined, place: Place): void {
  if (typeof value !== "string" || value === "")
    throw wrong(place, `${shown(value)} is no string`, allowed ? choose(allowed) : 'write "…"');
  if (allowed && !allowed.includes(value))
    throw wrong(place, `${shown(value)} is not known here`, choose(allowed));
}

function checkObject(value: unknown, rules: Rules, place: Place): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(place, `${shown(value)} is no object`, "write { … }");
  for (const [name, item] of Object.entries(value)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule)
      throw wrong(
        below(place, name),
        "there is no such setting",
        `known settings: ${Object.keys(rules).join(", ")}`,
      );
    check(item, rule, below(place, name));
  }
}

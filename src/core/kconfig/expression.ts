import type { Settings } from "./dotconfig.ts";

/** A dependency as Kconfig writes it (Documentation/kbuild/kconfig-language.rst, "Menu dependencies"). */
export type Expression =
  | { readonly kind: "symbol"; readonly name: string }
  | { readonly kind: "not"; readonly of: Expression }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: "compare";
      readonly op: string;
      readonly left: string;
      readonly right: string;
    };

const token = /\s*(\|\||&&|!=|<=|>=|[=<>!()]|"(?:[^"\\]|\\.)*"|'[^']*'|\$\([^)]*\)|[\w./-]+)/y;

function tokens(text: string): string[] {
  const found: string[] = [];
  token.lastIndex = 0;
  for (let match = token.exec(text); match; match = token.exec(text)) found.push(match[1] ?? "");
  return found;
}

/** Parses one expression; text that is none gives undefined. */
export function parseExpression(text: string): Expression | undefined {
  const input = tokens(text);
  let at = 0;
  const binary = (kind: "and" | "or", op: string, next: () => Expression | undefined) => {
    let left = next();
    while (left && input[at] === op) {
      at += 1;
      const right = next();
      left = right && { kind, left, right };
    }
    return left;
  };
  const or = (): Expression | undefined => binary("or", "||", and);
  const and = (): Expression | undefined => binary("and", "&&", unary);
  const unary = (): Expression | undefined => {
    const first = input[at];
    at += 1;
    if (first === undefined) return undefined;
    if (first === "!") {
      const of = unary();
      return of && { kind: "not", of };
    }
    if (first === "(") {
      const inner = or();
      at += 1;
      return inner;
    }
    return comparison(first);
  };
  const comparison = (left: string): Expression => {
    const op = input[at] ?? "";
    if (!/^(=|!=|<|>|<=|>=)$/.test(op)) return { kind: "symbol", name: left };
    const right = input[at + 1] ?? "";
    at += 2;
    return { kind: "compare", op, left, right };
  };
  const result = or();
  return at >= input.length ? result : undefined;
}

export const all = (parts: readonly Expression[]): Expression | undefined =>
  parts.length === 0 ? undefined : parts.reduce((left, right) => ({ kind: "and", left, right }));

/** 0, 1, 2 for n, m, y; a macro such as $(cc-option,…) is taken as met, for only kconfig can run it. */
export function evaluate(expression: Expression, settings: Settings): number {
  switch (expression.kind) {
    case "symbol":
      return tristate(expression.name, settings);
    case "not":
      return 2 - evaluate(expression.of, settings);
    case "and":
      return Math.min(evaluate(expression.left, settings), evaluate(expression.right, settings));
    case "or":
      return Math.max(evaluate(expression.left, settings), evaluate(expression.right, settings));
    case "compare":
      return compare(expression, settings);
  }
}

function tristate(name: string, settings: Settings): number {
  const value = name.startsWith("$(") ? "y" : text(name, settings);
  return { n: 0, m: 1, y: 2 }[value] ?? 0;
}

function text(name: string, settings: Settings): string {
  if (/^["']/.test(name)) return name.slice(1, -1);
  if (name === "y" || name === "m" || name === "n" || /^\d/.test(name)) return name;
  return (settings.get(name) ?? "n").replace(/^"(.*)"$/, "$1");
}

function compare(e: { op: string; left: string; right: string }, settings: Settings): number {
  if (e.left.startsWith("$(") || e.right.startsWith("$(")) return 2;
  const [left, right] = [text(e.left, settings), text(e.right, settings)];
  const order = Number(left) - Number(right);
  const holds: Readonly<Record<string, boolean>> = {
    "=": left === right,
    "!=": left !== right,
    "<": order < 0,
    ">": order > 0,
    "<=": order <= 0,
    ">=": order >= 0,
  };
  return holds[e.op] ? 2 : 0;
}

/** The parts joined by && that are below `level`: what a person has to turn on. */
export function unmet(
  expression: Expression,
  settings: Settings,
  level: number,
): readonly Expression[] {
  if (evaluate(expression, settings) >= level) return [];
  if (expression.kind !== "and") return [expression];
  return [...unmet(expression.left, settings, level), ...unmet(expression.right, settings, level)];
}

/** As Kconfig would write it. */
export function show(expression: Expression): string {
  switch (expression.kind) {
    case "symbol":
      return expression.name;
    case "not":
      return `!${bracket(expression.of)}`;
    case "and":
      return `${bracket(expression.left, "and")} && ${bracket(expression.right, "and")}`;
    case "or":
      return `${show(expression.left)} || ${show(expression.right)}`;
    case "compare":
      return `${expression.left}${expression.op}${expression.right}`;
  }
}

function bracket(expression: Expression, inside?: "and"): string {
  const bare = expression.kind === "symbol" || (inside && expression.kind !== "or");
  return bare ? show(expression) : `(${show(expression)})`;
}

/** Every symbol an expression names. */
export function symbolsOf(expression: Expression): readonly string[] {
  switch (expression.kind) {
    case "symbol":
      return [expression.name];
    case "not":
      return symbolsOf(expression.of);
    case "compare":
      return [expression.left, expression.right];
    default:
      return [...symbolsOf(expression.left), ...symbolsOf(expression.right)];
  }
}

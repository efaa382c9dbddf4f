/** One operand of an extended asm (gcc manual, "Extended Asm"): `[name] "constraint" (expression)`. */
export interface AsmOperand {
  readonly name: string | undefined;
  readonly constraint: string;
  readonly expression: string;
}

/** An asm statement as it stands after the preprocessor. */
export interface AsmStatement {
  readonly file: string;
  readonly line: number;
  readonly isVolatile: boolean;
  readonly template: string;
  readonly outputs: readonly AsmOperand[];
  readonly inputs: readonly AsmOperand[];
  readonly clobbers: readonly string[];
}

const marker = /^# (\d+) "((?:[^"\\]|\\.)*)"/;
const start =
  /\b(?:__asm__|__asm|asm)\b((?:\s|\b(?:__volatile__|__volatile|volatile|goto|inline|__inline__?)\b)*)\(/g;

/** Every asm statement in the output of `gcc -E`, with the place its line markers give it. */
export function parseAsm(source: string): readonly AsmStatement[] {
  const found: AsmStatement[] = [];
  const at = placer(source);
  start.lastIndex = 0;
  for (let match = start.exec(source); match; match = start.exec(source)) {
    const open = match.index + match[0].length - 1;
    const close = closing(source, open);
    if (close === undefined) continue;
    const body = source.slice(open + 1, close).replaceAll(/^# \d+ "[^\n]*$/gm, "");
    const statement = read(body);
    start.lastIndex = close;
    if (!statement) continue;
    found.push({ ...at(match.index), isVolatile: /volatile/.test(match[1] ?? ""), ...statement });
  }
  return found;
}

/** File and line of ever later offsets. */
function placer(source: string): (offset: number) => { file: string; line: number } {
  let position = 0;
  let file = "";
  let line = 0;
  return (offset) => {
    while (position <= offset) {
      const end = source.indexOf("\n", position);
      if (end < 0 || end >= offset) break;
      const text = source.slice(position, end);
      const found = marker.exec(text);
      if (found) {
        file = found[2] ?? "";
        line = Number(found[1]) - 1;
      } else line += 1;
      position = end + 1;
    }
    return { file, line: line + 1 };
  };
}

/** Where the parenthesis at `open` is closed; strings and characters may hold any. */
function closing(source: string, open: number): number | undefined {
  let depth = 0;
  for (let at = open; at < source.length; at++) {
    const c = source[at];
    if (c === '"' || c === "'") at = endOfLiteral(source, at);
    else if (c === "(") depth += 1;
    else if (c === ")" && --depth === 0) return at;
  }
  return undefined;
}

function endOfLiteral(source: string, at: number): number {
  const quote = source[at];
  for (let end = at + 1; end < source.length; end++) {
    if (source[end] === "\\") end += 1;
    else if (source[end] === quote) return end;
  }
  return source.length;
}

/** Splits at a separator that stands outside of strings and parentheses. */
function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const c = text[at] ?? "";
    if (c === '"' || c === "'") at = endOfLiteral(text, at);
    else if ("([{".includes(c)) depth += 1;
    else if (")]}".includes(c)) depth -= 1;
    else if (c === separator && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)];
}

/** The bytes of adjacent string literals, escapes undone as far as an assembler cares. */
function literals(text: string): string {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"/gs)]
    .map((match) =>
      (match[1] ?? "").replaceAll(/\\(.)/gs, (_whole, c: string) =>
        c === "n" ? "\n" : c === "t" ? "\t" : c,
      ),
    )
    .join("");
}

function read(
  body: string,
): Pick<AsmStatement, "template" | "outputs" | "inputs" | "clobbers"> | undefined {
  if (!/^\s*"/.test(body)) return undefined;
  const [template = "", outputs = "", inputs = "", clobbers = ""] = split(body, ":");
  return {
    template: literals(template),
    outputs: operands(outputs),
    inputs: operands(inputs),
    clobbers: split(clobbers, ",")
      .map(literals)
      .filter((name) => name !== ""),
  };
}

function operands(text: string): readonly AsmOperand[] {
  return split(text, ",").flatMap((part) => {
    const match =
      /^\s*(?:\[\s*(\w+)\s*\])?\s*("(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*)\s*\(([\s\S]*)\)\s*$/.exec(
        part,
      );
    if (!match) return [];
    return [
      {
        name: match[1],
        constraint: literals(match[2] ?? ""),
        expression: (match[3] ?? "").trim(),
      },
    ];
  });
}

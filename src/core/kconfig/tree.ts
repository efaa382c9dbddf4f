import { type Expression, parseExpression } from "./expression.ts";

/** One `config` or `menuconfig` entry; a symbol may have several. */
export interface Definition {
  readonly symbol: string;
  readonly file: string;
  readonly line: number;
  readonly type: string | undefined;
  /** The text a person sees; without one the symbol can only be selected. */
  readonly prompt: string | undefined;
  readonly promptIf: Expression | undefined;
  /** Own `depends on` and those of every enclosing if, menu and choice. */
  readonly depends: readonly Expression[];
  readonly selects: readonly string[];
}

export interface KconfigTree {
  readonly definitions: ReadonlyMap<string, readonly Definition[]>;
}

type Reader = (path: string) => Promise<string | undefined>;
type Variables = Readonly<Record<string, string>>;

interface Draft {
  symbol: string;
  file: string;
  line: number;
  type: string | undefined;
  prompt: string | undefined;
  promptIf: Expression | undefined;
  depends: Expression[];
  selects: string[];
}

/** A block that is open while its lines are read: what it adds to the conditions of what is inside. */
interface Block {
  readonly kind: "if" | "menu" | "choice";
  readonly depends: Expression[];
}

const typeLine = /^(def_)?(bool|boolean|tristate|string|int|hex)\b\s*(.*)$/;
const promptText = /^("(?:[^"\\]|\\.)*"|'[^']*')\s*(?:if\s+(.*))?$/;

/**
 * Reads Kconfig files from `root` on, following `source`. It knows as much of the
 * language as is needed to say why a symbol was dropped: entries, prompts,
 * dependencies and blocks (Documentation/kbuild/kconfig-language.rst); it evaluates
 * no macros beyond $(VARIABLE).
 */
export async function readKconfig(
  root: string,
  read: Reader,
  variables: Variables,
): Promise<KconfigTree> {
  const walker = new Walker(read, variables);
  await walker.file(root, []);
  return { definitions: walker.definitions };
}

class Walker {
  readonly definitions = new Map<string, Definition[]>();
  readonly #read: Reader;
  readonly #variables: Variables;
  readonly #seen = new Set<string>();

  constructor(read: Reader, variables: Variables) {
    this.#read = read;
    this.#variables = variables;
  }

  async file(path: string, outer: readonly Expression[]): Promise<void> {
    if (this.#seen.has(path)) return;
    this.#seen.add(path);
    const text = await this.#read(path);
    if (text === undefined) return;
    const scanner = new FileScanner(path, outer);
    for (const [line, content] of logicalLines(text)) {
      const source = scanner.line(line, content);
      if (source) await this.file(this.#expand(source), scanner.conditions());
    }
    for (const draft of scanner.entries) this.#add(draft);
  }

  #expand(path: string): string {
    return path.replace(
      /\$\((\w+)\)|\$(\w+)/g,
      (whole, a: string, b: string) => this.#variables[a ?? b] ?? whole,
    );
  }

  #add(definition: Definition): void {
    const before = this.definitions.get(definition.symbol);
    if (before) before.push(definition);
    else this.definitions.set(definition.symbol, [definition]);
  }
}

/** Lines joined at a trailing backslash, with the number of the first; help texts are left out. */
function* logicalLines(text: string): Generator<[number, string]> {
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index += 1) {
    const start = index;
    let content = lines[index] ?? "";
    while (content.endsWith("\\") && index + 1 < lines.length) {
      index += 1;
      content = `${content.slice(0, -1)} ${lines[index]}`;
    }
    if (/^\s*(---)?help(---)?\s*$/.test(content)) index = helpEnd(lines, index);
    else yield [start + 1, content];
  }
}

const indent = (line: string): number => line.replaceAll("\t", "        ").search(/\S/);

/** A help text ends at the first line that is indented less than its first one. */
function helpEnd(lines: readonly string[], at: number): number {
  let index = at + 1;
  while (index < lines.length && (lines[index] ?? "").trim() === "") index += 1;
  const depth = indent(lines[index] ?? "");
  while (
    index < lines.length &&
    ((lines[index] ?? "").trim() === "" || indent(lines[index] ?? "") >= depth)
  ) {
    if (depth <= 0) break;
    index += 1;
  }
  return index - 1;
}

/** Takes the lines of one file and keeps the open blocks. */
class FileScanner {
  readonly entries: Draft[] = [];
  readonly #file: string;
  readonly #blocks: Block[] = [];
  readonly #outer: readonly Expression[];
  #entry: Draft | undefined;
  /** What a `depends on` line belongs to right now. */
  #target: Expression[] = [];

  constructor(file: string, outer: readonly Expression[]) {
    this.#file = file;
    this.#outer = outer;
  }

  conditions(): readonly Expression[] {
    return [...this.#outer, ...this.#blocks.flatMap((block) => block.depends)];
  }

  /** The path of a `source` line, to be read before the next line. */
  line(number: number, raw: string): string | undefined {
    const content = raw.replace(/^((?:[^"'#]|"[^"]*"|'[^']*')*)#.*$/, "$1").trim();
    const [word = "", rest = ""] = split(content);
    if (word === "source" || word === "osource" || word === "rsource" || word === "orsource") {
      this.#entry = undefined;
      return rest.replaceAll('"', "");
    }
    if (word === "config" || word === "menuconfig") this.#begin(rest, number);
    else if (word === "if" || word === "menu" || word === "choice") this.#open(word, rest);
    else if (word === "endif" || word === "endmenu" || word === "endchoice") this.#close();
    else if (word === "comment" || word === "mainmenu") this.#detach();
    else this.#attribute(word, rest, content);
    return undefined;
  }

  #begin(symbol: string, line: number): void {
    const depends = [...this.conditions()];
    this.#entry = {
      symbol: symbol.trim(),
      file: this.#file,
      line,
      type: undefined,
      prompt: undefined,
      promptIf: undefined,
      depends,
      selects: [],
    };
    this.#target = depends;
    this.entries.push(this.#entry);
  }

  #open(kind: Block["kind"], rest: string): void {
    const condition = kind === "if" ? parseExpression(rest) : undefined;
    const block = { kind, depends: condition ? [condition] : [] };
    this.#blocks.push(block);
    this.#entry = undefined;
    this.#target = block.depends;
  }

  #close(): void {
    this.#blocks.pop();
    this.#detach();
  }

  #detach(): void {
    this.#entry = undefined;
    this.#target = [];
  }

  #attribute(word: string, rest: string, content: string): void {
    if (word === "depends") {
      const expression = parseExpression(rest.replace(/^on\s+/, ""));
      if (expression) this.#target.push(expression);
    }
    const entry = this.#entry;
    if (!entry) return;
    if (word === "select" || word === "imply") entry.selects.push(split(rest)[0] ?? "");
    const type = typeLine.exec(content);
    if (type) entry.type = type[2] === "boolean" ? "bool" : type[2];
    const prompt = promptText.exec(
      type && !type[1] ? (type[3] ?? "") : word === "prompt" ? rest : "",
    );
    if (!prompt) return;
    entry.prompt = (prompt[1] ?? "").slice(1, -1);
    entry.promptIf = prompt[2] === undefined ? undefined : parseExpression(prompt[2]);
  }
}

function split(content: string): [string, string] {
  const match = /^(\S+)\s*(.*)$/.exec(content);
  return [match?.[1] ?? "", match?.[2] ?? ""];
}

/** One warning or error of a compiler or linker, as it stands in the log. */
export interface Diagnostic {
  readonly severity: "warning" | "error";
  readonly file: string;
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly message: string;
  /** `-Wunused-variable`, where the compiler names it. */
  readonly option: string | undefined;
  /** The source line, carets and notes that follow, as printed. */
  readonly context: readonly string[];
}

export interface LogSummary {
  /** Files compiled: CC, AS, HOSTCC and their [M] forms. */
  readonly compiled: number;
  readonly diagnostics: readonly Diagnostic[];
  /** Diagnostics beyond the limit that are counted only. */
  readonly omitted: number;
  /** `make: *** …` lines: which targets were given up. */
  readonly givenUp: readonly string[];
  /** What was said last before make first gave up, and is in no form that is known here. */
  readonly lastWords: readonly string[];
  /** A program had no room to write: where the disk is full, nothing else is wrong. */
  readonly diskFull: boolean;
}

/** Kbuild's short form (scripts/Kbuild.include, `quiet_cmd_*`): two spaces, command, file. */
const step = /^ {2}(CC|AS|HOSTCC|HOSTCXX|RUSTC)(?: \[M\])? +(\S+)$/;
/** Before kbuild, make prints the compiler's call itself. */
const olderStep = /^(?!make)\S+ (?:.* )?-c (?:.* )?(\S+\.[cS])(?: |$)/;
const located = /^(\S[^:]*):(\d+):(?:(\d+):)? (fatal error|error|warning): (.*)$/;
const linker = /^(?:\S*-)?ld(?:\.\w+)?: (?:(\S+?):(?:\(\S+\):)? )?(warning: )?(.*)$/;
const modpost = /^(ERROR|WARNING): modpost: (.*)$/;
const kbuild = /^(?:scripts\/\S+|error|Error|ERROR): .*$/;
const gaveUp = /^make(?:\[\d+\])?: \*\*\* (.*)$/;
const continues = /^(?: {2,}|\s*\d* \||In file included|\s+from )|: note: /;

/** strerror(3) of ENOSPC and EDQUOT; dash's echo calls every failed write an I/O error. */
export const noRoom = /No space left on device|Disk quota exceeded|echo: I\/O error/;
/** Lines that say nothing of a failure: kbuild's other short forms, make's directories. */
const quiet = /^(?: {2}[A-Z]|make(?:\[\d+\])?: (?:Entering|Leaving) directory|#)/;
const fewWords = 8;

/** Most diagnostics that are kept; a tree with thousands of warnings must not fill the memory. */
const limit = 500;

/** Reads a kernel build's output line by line; memory is bounded whatever comes. */
export class BuildLogReader {
  #compiled = 0;
  #omitted = 0;
  #current: { diagnostic: Diagnostic; context: string[] } | undefined;
  #item = "";
  readonly #diagnostics: Diagnostic[] = [];
  readonly #givenUp: string[] = [];
  #lastWords: string[] = [];
  #diskFull = false;

  /** Files compiled so far, and the one begun last. */
  get progress(): { readonly compiled: number; readonly item: string } {
    return { compiled: this.#compiled, item: this.#item };
  }

  line(raw: string): void {
    const text = readable(raw.replace(/\r$/, ""));
    if (noRoom.test(text)) this.#diskFull = true;
    const item = step.exec(text)?.[2] ?? olderStep.exec(text)?.[1];
    if (item !== undefined) {
      this.#compiled += 1;
      this.#item = item;
      this.#current = undefined;
      return;
    }
    const failed = gaveUp.exec(text);
    if (failed) {
      this.#current = undefined;
      if (this.#givenUp.length < limit) this.#givenUp.push(failed[1] ?? "");
      return;
    }
    const diagnostic = parseDiagnostic(text);
    if (diagnostic) this.#add(diagnostic);
    else if (this.#current && continues.test(text) && this.#current.context.length < 12) {
      this.#current.context.push(text);
    } else {
      this.#current = undefined;
      this.#remember(text);
    }
  }

  summary(): LogSummary {
    return {
      compiled: this.#compiled,
      diagnostics: this.#diagnostics,
      omitted: this.#omitted,
      givenUp: this.#givenUp,
      lastWords: this.#lastWords,
      diskFull: this.#diskFull,
    };
  }

  #remember(text: string): void {
    if (this.#givenUp.length > 0 || text === "" || quiet.test(text)) return;
    this.#lastWords = [...this.#lastWords, text].slice(-fewWords);
  }

  #add(found: Diagnostic): void {
    const context: string[] = [];
    const diagnostic = { ...found, context };
    this.#current = { diagnostic, context };
    const same = this.#diagnostics.some((old) => key(old) === key(diagnostic));
    if (same) return;
    const room = diagnostic.severity === "error" ? 2 * limit : limit;
    if (this.#diagnostics.length < room) this.#diagnostics.push(diagnostic);
    else this.#omitted += 1;
  }
}

/** Lines come byte by byte (latin1); a compiler that quotes in UTF-8 is to be read as it meant it. */
const readable = (line: string): string =>
  /[\x80-\xff]/.test(line) ? Buffer.from(line, "latin1").toString("utf8") : line;

const key = (d: Diagnostic): string => `${d.file}:${d.line}:${d.column}:${d.message}`;

function parseDiagnostic(text: string): Diagnostic | undefined {
  const match = located.exec(text);
  if (match) {
    const [, file = "", line, column, kind, rest = ""] = match;
    const option = /\s\[(-W[^\]]+)\]$/.exec(rest)?.[1];
    const severity = kind === "warning" ? "warning" : "error";
    return made(
      severity,
      file,
      rest.replace(/\s\[-W[^\]]+\]$/, ""),
      Number(line),
      column && Number(column),
      option,
    );
  }
  const post = modpost.exec(text);
  if (post) return made(post[1] === "ERROR" ? "error" : "warning", "modpost", post[2] ?? "");
  const link = linker.exec(text);
  if (link) return made(link[2] ? "warning" : "error", link[1] ?? "ld", link[3] ?? "");
  if (kbuild.test(text)) return made("error", "kbuild", text);
  return undefined;
}

function made(
  severity: Diagnostic["severity"],
  file: string,
  message: string,
  line?: number,
  column?: number | "",
  option?: string,
): Diagnostic {
  return {
    severity,
    file,
    line,
    column: column === "" ? undefined : column,
    message,
    option,
    context: [],
  };
}

/** What a person needs to see of a failed build: errors first, then what make gave up; never the whole log. */
export function failureLines(summary: LogSummary, most = 30): readonly string[] {
  const errors = summary.diagnostics.filter((diagnostic) => diagnostic.severity === "error");
  const lines = errors
    .slice(0, 10)
    .flatMap((error) => [showDiagnostic(error), ...error.context.slice(0, 4)]);
  const shown = lines.slice(0, most);
  return shown.length > 0 ? shown : [...summary.lastWords, ...summary.givenUp.slice(0, 5)];
}

export function showDiagnostic(d: Diagnostic): string {
  const place = [d.file, d.line, d.column].filter((part) => part !== undefined).join(":");
  return `${place}: ${d.severity}: ${d.message}${d.option ? ` [${d.option}]` : ""}`;
}

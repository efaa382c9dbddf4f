import { failure } from "../errors.ts";

/** How the lines of an addition find their place; each Patch-o-Matic kind of file has its own way. */
export type AddKind = "kconfig" | "help" | "plain";

export const addKind = (path: string): AddKind =>
  /(?:^|\/)Kconfig$/.test(path) ? "kconfig" : path.endsWith("Configure.help") ? "help" : "plain";

export const isBlank = (line: string | undefined): boolean =>
  line === undefined || /^\s*$/.test(line);

/**
 * Adds lines as Patch-o-Matic's tools did. In a Kconfig they go before the first line
 * `endmenu`, with an empty line after them. Elsewhere the addition's own first line says
 * after which line of the file, the first that is equal, the rest goes; in Configure.help
 * it goes after the whole entry of that line, framed by empty ones. What is there already
 * is not added twice.
 */
export function addLines(
  lines: readonly string[],
  addition: readonly string[],
  kind: AddKind,
  where: string,
): string[] {
  const [anchor, fresh] =
    kind === "kconfig" ? ["endmenu\n", addition] : [addition[0] ?? "\n", addition.slice(1)];
  const found = lines.findIndex((line) => ended(line) === ended(anchor));
  if (found < 0) throw noPlace(anchor, where);
  const text = fresh.map(ended);
  if (isThere(lines, text)) throw isIn(where);
  if (kind === "kconfig") return lines.toSpliced(found, 0, ...text, "\n");
  if (kind === "plain") return lines.map(ended).toSpliced(found + 1, 0, ...text);
  let next = found + 1;
  while (next < lines.length && !/^\S/.test(lines[next] ?? "")) next += 1;
  const before = isBlank(lines[next - 1]) ? [] : ["\n"];
  const after = isBlank(text.at(-1)) ? [] : ["\n"];
  return lines.map(ended).toSpliced(next, 0, ...before, ...text, ...after);
}

const ended = (line: string): string => (line.endsWith("\n") ? line : `${line}\n`);

function isThere(lines: readonly string[], text: readonly string[]): boolean {
  const first = text.find((line) => !isBlank(line));
  if (first === undefined) return false;
  const skip = text.indexOf(first);
  return lines.some(
    (line, at) =>
      line === first && text.slice(skip).every((one, index) => lines[at + index] === one),
  );
}

const noPlace = (anchor: string, where: string): Error =>
  failure("extract.no-place", {
    what: `the tree has no line "${Buffer.from(anchor.trimEnd(), "latin1").toString("utf8")}" to add to`,
    where,
    next: "the patch set is for another kernel line: give the tree it was made for",
  });

const isIn = (where: string): Error =>
  failure("extract.already-there", {
    what: "the lines to add are in the tree already",
    where,
    next: "give a tree without this patch set",
  });

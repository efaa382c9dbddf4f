import { badInput } from "./errors.ts";

/** One line of a quilt series file. */
export interface SeriesEntry {
  /** The patch's path, relative to the series file's directory. */
  readonly name: string;
  readonly strip: number;
  readonly reverse: boolean;
}

/**
 * A series file as quilt(1) reads it: a patch a line, `#` starts a comment, after the
 * name -pN (or `-p N`, also -pab as quilt writes for -p1 against a/ and b/) and -R.
 */
export function parseSeries(text: string, where: string): SeriesEntry[] {
  const entries: SeriesEntry[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const words = line
      .replace(/(?:^|\s)#.*$/, "")
      .trim()
      .split(/\s+/);
    const [name, ...options] = words;
    if (name === undefined || name === "") continue;
    entries.push({ name, ...readOptions(options, `${where}:${index + 1}`) });
  }
  return entries;
}

function readOptions(words: readonly string[], where: string): { strip: number; reverse: boolean } {
  let strip = 1;
  let reverse = false;
  for (const word of words
    .join(" ")
    .replaceAll(/-p (?=\S)/g, "-p")
    .split(" ")
    .filter(Boolean)) {
    const level = /^-p(\d{1,3}|ab)$/.exec(word)?.[1];
    if (level !== undefined) strip = level === "ab" ? 1 : Number(level);
    else if (word === "-R" || word === "--reverse") reverse = true;
    else throw unknownOption(word, where);
  }
  return { strip, reverse };
}

const unknownOption = (word: string, where: string): Error =>
  badInput("series.option", {
    what: `the series has an option that is not known: ${word}`,
    where,
    next: "quilt's series format knows -pN and -R after the name of a patch",
  });

/** Entries up to and with the one called `until`: its name in the series, its file name, or that without its suffix. */
export function entriesUntil<T extends { readonly name: string }>(
  entries: readonly T[],
  until: string,
): T[] {
  const short = (name: string): string =>
    (name.split("/").at(-1) ?? "").replace(/\.(?:patch|diff)$/, "");
  const exact = entries.findIndex(({ name }) => name === until);
  const found = exact >= 0 ? exact : entries.findIndex(({ name }) => short(name) === short(until));
  if (found >= 0) return entries.slice(0, found + 1);
  throw badInput("series.until", {
    what: `the series has no patch called ${until}`,
    where: "--until",
    next: `choose one of: ${entries.map(({ name }) => name).join(", ")}`,
  });
}

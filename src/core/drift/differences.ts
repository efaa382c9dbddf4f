/** What has to be done to make one tree like another. */
export interface Differences {
  /** Files, links and whole directories that are taken over. */
  readonly take: readonly string[];
  readonly remove: readonly string[];
}

/**
 * Reads `diff -rq --no-dereference FROM TO` (diffutils, "Comparing Directories"). Undefined for a line
 * that is not understood: then the trees are to be taken as wholly different.
 */
export function readDifferences(text: string, from: string, to: string): Differences | undefined {
  const take: string[] = [];
  const remove: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const both = sameName(line, from, to);
    const only = /^Only in (.+?): (.+)$/.exec(line);
    if (both !== undefined) take.push(both);
    else if (only) {
      const [, directory = "", name = ""] = only;
      const inFrom = below(directory, from);
      const inTo = below(directory, to);
      if (inFrom !== undefined) take.push(inFrom + name);
      else if (inTo !== undefined) remove.push(inTo + name);
      else return undefined;
    } else return undefined;
  }
  return { take, remove };
}

/** `a/b/` below the root, empty for the root itself. */
const below = (directory: string, root: string): string | undefined =>
  directory === root
    ? ""
    : directory.startsWith(`${root}/`)
      ? `${directory.slice(root.length + 1)}/`
      : undefined;

/** `Files FROM/x and TO/x differ`, `Symbolic links …`, `File FROM/x is a … while file TO/x is a …`. */
function sameName(line: string, from: string, to: string): string | undefined {
  const rest = /^(?:Files|Symbolic links) (.+) differ$/.exec(line)?.[1];
  const kinds = /^File (.+) is an? [\w ]+ while file (.+) is an? [\w ]+$/.exec(line);
  if (kinds) return same(kinds[1] ?? "", kinds[2] ?? "", from, to);
  if (rest === undefined) return undefined;
  const length = (rest.length - " and ".length - from.length - to.length) / 2;
  const first = rest.slice(0, from.length + length);
  return rest.slice(first.length, first.length + 5) === " and "
    ? same(first, rest.slice(first.length + 5), from, to)
    : undefined;
}

function same(first: string, second: string, from: string, to: string): string | undefined {
  const name = first.slice(from.length + 1);
  return first === `${from}/${name}` && second === `${to}/${name}` ? name : undefined;
}

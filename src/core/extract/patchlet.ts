import { badInput } from "../errors.ts";

/** The `info` file of a Patch-o-Matic-ng patchlet: `Key: value` lines, an empty one, then the help text. */
export interface PatchletInfo {
  readonly title?: string;
  readonly author?: string;
  readonly status?: string;
  /** `linux < 2.6.14`, all of which must hold. */
  readonly requires: readonly string[];
  readonly depends: readonly string[];
  readonly help: string;
}

export function parseInfo(text: string, where: string): PatchletInfo {
  const end = /^[ \t\r]*$/m.exec(text)?.index ?? text.length;
  const pairs = text
    .slice(0, end)
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line, index) => {
      const pair = /^([A-Z][A-Za-z-]*):\s*(.*?)\s*$/.exec(line);
      if (!pair) throw badInfo(line, `${where}:${index + 1}`);
      return [(pair[1] ?? "").toLowerCase(), pair[2] ?? ""] as const;
    });
  const all = (key: string): string[] =>
    pairs.flatMap(([name, value]) => (name === key ? [value] : []));
  const one = (key: string): string | undefined => all(key)[0];
  const facts = { title: one("title"), author: one("author"), status: one("status") };
  return {
    ...(facts.title === undefined ? {} : { title: facts.title }),
    ...(facts.author === undefined ? {} : { author: facts.author }),
    ...(facts.status === undefined ? {} : { status: facts.status }),
    requires: all("requires"),
    depends: all("depends").flatMap((list) => list.split(/[\s,]+/).filter(Boolean)),
    help: text.slice(end).trim(),
  };
}

const badInfo = (line: string, where: string): Error =>
  badInput("extract.info", {
    what: `the info file of the patchlet has a line that is no "Key: value": ${line}`,
    where,
    next: "correct that line; an empty line starts the description",
  });

/** `linux-2.6.14`, `linux-2.6.patch`, `linux.patch_2`: what a name in a patchlet is for. */
export interface Variant {
  readonly name: string;
  /** Undefined: for every version. */
  readonly version: readonly number[] | undefined;
}

export function variantOf(name: string): Variant | undefined {
  const match = /^linux(?:-(\d+(?:\.\d+)*))?(?:\.patch(?:_\d+.*)?)?$/.exec(name);
  if (!match) return undefined;
  return { name, version: match[1]?.split(".").map(Number) };
}

/** -1, 0 or 1 over as many numbers as `b` has. */
const compare = (a: readonly number[], b: readonly number[]): number =>
  b.map((part, index) => Math.sign((a[index] ?? 0) - part)).find((sign) => sign !== 0) ?? 0;

/** Whether one `Requires:` line holds, of the variant it speaks of. */
function holds(requirement: string, of: string, tree: readonly number[]): boolean {
  const match = /^(\S+?)\s*(==|>=|<=|<|>)\s*(\d+(?:\.\d+)*)$/.exec(requirement.trim());
  if (!match || match[1] !== of) return true;
  const sign = compare(tree, (match[3] ?? "").split(".").map(Number));
  const {
    "==": same,
    ">=": least,
    "<=": most,
    "<": below,
  } = {
    "==": sign === 0,
    ">=": sign >= 0,
    "<=": sign <= 0,
    "<": sign < 0,
  };
  return { "==": same, ">=": least, "<=": most, "<": below, ">": sign > 0 }[match[2] ?? ""] ?? true;
}

/**
 * The variants for a tree: of those for its branch (2.4, 2.6) and not for a later release
 * the nearest, else the one for every version; each must meet the info's requirements.
 */
export function chooseVariants(
  variants: readonly Variant[],
  tree: readonly number[],
  requires: readonly string[],
): Variant[] {
  const rank = ({ version }: Variant): readonly number[] => version ?? [0];
  const fitting = variants.filter(({ version }) => {
    const branch = version === undefined || compare(tree, version.slice(0, 2)) === 0;
    const of = version === undefined ? "linux" : `linux-${version.join(".")}`;
    return (
      branch &&
      (version === undefined || compare(tree, version) >= 0) &&
      requires.every((one) => holds(one, of, tree))
    );
  });
  const best = fitting.toSorted((a, b) => compareAll(rank(b), rank(a)))[0];
  if (!best) return [];
  return fitting
    .filter((one) => compareAll(rank(one), rank(best)) === 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const compareAll = (a: readonly number[], b: readonly number[]): number =>
  compare(a, [...b, ...Array.from({ length: Math.max(0, a.length - b.length) }, () => 0)]);

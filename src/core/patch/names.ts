import type { GitHeader, HeaderName } from "./types.ts";

const escapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  t: "\t",
  n: "\n",
  v: "\v",
  f: "\f",
  r: "\r",
  '"': '"',
  "\\": "\\",
};

/** A C-quoted name at the start of `text` (git-config core.quotePath); octal escapes are bytes. */
export function unquote(
  text: string,
): { readonly name: string; readonly rest: string } | undefined {
  if (!text.startsWith('"')) return undefined;
  // By hand: a regular expression for all of it keeps a way back for every character.
  let end = 1;
  for (; text[end] !== '"'; end += 1) {
    if (end >= text.length || text[end] === "\n") return undefined;
    if (text[end] !== "\\") continue;
    const code = /^(?:[abtnvfr"\\]|[0-3][0-7]{2})/.exec(text.slice(end + 1, end + 4));
    if (!code) return undefined;
    end += code[0].length;
  }
  const name = text
    .slice(1, end)
    .replaceAll(/\\([0-7]{3}|.)/g, (_, code: string) =>
      code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (escapes[code] ?? code),
    );
  return { name, rest: text.slice(end + 1) };
}

/**
 * Where an unquoted name ends: at a tab, else at the first space (GNU diffutils manual,
 * "Unified Format"); git writes a tab after a name with spaces and no date, and its own
 * names go to the end of the line.
 */
function plainName(text: string, git: boolean): string {
  const tab = text.indexOf("\t");
  if (tab >= 0) return text.slice(0, tab).trimEnd();
  return git ? text : (/^[^\s]*/.exec(text)?.[0] ?? "");
}

const hour = 3_600_000;

/**
 * A time stamp of the epoch means "no such file". Zones differ and the stamp may lack
 * its own, so whatever is the epoch somewhere on earth counts (POSIX allows offsets
 * from -25 to +26 hours).
 */
function isEpoch(stamp: string): boolean {
  const parts =
    /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.\d+)?(?: ?([+-]\d{2}):?(\d{2}))?$/.exec(
      stamp.trim(),
    );
  const time = parts
    ? Date.parse(
        `${parts[1]}T${parts[2]}${parts[3] === undefined ? "Z" : `${parts[3]}:${parts[4]}`}`,
      )
    : /(?:19(?:69|70)|Epoch)/i.test(stamp)
      ? Date.parse(`${stamp.trim()} UTC`)
      : Number.NaN;
  return time > -25 * hour && time < 26 * hour;
}

/** What follows `--- ` or `+++ `. */
export function headerName(text: string, git: boolean): HeaderName {
  const line = text.replace(/\r$/, "");
  const quoted = unquote(line);
  // A quote that does not end, or holds what none can: no name, as GNU patch has it.
  if (!quoted && line.startsWith('"')) return { path: "", epoch: false };
  const path = quoted ? quoted.name : plainName(line, git);
  const stamp = (quoted ? quoted.rest : line.slice(path.length)).trim();
  if (path === "/dev/null") return { path: undefined, epoch: true };
  return { path, epoch: stamp !== "" && isEpoch(stamp) };
}

/** Takes `count` leading components off, as `patch -p` does; undefined when there are not so many. */
export function stripName(path: string, count: number): string | undefined {
  let rest = path;
  for (let left = count; left > 0; left -= 1) {
    const slash = /\/+/.exec(rest);
    if (!slash) return undefined;
    rest = rest.slice(slash.index + slash[0].length);
  }
  return rest === "" ? undefined : rest;
}

/** Both names of a `diff --git` line, for a file that keeps its name (else rename lines say it). */
function namesOnGitLine(names: string, strip: number): string | undefined {
  const first = unquote(names);
  if (first) {
    const second = unquote(first.rest.trimStart())?.name ?? first.rest.trimStart();
    const name = stripName(first.name, strip);
    return name !== undefined && name === stripName(second, strip) ? name : undefined;
  }
  return sameTwice(names, strip);
}

/**
 * N of `a/N b/N`, where N may have spaces. The longer the first name, the shorter the second:
 * at most one space is in the middle, and it is found in one walk.
 */
function sameTwice(names: string, strip: number): string | undefined {
  // Where the components begin, in all of the text.
  const starts = [...names.matchAll(/\/+/g)].map(({ index, 0: slashes }) => index + slashes.length);
  const first = strip === 0 ? 0 : starts[strip - 1];
  if (first === undefined) return undefined;
  let passed = 0;
  for (let space = names.indexOf(" ", first); space >= 0; space = names.indexOf(" ", space + 1)) {
    while (passed < starts.length && (starts[passed] ?? 0) <= space + 1) passed += 1;
    const second = strip === 0 ? space + 1 : starts[passed + strip - 1];
    if (second === undefined || names.length - second < space - first) return undefined;
    if (names.length - second > space - first) continue;
    const name = names.slice(first, space);
    return name !== "" && name === names.slice(second) ? name : undefined;
  }
  return undefined;
}

/** Old and new name by git's own headers. Names on rename and copy lines have no a/ and b/. */
export function gitNames(
  git: GitHeader,
  strip: number,
): { from: string | undefined; to: string | undefined } {
  if (git.move !== undefined) {
    const less = Math.max(0, strip - 1);
    return { from: stripName(git.from ?? "", less), to: stripName(git.to ?? "", less) };
  }
  const name = namesOnGitLine(git.names, strip);
  return { from: name, to: name };
}

/** The path in its one spelling, or undefined for one that leaves the tree or enters .git. */
export function safePath(path: string): string | undefined {
  if (path.startsWith("/") || path.includes("\0")) return undefined;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const forbidden =
    parts.some((part) => part === ".." || /^\.git$/i.test(part)) || parts[0] === ".tarpit-kit";
  return forbidden || parts.length === 0 ? undefined : parts.join("/");
}

/**
 * The path in the tree that a name in a patch means, or undefined. Names are bytes, which
 * must be UTF-8 here, as paths of Node are.
 */
export function treePath(name: string): string | undefined {
  // Longer names no file system takes (NAME_MAX, PATH_MAX).
  if (name.length > 4000 || name.split("/").some((part) => part.length > 255)) return undefined;
  const path = /^[\0-\x7f]*$/.test(name) ? name : Buffer.from(name, "latin1").toString("utf8");
  return path.includes("\uFFFD") ? undefined : safePath(path);
}

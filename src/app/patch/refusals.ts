import type { Refusal, RefusalReason } from "../../core/patch/index.ts";

const reasons: Readonly<Record<RefusalReason, string>> = {
  "no-match": "the hunk fits nowhere",
  "no-newline": "the hunk adds lines after one that ends the file without a newline",
  "too-costly": "given up: this costs far more than the patch's and the file's size say",
  missing: "there is no such file",
  exists: "the patch creates this file, but it is there",
  "content-left": "the patch removes this file, but it has more lines than the patch knows",
  "content-differs": "the copy is not what the patch made",
  "not-a-file":
    "this is no regular file of the tree (a symbolic link, a directory, or below a link)",
  "unsafe-path":
    "the patch names a path outside of the tree, in .git or .tarpit-kit, or one that is too long or not UTF-8",
  binary: "a binary diff; only text can be patched",
  unsupported: "the patch makes a symbolic link or a submodule, which is not supported",
};

/** UTF-8 where the bytes are that, else a character a byte. */
const readable = (latin1: string): string => {
  const text = Buffer.from(latin1, "latin1").toString("utf8");
  return text.includes("\uFFFD") ? latin1 : text;
};

const shown = (line: string): string => {
  const text = readable(line.replace(/\n$/, ""));
  return line.endsWith("\n") ? text : `${text} (no newline)`;
};

/** A part of a line: in both, only in the patch's, only in the tree's. */
export interface Word {
  readonly op: " " | "-" | "+";
  readonly text: string;
}

/** Which words differ; undefined for lines that are too long for anyone to read. */
async function wordDiff({ expected, found }: Refusal): Promise<readonly Word[] | undefined> {
  if (expected === undefined || found === undefined) return undefined;
  if (expected.length + found.length >= 1000) return undefined;
  const { diffWordsWithSpace } = await import("diff");
  const parts = diffWordsWithSpace(shown(expected), shown(found), { timeout: 200 }) ?? [];
  return parts.map(({ value, added, removed }) => ({
    op: added ? "+" : removed ? "-" : " ",
    text: value,
  }));
}

/** As `git diff --word-diff` marks them. */
const marked = (words: readonly Word[]): string =>
  words
    .map(({ op, text }) => (op === "+" ? `{+${text}+}` : op === "-" ? `[-${text}-]` : text))
    .join("");

/** Words are compared for so many hunks; a patch for another tree may have any number. */
const compared = 200;

/** The refusals with text as text, and the word-level difference, for --json. */
export const forMachines = (refusals: readonly Refusal[]): Promise<ToldRefusal[]> =>
  Promise.all(
    refusals.map(async (refusal, index) => {
      const { expected, found } = refusal;
      const words = index < compared ? await wordDiff(refusal) : undefined;
      return {
        ...refusal,
        ...(expected === undefined ? {} : { expected: readable(expected) }),
        ...(found === undefined ? {} : { found: readable(found) }),
        ...(words === undefined ? {} : { words }),
      };
    }),
  );

export interface ToldRefusal extends Refusal {
  readonly words?: readonly Word[];
}

async function describe(refusal: Refusal): Promise<string[]> {
  const { patch, path, hunk, line, reason, expected, found, foundLine, crlf, looksApplied } =
    refusal;
  const lines = [
    `${path}${hunk === undefined ? "" : `: hunk ${hunk}`} (${patch}:${line}): ${reasons[reason]}`,
  ];
  if (reason === "no-match" && expected !== undefined) {
    lines.push(`  wanted at line ${foundLine}: ${shown(expected)}`);
    lines.push(
      `  the tree has:       ${found === undefined ? "(the end of the file)" : shown(found)}`,
    );
    const words = await wordDiff(refusal);
    if (words) lines.push(`  difference:         ${marked(words)}`);
  }
  if (crlf) lines.push("  the file has CRLF line ends, the patch has not");
  if (looksApplied) lines.push("  it looks already applied");
  return lines;
}

const told = 20;

/** The first refusals in words. */
export async function describeRefusals(refusals: readonly Refusal[]): Promise<string[]> {
  const lines = (await Promise.all(refusals.slice(0, told).map(describe))).flat();
  const more = refusals.length - told;
  return more <= 0 ? lines : [...lines, `and ${more} more: --json lists them all`];
}

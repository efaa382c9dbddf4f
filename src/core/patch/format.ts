import type { FileDiff, HeaderName, Hunk } from "./types.ts";

/** A name as git and GNU diff write it: in C quotes when a byte of it needs that (git-config, core.quotePath). */
export function quoteName(name: string): string {
  const special: Readonly<Record<string, string>> = { "\n": "n", "\t": "t", '"': '"', "\\": "\\" };
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (!/[\x00-\x1f"\\\x7f-\xff]/.test(name)) return name;
  // oxlint-disable-next-line no-control-regex
  const inner = name.replaceAll(/[\x00-\x1f"\\\x7f-\xff]/g, (char) => {
    const short = special[char];
    return short === undefined
      ? `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`
      : `\\${short}`;
  });
  return `"${inner}"`;
}

/** A tab ends a name that has a space and no time stamp, as git writes it. */
const side = (name: HeaderName | undefined): string => {
  if (name?.path === undefined) return "/dev/null";
  const quoted = quoteName(name.path);
  return quoted === name.path && name.path.includes(" ") ? `${quoted}\t` : quoted;
};

const range = (first: number, count: number): string =>
  `${count === 0 ? first - 1 : first}${count === 1 ? "" : `,${count}`}`;

function formatHunk({ oldFirst, newFirst, ops, texts }: Hunk): string {
  const count = (other: string): number => [...ops].filter((op) => op !== other).length;
  const head = `@@ -${range(oldFirst, count("+"))} +${range(newFirst, count("-"))} @@\n`;
  const lines = texts.map((text, index) => {
    const line = `${ops[index] ?? " "}${text}`;
    return line.endsWith("\n") ? line : `${line}\n\\ No newline at end of file\n`;
  });
  return head + lines.join("");
}

function formatGit(diff: FileDiff): string {
  const { git } = diff;
  if (!git) return "";
  const lines = [`diff --git ${git.names}`];
  if (git.created) lines.push(`new file mode ${git.newMode ?? "100644"}`);
  else if (git.deleted) lines.push(`deleted file mode ${git.oldMode ?? "100644"}`);
  else if (git.newMode !== undefined)
    lines.push(`old mode ${git.oldMode ?? "100644"}`, `new mode ${git.newMode}`);
  if (git.move !== undefined)
    lines.push(
      `${git.move} from ${quoteName(git.from ?? "")}`,
      `${git.move} to ${quoteName(git.to ?? "")}`,
    );
  return `${lines.join("\n")}\n`;
}

/** The text (latin1) of file diffs: what parsePatch reads back. */
export const formatPatch = (diffs: readonly FileDiff[]): string =>
  diffs
    .map((diff) => {
      const names = diff.hunks.length > 0 ? `--- ${side(diff.old)}\n+++ ${side(diff.new)}\n` : "";
      return formatGit(diff) + names + diff.hunks.map(formatHunk).join("");
    })
    .join("");

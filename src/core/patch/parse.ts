import { badInput } from "../errors.ts";
import { limits, splitLines, tooLarge } from "./lines.ts";
import { headerName, unquote } from "./names.ts";
import { hunkAt, isHunkHeader } from "./parse-hunk.ts";
import type { FileDiff, GitHeader, HeaderName, Hunk } from "./types.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Two paths of PATH_MAX bytes with every byte of them as an octal escape. */
const maxHeader = 2 * 4 * 4096 + 100;

/** Headers of the file diff that is being read. */
interface Draft {
  line: number;
  old?: HeaderName;
  new?: HeaderName;
  index?: string;
  git?: Writable<GitHeader>;
  binary: FileDiff["binary"];
}

/** The extended header lines, by how they start (git-diff, "Generating patch text with -p"). */
const gitLines: readonly [string, (git: Writable<GitHeader>, value: string) => void][] = [
  ["old mode ", (git, value) => void (git.oldMode = value)],
  ["new mode ", (git, value) => void (git.newMode = value)],
  ["new file mode ", (git, value) => void Object.assign(git, { created: true, newMode: value })],
  [
    "deleted file mode ",
    (git, value) => void Object.assign(git, { deleted: true, oldMode: value }),
  ],
  ["rename from ", (git, value) => void Object.assign(git, { move: "rename", from: value })],
  ["rename to ", (git, value) => void Object.assign(git, { move: "rename", to: value })],
  ["copy from ", (git, value) => void Object.assign(git, { move: "copy", from: value })],
  ["copy to ", (git, value) => void Object.assign(git, { move: "copy", to: value })],
];

const withoutEnd = (line: string): string => line.replace(/\r?\n?$/, "");

/** Whether the headers alone say something to do. */
const actsAlone = ({ git }: Draft): boolean =>
  git !== undefined &&
  (git.created === true ||
    git.deleted === true ||
    git.move !== undefined ||
    git.newMode !== undefined);

/**
 * Reads a patch: any number of file diffs among any other text, as POSIX patch ("Patch
 * File Format") and git-diff define them. Unlike GNU patch it takes only unified diffs,
 * unindented, and complete ones.
 */
export function parsePatch(text: string, name: string): FileDiff[] {
  return new Parser(splitLines(text, name), name).read();
}

class Parser {
  readonly #lines: readonly string[];
  readonly #name: string;
  readonly #diffs: FileDiff[] = [];
  #at = 0;
  #hunkCount = 0;
  #draft: Draft | undefined;
  /** Still among the lines right after `diff --git`. */
  #inGitHeader = false;

  constructor(lines: readonly string[], name: string) {
    this.#lines = lines;
    this.#name = name;
  }

  read(): FileDiff[] {
    while (this.#at < this.#lines.length) this.#line(this.#lines[this.#at] ?? "");
    this.#finish([]);
    return this.#diffs;
  }

  #line(line: string): void {
    if (line.length > maxHeader && /^(?:diff --git |--- |\+\+\+ |Index:)/.test(line))
      throw malformed(this.#name, this.#at + 1, "a header line longer than any path");
    if (line.startsWith("@@ -") && isHunkHeader(line)) return this.#hunks();
    const value = withoutEnd(line);
    if (value.startsWith("diff --git ")) {
      this.#finish([]);
      this.#draft = {
        line: this.#at + 1,
        binary: false,
        git: { names: value.slice("diff --git ".length) },
      };
      this.#inGitHeader = true;
    } else if (value.startsWith("--- ")) {
      const draft = this.#open((draft) => draft.old === undefined && draft.new === undefined);
      draft.old = headerName(value.slice(4), draft.git !== undefined);
    } else if (value.startsWith("+++ ")) {
      const draft = this.#open((draft) => draft.new === undefined);
      draft.new = headerName(value.slice(4), draft.git !== undefined);
    } else if (value.startsWith("Index:")) {
      this.#finish([]);
      this.#open(() => true).index = headerName(value.slice(6).trimStart(), false).path ?? "";
    } else if (value === "GIT binary patch") {
      this.#open(() => true).binary = "data";
    } else if (value.startsWith("Binary files ") && value.endsWith(" differ")) {
      this.#binaryNamed(value.slice("Binary files ".length, -" differ".length));
    } else if (this.#inGitHeader) {
      this.#gitLine(value);
    }
    this.#at += 1;
  }

  /** Below git's headers it speaks of their file; elsewhere it is what diff -r says of two trees. */
  #binaryNamed(names: string): void {
    if (!this.#inGitHeader) this.#finish([]);
    const draft = this.#open(() => true);
    draft.binary = "named";
    if (draft.git) return;
    const and = names.lastIndexOf(" and ");
    draft.index = and < 0 ? names : names.slice(and + " and ".length);
    this.#finish([]);
  }

  /** The draft these headers belong to, or a new one when it has them already. */
  #open(fits: (draft: Draft) => boolean): Draft {
    if (this.#draft && !fits(this.#draft)) this.#finish([]);
    this.#draft ??= { line: this.#at + 1, binary: false };
    return this.#draft;
  }

  #gitLine(value: string): void {
    const git = this.#draft?.git;
    const known = gitLines.find(([start]) => value.startsWith(start));
    if (git && known) {
      const rest = value.slice(known[0].length);
      known[1](git, unquote(rest)?.name ?? rest);
    } else if (!/^(?:index|similarity index|dissimilarity index) /.test(value)) {
      this.#inGitHeader = false;
    }
  }

  #hunks(): void {
    const draft = this.#draft;
    if (!draft || (!draft.old && !draft.new && draft.index === undefined && !draft.git)) {
      throw malformed(this.#name, this.#at + 1, "a hunk without the name of a file before it");
    }
    const hunks: Hunk[] = [];
    while (isHunkHeader(this.#lines[this.#at] ?? "")) {
      const read = hunkAt(this.#lines, this.#at);
      if (typeof read.hunk === "string") throw malformed(this.#name, read.next, read.hunk);
      hunks.push(read.hunk);
      this.#hunkCount += 1;
      if (this.#hunkCount > limits.hunks) throw tooLarge(this.#name, `${limits.hunks} hunks`);
      this.#at = read.next;
    }
    this.#finish(hunks);
  }

  /** Closes the file diff. Headers without hunks count when git's say something, else they were prose. */
  #finish(hunks: readonly Hunk[]): void {
    const draft = this.#draft;
    this.#draft = undefined;
    this.#inGitHeader = false;
    if (!draft || (hunks.length === 0 && !actsAlone(draft) && !draft.binary)) return;
    this.#diffs.push({ ...draft, hunks });
  }
}

export const malformed = (patch: string, line: number, what: string): Error =>
  badInput("patch.malformed", {
    what: `the patch is damaged: ${what}`,
    where: `${patch}:${line}`,
    next: "get the patch again; a mail program may have wrapped or cut its lines",
  });

import type { Text } from "./text.ts";

/**
 * A parsed unified diff. All text is latin1: one character is one byte, so that
 * sources which are not UTF-8 keep their bytes. A line keeps its newline; one without
 * is the file's last and was marked `\ No newline at end of file`.
 */
export interface Hunk {
  /** Line of its `@@` in the patch. */
  readonly line: number;
  /** Where it goes, from 1. For a hunk that has no old lines: the line it is inserted before. */
  readonly oldFirst: number;
  readonly newFirst: number;
  /** One character a line: space, `-` or `+`. */
  readonly ops: string;
  readonly texts: readonly string[];
}

/** One side of a `---`/`+++` pair, as written. */
export interface HeaderName {
  /** Undefined for /dev/null. */
  readonly path: string | undefined;
  /** Its time stamp is the epoch (or it is /dev/null): there is no such file on this side. */
  readonly epoch: boolean;
}

/** The extended header lines of `diff --git` (git-diff, "Generating patch text with -p"). */
export interface GitHeader {
  /** What follows `diff --git `. */
  readonly names: string;
  readonly oldMode?: string;
  readonly newMode?: string;
  readonly created?: boolean;
  readonly deleted?: boolean;
  readonly move?: "rename" | "copy";
  readonly from?: string;
  readonly to?: string;
}

export interface FileDiff {
  /** Line of its first header in the patch. */
  readonly line: number;
  readonly old?: HeaderName;
  readonly new?: HeaderName;
  /** The `Index:` line. */
  readonly index?: string;
  readonly git?: GitHeader;
  /** `data`: a GIT binary patch follows; `named`: the diff says that the file is binary and differs, without its bytes. */
  readonly binary: false | "data" | "named";
  readonly hunks: readonly Hunk[];
}

/** One patch of a series, read and parsed. */
export interface Patch {
  readonly name: string;
  /** -p: leading path components that are taken off. */
  readonly strip: number;
  /** The series says -R. */
  readonly reverse: boolean;
  readonly sha256: string;
  readonly diffs: readonly FileDiff[];
}

/** What a name in the tree is. `outside`: reached only through a symbolic link. */
export type Entry =
  | { readonly kind: "absent" }
  | { readonly kind: "directory" | "symlink" | "other" | "outside" }
  | {
      readonly kind: "file";
      readonly lines: readonly string[];
      readonly mode: number | undefined;
      /** The same text, when it is at hand in one piece. */
      readonly text?: Text;
    };

/** A hunk that fits nowhere, and where it was looked for first. */
export interface RefusedHunk {
  readonly index: number;
  readonly hunk: Hunk;
  readonly guess: number;
  readonly reason: "no-match" | "no-newline" | "too-costly";
}

export interface PlacedHunk {
  /** From 1, as `patch` counts. */
  readonly index: number;
  readonly offset: number;
  readonly fuzz: number;
}

/** `leave`: the patch names a binary file that differs, without its bytes. */
export type FileAction = "modify" | "create" | "delete" | "rename" | "copy" | "mode" | "leave";

/** What becomes of a hunk that fits nowhere: the plan ends, it goes to FILE.rej, or into the file between markers. */
export type OnRefusal = "stop" | "reject" | "merge";

export interface PlannedFile {
  readonly path: string;
  readonly action: FileAction;
  readonly from?: string;
  readonly hunks: readonly PlacedHunk[];
  /** Hunks that were joined with what the file has, without a conflict (merging only). */
  readonly merged?: number;
  /** The patch says that it is binary, and does not hold its bytes: created empty, or left as it is. */
  readonly bytesMissing?: true;
}

export type RefusalReason =
  | "no-match"
  | "no-newline"
  | "too-costly"
  | "missing"
  | "exists"
  | "content-left"
  | "content-differs"
  | "not-a-file"
  | "unsafe-path"
  | "binary"
  | "unsupported";

export interface Refusal {
  readonly patch: string;
  readonly path: string;
  readonly reason: RefusalReason;
  /** Line in the patch. */
  readonly line: number;
  readonly hunk?: number;
  /** The first line that differs, as the hunk wants it; the tree's line there, and its number. */
  readonly expected?: string;
  readonly found?: string;
  readonly foundLine?: number;
  /** The file's lines end in CRLF, those of the hunk do not. */
  readonly crlf?: true;
  /** What the hunk would do is there already. */
  readonly looksApplied: boolean;
}

export interface PlannedPatch {
  readonly name: string;
  readonly files: readonly PlannedFile[];
}

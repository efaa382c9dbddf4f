import { createHash } from "node:crypto";
import { join } from "node:path";
import { badInput } from "../../core/errors.ts";
import { safePath } from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";

/** Everything of ours in a tree is below this one directory. */
export const ownDirectory = ".tarpit-kit";

export interface StateFile {
  readonly path: string;
  /** sha256; null where there is no file. */
  readonly before: string | null;
  readonly after: string | null;
  readonly modeBefore: number | null;
  readonly modeAfter: number | null;
  /** Name in TREE/.tarpit-kit/original/ of the bytes before. */
  readonly original: string | null;
}

/** One series that is in the tree, whole or up to a patch. */
export interface AppliedSeries {
  readonly series: string;
  /** Of a foreign series: several are called alike. */
  readonly path?: string;
  readonly patches: readonly { readonly name: string; readonly sha256: string }[];
  readonly files: readonly StateFile[];
  /** Hunks of the last patch that went to .rej files or are between conflict markers. */
  readonly unresolved?: number;
  /** Directories that were made for it. */
  readonly directories: readonly string[];
}

/** TREE/.tarpit-kit/state.json. Series in the order they were applied. */
export interface State {
  readonly version: 1;
  readonly applied: readonly AppliedSeries[];
}

export const emptyState: State = { version: 1, applied: [] };

export const statePath = (tree: string): string => join(tree, ownDirectory, "state.json");

/** sha256, in hex, of bytes, or of pieces of them one after the other. */
export function digest(bytes: Uint8Array | readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) hash.update(piece);
  return hash.digest("hex");
}

/** The state must not send us out of the tree, whoever wrote it. */
const isSound = (state: State): boolean =>
  state.version === 1 &&
  state.applied.every(
    ({ series, patches, files, directories }) =>
      typeof series === "string" &&
      patches.every(({ name, sha256 }) => typeof name === "string" && typeof sha256 === "string") &&
      directories.every((path) => safePath(path) === path) &&
      files.every(
        ({ path, original }) =>
          safePath(path) === path && (original === null || /^[\da-f]{64}$/.test(original)),
      ),
  );

export async function readState(tree: string, ports: Ports): Promise<State> {
  const text = await ports.files.readText(statePath(tree)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (text === undefined) return emptyState;
  try {
    const state = JSON.parse(text) as State;
    if (isSound(state)) return state;
  } catch {
    // Not JSON, or not of this shape: told below.
  }
  throw badInput("patch.state", {
    what: "the state file of this tree is damaged, or of another version of tarpit-kit",
    where: statePath(tree),
    next: "remove it; what is applied is then found out from the sources themselves",
  });
}

export const formatState = (state: State): string => `${JSON.stringify(state, null, 2)}\n`;

/** What names a series again: its name and, when it is foreign, its path or its patches. */
interface Identity {
  readonly name: string;
  readonly own: boolean;
  readonly path: string;
  readonly patches: readonly { readonly sha256: string }[];
}

const isSame = (entry: AppliedSeries, series: Identity): boolean =>
  series.own
    ? entry.path === undefined && entry.series === series.name
    : entry.path === series.path ||
      (entry.path !== undefined &&
        entry.patches.every((patch, index) => patch.sha256 === series.patches[index]?.sha256));

/** The record of this series and what is on top of it. */
export function findApplied(
  state: State,
  series: Identity,
): { own: AppliedSeries | undefined; later: AppliedSeries[] } {
  const index = state.applied.findIndex((entry) => isSame(entry, series));
  if (index < 0) return { own: undefined, later: [] };
  return { own: state.applied[index], later: state.applied.slice(index + 1) };
}

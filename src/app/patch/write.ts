import { dirname, join } from "node:path";
import type { Patch } from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import type { Change, FileBytes } from "./changes.ts";
import type { Work } from "./decide.ts";
import { undoFailed, unrecorded, writeTrouble } from "./errors.ts";
import {
  commit,
  type Journal,
  leftover,
  oldOf,
  placeOf,
  prune,
  replaceFiles,
  settle,
  undo,
} from "./journal.ts";
import type { LoadedSeries } from "./load.ts";
import { eachAtOnce } from "./parallel.ts";
import type { AppliedSeries, State, StateFile } from "./state.ts";

/** Writes what was decided: all of it, or (on any failure) nothing. */
export async function perform(
  tree: string,
  series: LoadedSeries,
  work: Work,
  ports: Ports,
): Promise<void> {
  const journal = journalOf(series, work);
  try {
    // What nothing refers to any more, as after the state was removed by hand, must not be in the way.
    await prune(tree, ports);
    await ports.files.mkdir(placeOf(tree, "stage"));
    if (journal.steps.some(({ keep }) => keep)) await ports.files.mkdir(placeOf(tree, "original"));
    await eachAtOnce(work.changes, async (change, index) => {
      const links = work.snapshot.infos.get(change.path)?.links;
      const old = oldOf(tree, "stage", journal, index);
      await stage(tree, { index, old, alone: links === 1 }, change, ports);
    });
    await commit(tree, journal, ports);
    await replaceFiles(tree, journal, ports, work.snapshot);
  } catch (error) {
    await takeBack(tree, ports);
    throw writeTrouble(error, tree);
  }
  await settle(tree, journal, ports).catch((error: unknown) => {
    throw unrecorded(error, tree);
  });
}

/**
 * Both versions are on the disk before the first file is touched: a full one is found out here. `alone`:
 * the file in the tree has no other name, through which it may be written.
 */
async function stage(
  tree: string,
  { index, old, alone }: { readonly index: number; readonly old: string; readonly alone: boolean },
  { path, before, after }: Change,
  ports: Ports,
): Promise<void> {
  // Not synced, as GNU patch and git do it: after a power cut the hashes tell what is whole.
  const put = (to: string, { pieces, mode }: FileBytes): Promise<void> =>
    ports.files.create(to, pieces(), { mode, sync: false });
  if (after) await put(placeOf(tree, "stage", `new-${index}`), after);
  if (!before) return;
  // A second name keeps the old bytes: the file is replaced, not written.
  if (alone && (await linked(join(tree, path), old, ports))) return;
  await put(old, before);
}

/** False where the file system has no hard links, or gives us none. */
const linked = (from: string, to: string, ports: Ports): Promise<boolean> =>
  ports.files.link(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (
        ["EPERM", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS", "EACCES"].includes(error.code ?? "")
      )
        return false;
      throw error;
    },
  );

async function takeBack(tree: string, ports: Ports): Promise<void> {
  try {
    const left = await leftover(tree, ports);
    if (left === "journal" || left === "undo") await undo(tree, ports);
    else if (left !== undefined) await ports.files.remove(placeOf(tree, left));
    await prune(tree, ports);
  } catch (error) {
    throw undoFailed(error, tree);
  }
}

function journalOf(series: LoadedSeries, work: Work): Journal {
  const record = recordOf(series, work);
  const state = stateWith(work.state, work.before, record);
  const needed = new Set(
    state.applied.flatMap(({ files }) => files.map(({ original }) => original)),
  );
  const known = new Set(
    work.state.applied.flatMap(({ files }) => files.map(({ original }) => original)),
  );
  // Of files that are alike one is kept; the others have their own old bytes in the journal.
  const kept = new Set(known);
  const keep = (hash: string | undefined): boolean => {
    if (hash === undefined || !needed.has(hash) || kept.has(hash)) return false;
    kept.add(hash);
    return true;
  };
  return {
    version: 2,
    kind: work.kind,
    series: series.name,
    steps: work.changes.map(({ path, before, after }) => ({
      path,
      before: before?.hash ?? null,
      after: after?.hash ?? null,
      keep: keep(before?.hash),
    })),
    made: missingDirectories(work),
    removable: removable(work),
    dropped: [...known].filter((hash) => hash !== null && !needed.has(hash)) as string[],
    state,
  };
}

/** Directories above a path, outer ones first. */
const above = (path: string): string[] => {
  const parent = dirname(path);
  return parent === "." ? [] : [...above(parent), parent];
};

function missingDirectories({ changes, snapshot }: Work): string[] {
  const wanted = changes.filter(({ after }) => after).flatMap(({ path }) => above(path));
  return [...new Set(wanted)].filter((path) => snapshot.entries.get(path)?.kind !== "directory");
}

/** Taken out, a series' own directories go when empty; otherwise a removed file's do, as with GNU patch and git. */
function removable({ changes, kind, before }: Work): string[] {
  if (kind === "reverse" && before) return before.directories.toReversed();
  const gone = changes.filter(({ after }) => !after).flatMap(({ path }) => above(path));
  return [...new Set(gone)].toSorted((a, b) => b.length - a.length);
}

/** The series as it will be recorded; undefined when no patch of it is left. */
function recordOf(series: LoadedSeries, work: Work): AppliedSeries | undefined {
  if (work.patches.length === 0) return undefined;
  const files = new Map(work.before?.files.map((file) => [file.path, file]));
  for (const change of work.changes)
    files.set(change.path, fileRecord(change, files.get(change.path)));
  const directories = [...(work.before?.directories ?? []), ...missingDirectories(work)];
  return {
    series: series.name,
    ...(series.own ? {} : { path: series.path }),
    patches: work.patches.map(({ name, sha256 }: Patch) => ({ name, sha256 })),
    files: [...files.values()].filter(
      ({ before, after, modeBefore, modeAfter }) => before !== after || modeBefore !== modeAfter,
    ),
    ...(work.unresolved ? { unresolved: work.unresolved } : {}),
    directories: [...new Set(directories)],
  };
}

/** A file's record; what it was before stays what it was before the first patch. */
const fileRecord = ({ path, before, after }: Change, known: StateFile | undefined): StateFile => ({
  path,
  before: known ? known.before : (before?.hash ?? null),
  modeBefore: known ? known.modeBefore : (before?.mode ?? null),
  original: known ? known.original : (before?.hash ?? null),
  after: after?.hash ?? null,
  modeAfter: after?.mode ?? null,
});

function stateWith(
  state: State,
  before: AppliedSeries | undefined,
  record: AppliedSeries | undefined,
): State {
  const rest = state.applied.filter((entry) => entry !== before);
  if (!record) return { version: 1, applied: rest };
  const at = before ? state.applied.indexOf(before) : rest.length;
  return { version: 1, applied: rest.toSpliced(at < 0 ? rest.length : at, 0, record) };
}

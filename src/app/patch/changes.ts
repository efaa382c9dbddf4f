import { failure } from "../../core/errors.ts";
import { type Entry, fileEntry, type Plan, Text, textOf } from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import { placeOf } from "./journal.ts";
import type { Snapshot } from "./read.ts";
import { type AppliedSeries, digest } from "./state.ts";

export interface FileBytes {
  /** One after the other; made when they are written, so that not all of a tree is in memory twice. */
  readonly pieces: () => readonly Buffer[];
  readonly hash: string;
  /** Undefined: as the umask says. */
  readonly mode: number | undefined;
}

/** One file that becomes another one; undefined: no file. */
export interface Change {
  readonly path: string;
  readonly before: FileBytes | undefined;
  readonly after: FileBytes | undefined;
}

/** `hash` when it is known already. */
function bytesOf(entry: Entry | undefined, hash?: string): FileBytes | undefined {
  if (entry?.kind !== "file") return undefined;
  const pieces = (): readonly Buffer[] => textOf(entry).pieces;
  return { pieces, hash: hash ?? digest(pieces()), mode: entry.mode };
}

export const changesOfPlan = (plan: Plan, snapshot: Snapshot): Change[] =>
  [...plan.changes].map(([path, { after }]) => ({
    path,
    before: bytesOf(snapshot.entries.get(path), snapshot.hashes.get(path)),
    after: bytesOf(after),
  }));

/** The files as they were before a recorded series, from the bytes that were kept. */
export async function restore(tree: string, own: AppliedSeries, snapshot: Snapshot, ports: Ports) {
  const entries = new Map(snapshot.entries);
  for (const file of own.files) {
    entries.set(file.path, await originalOf(tree, file, ports));
  }
  return {
    entries,
    /** From the tree as it is to the originals with `plan` on top. */
    changesTo: (plan: Plan): Change[] => {
      const paths = new Set([...own.files.map(({ path }) => path), ...plan.changes.keys()]);
      const all = [...paths].map((path) => ({
        path,
        before: bytesOf(snapshot.entries.get(path), snapshot.hashes.get(path)),
        after: bytesOf(plan.changes.get(path)?.after ?? entries.get(path)),
      }));
      return all.filter(
        ({ before, after }) => before?.hash !== after?.hash || before?.mode !== after?.mode,
      );
    },
  };
}

async function originalOf(
  tree: string,
  file: AppliedSeries["files"][number],
  ports: Ports,
): Promise<Entry> {
  if (file.before === null) return { kind: "absent" };
  const path = placeOf(tree, "original", file.before);
  const bytes = await ports.files.readBytes(path).catch(() => undefined);
  if (bytes === undefined || digest(bytes) !== file.before) {
    throw failure("patch.original-lost", {
      what: `the original of ${file.path} is lost or damaged`,
      where: path,
      next: "remove .tarpit-kit in the tree and run this again: the patches themselves are then taken back",
    });
  }
  return fileEntry(new Text(bytes, path), file.modeBefore ?? undefined);
}

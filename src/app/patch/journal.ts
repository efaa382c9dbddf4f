import { dirname, join } from "node:path";
import { badInput, failure } from "../../core/errors.ts";
import { safePath } from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import { eachAtOnce } from "./parallel.ts";
import { isUntouched, type Snapshot } from "./read.ts";
import { digest, formatState, ownDirectory, readState, type State, statePath } from "./state.ts";

/**
 * How all files of a series change at once. The old bytes go to TREE/.tarpit-kit/original, where
 * they stay as long as the state refers to them. Beside it are four directories, one renamed into
 * the next, so that whatever a killed run leaves says by its name what the next run has to do:
 *   stage    the new bytes and the old ones are being written: throw it away
 *   journal  complete, files are being replaced by renames: finish it
 *   undo     a replacement failed (a full disk): put the old bytes back
 *   done     nothing is left to do: throw it away
 */
const names = ["stage", "journal", "undo", "done"] as const;
type Name = (typeof names)[number];

export interface Step {
  readonly path: string;
  /** sha256 before and after; null: no file. */
  readonly before: string | null;
  readonly after: string | null;
  /** The bytes before stay for the time after, under their hash: oldOf says where they are. */
  readonly keep: boolean;
}

export interface Journal {
  readonly version: 2;
  readonly kind: "apply" | "reverse";
  readonly series: string;
  readonly steps: readonly Step[];
  /** Directories that the steps make, outer ones first, and that go again when empty. */
  readonly made: readonly string[];
  readonly removable: readonly string[];
  /** Kept originals that nothing needs afterwards. */
  readonly dropped: readonly string[];
  readonly state: State;
}

export const placeOf = (tree: string, name: Name | "original", ...rest: string[]): string =>
  [tree, ownDirectory, name, ...rest].join("/");

/** Where a step's old bytes are while the directory of the journal has this name. */
export const oldOf = (
  tree: string,
  name: Name,
  { steps }: Pick<Journal, "steps">,
  index: number,
): string => {
  const step = steps[index];
  return step?.keep === true && step.before !== null
    ? placeOf(tree, "original", step.before)
    : placeOf(tree, name, `old-${index}`);
};

const journalFile = "journal.json";

const stateFile = "state.json";

/** Writes the journal into the stage and makes it count. After this only names change: no room is needed. */
export async function commit(tree: string, journal: Journal, ports: Ports): Promise<void> {
  const put = (name: string, text: string): Promise<void> =>
    ports.files.create(placeOf(tree, "stage", name), [Buffer.from(text)], { sync: false });
  await put(stateFile, formatState(journal.state));
  await put(journalFile, JSON.stringify(journal));
  await ports.files.rename(placeOf(tree, "stage"), placeOf(tree, "journal"));
}

/** What is there now; not a file when anything on the way is no directory of the tree itself. */
async function hashOf(tree: string, path: string, ports: Ports): Promise<string | null> {
  const parts = path.split("/");
  for (let depth = 1; depth < parts.length; depth += 1) {
    const above = await ports.files.stat(join(tree, ...parts.slice(0, depth)));
    if (!above) return null;
    if (above.kind !== "directory") return "not a file";
  }
  const info = await ports.files.stat(join(tree, path));
  if (!info) return null;
  return info.kind === "file"
    ? digest(await ports.files.readBytes(join(tree, path)))
    : "not a file";
}

/**
 * Replaces the files; can be called again after it was cut off anywhere. What `read` has seen
 * and nobody has written since need not be read again.
 */
export async function replaceFiles(
  tree: string,
  journal: Journal,
  ports: Ports,
  read?: Snapshot,
): Promise<void> {
  const { files } = ports;
  for (const path of journal.made) await files.mkdir(join(tree, path));
  await eachAtOnce(journal.steps, async (step, index) => {
    const target = join(tree, step.path);
    const staged = placeOf(tree, "journal", `new-${index}`);
    const then = read?.infos.get(step.path);
    const info = then && (await files.stat(target));
    const same = then && info && isUntouched(then, info);
    const now = same ? step.before : await hashOf(tree, step.path, ports);
    if (now !== step.before && now !== step.after) throw changedMeanwhile(target);
    if (step.after === null) await files.remove(target);
    else if (read || (await files.stat(staged))) {
      await files.rename(staged, target);
    } else if (now !== step.after) throw changedMeanwhile(target);
  });
  for (const path of journal.removable) await removeEmpty(join(tree, path), ports);
}

/** After all files are in place: puts the state in place, and clears up. */
export async function settle(tree: string, journal: Journal, ports: Ports): Promise<void> {
  const { files } = ports;
  const state = placeOf(tree, "journal", stateFile);
  if (journal.state.applied.length === 0) await files.remove(statePath(tree));
  else if (await files.stat(state)) await files.rename(state, statePath(tree));
  for (const hash of journal.dropped) await files.remove(placeOf(tree, "original", hash));
  await removeEmpty(placeOf(tree, "original"), ports);
  await files.rename(placeOf(tree, "journal"), placeOf(tree, "done"));
  await files.remove(placeOf(tree, "done"));
}

export const removeEmpty = async (path: string, ports: Ports): Promise<void> => {
  const info = await ports.files.stat(path);
  if (info?.kind === "directory" && (await ports.files.list(path)).length === 0)
    await ports.files.remove(path);
};

/** Takes away what was kept for a run that then did not happen. */
export async function prune(tree: string, ports: Ports): Promise<void> {
  const { applied } = await readState(tree, ports);
  const needed = new Set(applied.flatMap(({ files }) => files.map(({ original }) => original)));
  const original = placeOf(tree, "original");
  for (const name of await ports.files.list(original))
    if (!needed.has(name)) await ports.files.remove(join(original, name));
  await removeEmpty(original, ports);
}

/** Puts the old bytes back; can be called again after it was cut off anywhere. */
export async function undo(tree: string, ports: Ports): Promise<void> {
  const { files } = ports;
  if (await files.stat(placeOf(tree, "journal")))
    await files.rename(placeOf(tree, "journal"), placeOf(tree, "undo"));
  const journal = await readJournal(tree, "undo", ports);
  for (const [index, step] of journal.steps.entries()) {
    const target = join(tree, step.path);
    const old = oldOf(tree, "undo", journal, index);
    const now = await hashOf(tree, step.path, ports);
    if (now !== step.before && now !== step.after) throw changedMeanwhile(target);
    if (step.before === null) await files.remove(target);
    else if (await files.stat(old)) {
      if (digest(await files.readBytes(old)) !== step.before) throw changedMeanwhile(target);
      await files.mkdir(dirname(target));
      await files.rename(old, target);
    }
  }
  for (const path of journal.made.toReversed()) await removeEmpty(join(tree, path), ports);
  await prune(tree, ports);
  await files.rename(placeOf(tree, "undo"), placeOf(tree, "done"));
  await files.remove(placeOf(tree, "done"));
}

/** Whether all new bytes that are not in their places yet are as they were meant to be. */
async function isWhole(tree: string, journal: Journal, ports: Ports): Promise<boolean> {
  for (const [index, { after }] of journal.steps.entries()) {
    const staged = placeOf(tree, "journal", `new-${index}`);
    if (after === null || !(await ports.files.stat(staged))) continue;
    if (digest(await ports.files.readBytes(staged)) !== after) return false;
  }
  return true;
}

/** Which of the directories a killed run has left. */
export async function leftover(tree: string, ports: Ports): Promise<Name | undefined> {
  for (const name of ["undo", "journal", "stage", "done"] as const) {
    if (await ports.files.stat(placeOf(tree, name))) return name;
  }
  return undefined;
}

/** What became of a run that was cut off: it was finished, taken back, or had changed nothing yet. */
export type Recovered = "finished" | "taken-back" | "cleared-up";

/** Ends what a killed run has begun, and says what became of it. */
export async function recover(tree: string, ports: Ports): Promise<Recovered | undefined> {
  let recovered: Recovered | undefined;
  for (;;) {
    const found = await leftover(tree, ports);
    if (found === undefined) {
      return recovered;
    }
    if (found === "journal") {
      const journal = await readJournal(tree, "journal", ports);
      if (!(await isWhole(tree, journal, ports))) {
        await undo(tree, ports);
        ports.log.warn(
          "an earlier run was cut off, by a power cut perhaps; its changes were taken back",
        );
        recovered = "taken-back";
        continue;
      }
      await replaceFiles(tree, journal, ports);
      await settle(tree, journal, ports);
      const what = journal.kind === "apply" ? "applied" : "taken out";
      ports.log.warn(`an earlier run was cut off while ${journal.series} was ${what}; finished it`);
      recovered = "finished";
    } else if (found === "undo") {
      await undo(tree, ports);
      ports.log.warn("an earlier run was cut off; its changes were taken back");
      recovered = "taken-back";
    } else {
      await ports.files.remove(placeOf(tree, found));
      await prune(tree, ports);
      const when = found === "stage" ? "before it changed anything" : "when it had ended its work";
      ports.log.warn(`an earlier run was cut off ${when}; cleared up`);
      recovered = "cleared-up";
    }
  }
}

/** A journal must not send us out of the tree, whoever wrote it. */
export async function readJournal(
  tree: string,
  name: "journal" | "undo",
  ports: Ports,
): Promise<Journal> {
  const path = placeOf(tree, name, journalFile);
  const journal = parseJournal(await ports.files.readText(path), path);
  const paths = [...journal.steps.map((step) => step.path), ...journal.made, ...journal.removable];
  const hashes = [
    ...journal.dropped,
    ...journal.steps.flatMap((step) => (step.keep && step.before !== null ? [step.before] : [])),
  ];
  if (
    journal.version === 2 &&
    paths.every((at) => safePath(at) === at) &&
    hashes.every((hash) => /^[\da-f]{64}$/.test(hash))
  )
    return journal;
  throw damaged(path);
}

function parseJournal(text: string, path: string): Journal {
  try {
    return JSON.parse(text) as Journal;
  } catch {
    throw damaged(path);
  }
}

const damaged = (path: string): Error =>
  badInput("patch.journal", {
    what: "what an earlier run has left is damaged, or of another version of tarpit-kit",
    where: path,
    next: "unpack the tree again",
  });

const changedMeanwhile = (path: string): Error =>
  failure("patch.changed-meanwhile", {
    what: "a file was changed after an earlier run was cut off, so that run can be neither finished nor undone",
    where: path,
    next: `the bytes before and after are in ${ownDirectory}; put one of them in place and run this again`,
  });

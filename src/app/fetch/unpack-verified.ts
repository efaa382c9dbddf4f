import { join } from "node:path";
import { ArchiveRefused } from "../../core/archive-names.ts";
import { ListingJudge, listingOptions } from "../../core/fetch-tar-listing.ts";
import type { Command, Ports } from "../../ports.ts";
import {
  causeOf,
  extractInto,
  refused,
  requireProgram,
  type TarStream,
  unpackTrouble,
} from "./unpack.ts";

/** The judge is at most so far behind tar; a look at a growing file costs next to nothing. */
const lookEveryMs = 100;

/** Reads as much as a pipe holds, 64 KiB (pipe(7)), not tar's 10 KiB: a sixth of the system calls. */
export const wholePipe = "--blocking-factor=128";

/** tar leaves such a name out, says so, and fails at the end: nothing of it is in the listing. */
const leftOut = /^tar: (.*): Member name contains '\.\.'$/m;

/** Reads what was added to the listing and judges it. */
async function follow(listing: string, from: number, judge: ListingJudge, ports: Ports) {
  for (let at = from; ;) {
    const added = await ports.files.readSlice(listing, at, 1 << 20);
    if (added.length === 0) return at;
    judge.push(added.toString("latin1"));
    at += added.length;
  }
}

/** Follows `listing` until `running` is over; then once more, to the end. */
async function judgeWhile(
  running: Promise<unknown>,
  listing: string,
  judge: ListingJudge,
  shown: string,
  ports: Ports,
): Promise<void> {
  const state = { over: false };
  const over = running.then(
    () => (state.over = true),
    () => (state.over = true),
  );
  for (let at = 0, last = false; !last;) {
    last = state.over;
    at = await follow(listing, at, judge, ports);
    const item = `unpacking ${shown}`;
    ports.log.progress({ stage: "fetch", unit: "bytes", done: judge.bytes, item });
    if (!last) await Promise.race([over, ports.clock.sleep(lookEveryMs)]);
  }
}

/**
 * Unpacks what a hash speaks for into `work`/unpack, at the speed of the programs: no byte passes
 * this process. tar itself tells what it makes, and that is judged by the rules of the strict gate
 * (NameJudge); at the first violation every program is ended. See docs/adr/0006-unpacking.md for
 * why nothing can escape meanwhile. Returns the tree.
 */
export async function unpackVerified(
  stream: TarStream,
  work: string,
  ports: Ports,
): Promise<string> {
  await requireProgram("tar", "tar", ports);
  const into = join(work, "unpack");
  const listing = join(work, "listing");
  await ports.files.mkdir(into, 0o700);
  await ports.files.write(listing, "");
  const how = [...listingOptions, `--index-file=${listing}`, wholePipe, ...(stream.leaveOut ?? [])];
  const tar: Command = extractInto(into, how);
  const judge = new ListingJudge();
  const stop = new AbortController();
  const running = ports.processes.pipe([...stream.commands, tar], { signal: stop.signal });
  try {
    await judgeWhile(running, listing, judge, stream.shown, ports);
    const results = await running;
    const warnings = results.at(-1)?.stderr ?? "";
    const name = leftOut.exec(warnings)?.[1];
    if (name !== undefined) throw new ArchiveRefused(name, "its name has .. in it");
    const cause = causeOf(results);
    if (cause) throw unpackTrouble(stream, into, cause, judge.bytes);
    judge.end(warnings);
  } catch (error) {
    stop.abort();
    // An interrupt is the reason to tell, whatever it made of the archive.
    await running;
    throw error instanceof ArchiveRefused ? refused(stream, error) : error;
  }
  await ports.files.remove(listing);
  return join(into, judge.names.top as string);
}

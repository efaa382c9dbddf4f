import { randomUUID } from "node:crypto";
import { link, readFile, readlink, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Lock } from "../ports.ts";
import { makeDirectory } from "./directories.ts";

/**
 * A lock file names its holder: process id, the time that process started (ids are
 * used again), the boot and the pid namespace these are counted in (proc(5),
 * /proc/PID/stat field 22), and a token of its own.
 */
interface Holder {
  readonly pid: number;
  readonly started: string;
  readonly boot: string;
  readonly namespace: string;
  readonly token: string;
}

const orEmpty = (promise: Promise<string>): Promise<string> => promise.catch(() => "");

/** Start time of a process in clock ticks since boot; empty when there is none (or no /proc). */
async function startTime(pid: number): Promise<string> {
  const text = await orEmpty(readFile(`/proc/${pid}/stat`, "latin1"));
  // The second field is the program's name in brackets, and may hold anything.
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

async function thisProcess(): Promise<Omit<Holder, "token">> {
  return {
    pid: process.pid,
    started: await startTime(process.pid),
    boot: (await orEmpty(readFile("/proc/sys/kernel/random/boot_id", "latin1"))).trim(),
    namespace: await orEmpty(readlink("/proc/self/ns/pid")),
  };
}

function parseHolder(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<Holder>;
    return typeof holder.pid === "number" && typeof holder.token === "string"
      ? (holder as Holder)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the holder may still be at work. One in another container cannot be judged, so it may. */
async function isAlive(holder: Holder | undefined, me: Omit<Holder, "token">): Promise<boolean> {
  // A lock is linked into place complete: anything else was cut off by a crash of the machine.
  if (!holder || holder.boot !== me.boot) return false;
  if (holder.namespace !== me.namespace) return true;
  if (me.started !== "") return (await startTime(holder.pid)) === holder.started;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const held = (path: string, pid: number | undefined): NodeJS.ErrnoException =>
  Object.assign(new Error(`${path} is held by process ${pid}`), { code: "EEXIST", path, pid });

const read = (path: string): Promise<string | undefined> =>
  readFile(path, "utf8").catch(() => undefined);

/** Links our own claim to `path`: atomic, and only if there is nothing. */
async function claim(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Replaces a dead holder's lock. Of several that see it dead only the one with the
 * guard (a lock itself, so a taker that dies here is no trouble) looks again and replaces.
 */
async function takeOver(draft: string, path: string, me: Omit<Holder, "token">): Promise<boolean> {
  const guard = await takeLock(`${path}.takeover`);
  try {
    const text = await read(path);
    if (text === undefined) return await claim(draft, path);
    if (await isAlive(parseHolder(text), me)) return false;
    await rename(draft, path);
    return true;
  } finally {
    await guard.release();
  }
}

/** Files.lock: see there for what it promises. */
export async function takeLock(path: string): Promise<Lock> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await tryLock(path);
    } catch (error) {
      // The holder before us may have removed the directory together with its lock.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || tries >= 10) throw error;
    }
  }
}

async function tryLock(path: string): Promise<Lock> {
  await makeDirectory(dirname(path));
  const me = await thisProcess();
  const text = JSON.stringify({ ...me, token: randomUUID() } satisfies Holder);
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, text, { flag: "wx", mode: 0o600 });
  try {
    for (;;) {
      if (await claim(draft, path)) break;
      const holder = await read(path);
      if (holder === undefined) continue;
      if (await isAlive(parseHolder(holder), me)) throw held(path, parseHolder(holder)?.pid);
      if (await takeOver(draft, path, me)) break;
    }
  } finally {
    await rm(draft, { force: true });
  }
  return {
    release: async () => {
      if ((await read(path)) === text) await rm(path, { force: true });
    },
  };
}

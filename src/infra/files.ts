import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
  writevSync,
} from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { addAbortSignal } from "node:stream";
import type { CreateOptions, FileInfo, Files } from "../ports.ts";
import { makeDirectory } from "./directories.ts";
import { takeLock } from "./file-lock.ts";
import { appendChunks } from "./streams.ts";

/** Permission bits of a new file before the umask takes its share. */
const plainMode = 0o666;

let serial = 0;

/** A name beside `path` that nobody else uses; the dot keeps it out of globs and kbuild. */
const beside = (path: string): string => {
  serial += 1;
  return join(dirname(path), `.${basename(path).slice(0, 200)}.${process.pid}-${serial}.tmp`);
};

const isMissing = (error: unknown): boolean =>
  ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");

const lstat = async (path: string): Promise<Stats | undefined> => {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

/** After a rename only the directory knows the new name; a crash must not forget it. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await fs.open(path, "r").catch(() => undefined);
  if (!handle) return;
  // EINVAL on file systems that cannot sync a directory.
  await handle.sync().catch(() => undefined);
  await handle.close();
}

/** A failed write(2) does not say which file it was. */
function named(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || "path" in error) return error;
  return Object.assign(error, { path });
}

/** Fills a temporary file beside `path` and renames it there; on failure it is gone again. */
async function replace(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = beside(path);
  try {
    await fill(temporary);
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => undefined);
    throw named(error, path);
  }
  await syncDirectory(dirname(path));
}

async function write(path: string, data: string | Uint8Array, mode?: number): Promise<void> {
  await makeDirectory(dirname(path));
  const old = mode === undefined ? await lstat(path) : undefined;
  const wanted = mode ?? (old?.isFile() ? old.mode & 0o7777 : undefined);
  await replace(path, async (temporary) => {
    const handle = await fs.open(temporary, "wx", wanted === undefined ? plainMode : 0o600);
    try {
      await handle.writeFile(data);
      if (wanted !== undefined) await handle.chmod(wanted);
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Pieces need no copy to be written at once; what a short write(2) leaves is joined and written again. */
function writePieces(file: number, pieces: readonly Uint8Array[]): void {
  const size = pieces.reduce((sum, { length }) => sum + length, 0);
  const written = size === 0 ? 0 : writevSync(file, pieces);
  if (written < size) writeFileSync(file, Buffer.concat(pieces, size).subarray(written));
}

/**
 * For many small files, as is stat: a system call takes microseconds, and to wait for it in
 * another thread (fs/promises) ten times as long.
 */
async function create(
  path: string,
  pieces: readonly Uint8Array[],
  { mode, sync }: CreateOptions,
): Promise<void> {
  try {
    const file = openSync(path, "wx", mode === undefined ? plainMode : 0o600);
    try {
      writePieces(file, pieces);
      if (mode !== undefined) fchmodSync(file, mode);
      if (sync) fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw named(error, path);
  }
}

/** A small file at once, see create; a large one while others wait for their disk. */
async function readBytes(path: string): Promise<Buffer> {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  // What says that it is empty may be a file of /proc, or a pipe.
  if (size === 0 || size >= 1 << 20) return fs.readFile(path);
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafeSlow(size);
    let done = 0;
    for (let got = 1; got > 0 && done < size; done += got)
      got = readSync(file, bytes, done, size - done, null);
    return bytes.subarray(0, done);
  } catch (error) {
    throw named(error, path);
  } finally {
    closeSync(file);
  }
}

/**
 * From the descriptor that is open: /dev/stdin is not on every machine (udev makes it), cannot be opened
 * when it is a socket (open(2): ENXIO), nor when another user made the pipe (su, sudo).
 */
async function readInput(stop?: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    const input = stop ? addAbortSignal(stop, process.stdin) : process.stdin;
    for await (const chunk of input) chunks.push(chunk as Buffer);
  } catch (error) {
    throw named(error, "standard input");
  }
  return Buffer.concat(chunks);
}

async function readSlice(path: string, offset: number, length: number): Promise<Buffer> {
  const handle = await fs.open(path, "r");
  try {
    const { size } = await handle.stat();
    const slice = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
    let done = 0;
    while (done < slice.length) {
      const { bytesRead } = await handle.read(slice, done, slice.length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return slice.subarray(0, done);
  } finally {
    await handle.close();
  }
}

function kindOf(stats: Stats): FileInfo["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  return stats.isSymbolicLink() ? "symlink" : "other";
}

async function stat(path: string): Promise<FileInfo | undefined> {
  const stats = await lstat(path);
  if (!stats) return undefined;
  return {
    kind: kindOf(stats),
    size: stats.size,
    mode: stats.mode & 0o7777,
    mtimeMs: stats.mtimeMs,
    links: stats.nlink,
    id: `${stats.dev}:${stats.ino}`,
  };
}

async function list(path: string): Promise<readonly string[]> {
  try {
    return readdirSync(path).toSorted();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** A file at once, a directory, which may be a whole tree, while others work. */
async function remove(path: string): Promise<void> {
  const info = await lstat(path);
  if (info === undefined) return;
  if (info.isDirectory()) await fs.rm(path, { recursive: true, force: true });
  else rmSync(path, { force: true });
}

/** Into one buffer again and again: a new one for each read costs more than the hash. */
async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(512 * 1024);
  const file = await fs.open(path);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

async function copy(from: string, to: string): Promise<void> {
  await makeDirectory(dirname(to));
  await replace(to, (temporary) =>
    fs.copyFile(from, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE),
  );
}

/** The Files port on node:fs; `stop` ends the wait for standard input. */
export const createFiles = (stop?: AbortSignal): Files => ({
  readText: async (path) => (await readBytes(path)).toString("utf8"),
  readBytes,
  readInput: () => readInput(stop),
  readSlice,
  write,
  create,
  append: appendChunks,
  mkdir: makeDirectory,
  remove,
  rename: async (from, to) => renameSync(from, to),
  link: async (from, to) => linkSync(from, to),
  copy,
  stat,
  list,
  realpath: async (path) => realpathSync.native(path),
  readlink: (path) => fs.readlink(path),
  symlink: (target, path) => fs.symlink(target, path),
  makePrivateDirectory: async (prefix) => {
    await makeDirectory(dirname(prefix));
    return fs.mkdtemp(prefix);
  },
  sha256,
  lock: takeLock,
});

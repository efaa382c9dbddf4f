import { join } from "node:path";
import { badInput } from "../../core/errors.ts";
import { type Entry, fileEntry, limits, Text, tooLarge } from "../../core/patch/index.ts";
import type { FileInfo, Ports } from "../../ports.ts";
import { eachAtOnce } from "./parallel.ts";
import { digest, ownDirectory } from "./state.ts";

/** What the tree has at the paths a series is about; nothing else of the tree is looked at. */
export interface Snapshot {
  readonly entries: ReadonlyMap<string, Entry>;
  /** sha256 of each regular file. */
  readonly hashes: ReadonlyMap<string, string>;
  /** Of each regular file. */
  readonly infos: ReadonlyMap<string, FileInfo>;
}

/** The real path of the tree; badInput when it is no directory. */
export async function openTree(tree: string, ports: Ports): Promise<string> {
  const path = await ports.files.realpath(tree).catch(() => undefined);
  const info = path === undefined ? undefined : await ports.files.stat(path);
  if (path === undefined || info?.kind !== "directory") {
    throw badInput("patch.no-tree", {
      what: info ? "this is not a directory" : "there is no such directory",
      where: tree,
      next: "give the directory of the source tree; `tarpit-kit fetch debian:6.1` brings one",
    });
  }
  const own = await ports.files.stat(join(path, ownDirectory));
  if (own && own.kind !== "directory") {
    throw badInput("patch.own-directory", {
      what: `${ownDirectory} in the tree is not a directory`,
      where: join(path, ownDirectory),
      next: "remove it",
    });
  }
  return path;
}

/** Whether nobody has written a file since `then`: the same inode, size and time. */
export const isUntouched = (then: FileInfo, now: FileInfo): boolean =>
  now.kind === "file" &&
  now.id === then.id &&
  now.size === then.size &&
  now.mtimeMs === then.mtimeMs;

/** Names below the tree, each looked at once; a name below a symbolic link is outside. */
class TreeReader {
  readonly #kinds = new Map<string, Promise<FileInfo | undefined>>();
  readonly #root: string;
  readonly #ports: Ports;
  constructor(root: string, ports: Ports) {
    this.#root = root;
    this.#ports = ports;
  }
  info(path: string): Promise<FileInfo | undefined> {
    const known = this.#kinds.get(path) ?? this.#ports.files.stat(join(this.#root, path));
    this.#kinds.set(path, known);
    return known;
  }
  async entry(path: string): Promise<{ entry: Entry; hash?: string; file?: FileInfo }> {
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth += 1) {
      const above = await this.info(parts.slice(0, depth).join("/"));
      if (!above) return { entry: { kind: "absent" } };
      if (above.kind !== "directory") return { entry: { kind: "outside" } };
    }
    const info = await this.info(path);
    if (!info) return { entry: { kind: "absent" } };
    if (info.kind !== "file") return { entry: { kind: info.kind } };
    const where = join(this.#root, path);
    if (info.size > limits.bytes) throw tooLarge(where, `${limits.bytes >> 20} MiB`);
    const bytes = await this.#ports.files.readBytes(where).catch((error: unknown) => {
      throw unreadable(where, error);
    });
    return {
      entry: fileEntry(new Text(bytes, where), info.mode),
      hash: digest(bytes),
      file: info,
    };
  }
}

const unreadable = (path: string, error: unknown): Error =>
  badInput("patch.unreadable", {
    what: "a file that the series touches cannot be read",
    where: `${path} (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
    next: "give yourself read permission there",
  });

/** Reads these paths, and which of the directories above them exist. */
export async function takeSnapshot(
  tree: string,
  paths: readonly string[],
  ports: Ports,
): Promise<Snapshot> {
  const reader = new TreeReader(tree, ports);
  const entries = new Map<string, Entry>();
  const hashes = new Map<string, string>();
  const infos = new Map<string, FileInfo>();
  await eachAtOnce(paths, async (path) => {
    const { entry, hash, file } = await reader.entry(path);
    entries.set(path, entry);
    if (hash !== undefined) hashes.set(path, hash);
    if (file !== undefined) infos.set(path, file);
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth += 1) {
      const above = parts.slice(0, depth).join("/");
      if ((await reader.info(above))?.kind === "directory")
        entries.set(above, { kind: "directory" });
    }
  });
  return { entries, hashes, infos };
}

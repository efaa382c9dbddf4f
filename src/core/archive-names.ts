import { posix } from "node:path";

/** What an archive says about one entry, before anything of it is unpacked. */
export interface ArchiveEntry {
  readonly path: string;
  readonly type: EntryType;
  /** Target of a symbolic link, or the earlier entry a hard link names. */
  readonly link?: string;
}

export type EntryType =
  | "file"
  | "directory"
  | "symlink"
  | "hardlink"
  | "character device"
  | "block device"
  | "fifo"
  | "sparse file"
  | "thing of unknown type";

/** An entry or archive that is not let through. */
export class ArchiveRefused extends Error {
  readonly entry: string;
  readonly reason: string;
  constructor(entry: string, reason: string) {
    super(`${JSON.stringify(entry)}: ${reason}`);
    this.entry = entry;
    this.reason = reason;
  }
}

/** Linux 6.12 has 87,000 entries. */
export const maxEntries = 500_000;

// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f\ufffd]/;

/** The parts of a name; refuses what could leave the directory it is unpacked in. */
function partsOf(name: string, shown: string): string[] {
  if (name === "") throw new ArchiveRefused(shown, "it has an empty name");
  if (control.test(name)) {
    throw new ArchiveRefused(shown, "its name holds control characters or is not UTF-8");
  }
  if (name.startsWith("/")) throw new ArchiveRefused(shown, "its name is an absolute path");
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new ArchiveRefused(shown, "its name has .. in it");
  if (name.length > 4096 || parts.some((part) => part.length > 255)) {
    throw new ArchiveRefused(shown, "its name is too long");
  }
  return parts;
}

/**
 * A symbolic link may go up, then down by names, and must stay below the top
 * directory. `..` after a name is refused: what lies there depends on other
 * links. So by induction every link that is let through ends inside.
 */
function checkSymlink(entry: ArchiveEntry, parts: readonly string[]): void {
  const target = entry.link ?? "";
  if (target === "" || control.test(target))
    throw new ArchiveRefused(entry.path, "it is a symbolic link to nothing");
  if (target.startsWith("/")) {
    throw new ArchiveRefused(entry.path, `it is a symbolic link to the absolute path ${target}`);
  }
  const steps = target.split("/").filter((part) => part !== "" && part !== ".");
  const down = steps.findIndex((step) => step !== "..");
  const ups = down < 0 ? steps.length : down;
  // parts.length - 1 directories hold the link; the top one must not be left.
  if (ups > parts.length - 2 || steps.slice(ups).includes("..")) {
    throw new ArchiveRefused(entry.path, `it is a symbolic link out of the tree, to ${target}`);
  }
}

/**
 * Judges the entries of an archive in their order. Everything must lie below
 * one top directory, under a name that no earlier entry took, in directories
 * that are directories (not links).
 */
export class NameJudge {
  readonly #seen = new Map<string, EntryType>();
  #top: string | undefined;

  /** The one top directory, once something was seen. */
  get top(): string | undefined {
    return this.#top;
  }

  get count(): number {
    return this.#seen.size;
  }

  /** Throws ArchiveRefused. */
  accept(entry: ArchiveEntry): void {
    const parts = partsOf(entry.path, entry.path);
    if (parts.length === 0 && entry.type === "directory") return;
    this.#checkTop(entry, parts);
    const name = parts.join("/");
    this.#claimParents(entry, name);
    const before = this.#seen.get(name);
    if (before !== undefined && !(before === "directory" && entry.type === "directory")) {
      throw new ArchiveRefused(entry.path, `it comes twice (first as ${before})`);
    }
    this.#checkType(entry, parts);
    this.#seen.set(name, entry.type);
    if (this.#seen.size > maxEntries) {
      throw new ArchiveRefused(entry.path, `the archive has more than ${maxEntries} entries`);
    }
  }

  #checkTop(entry: ArchiveEntry, parts: readonly string[]): void {
    const [top] = parts;
    if (top === undefined || (parts.length === 1 && entry.type !== "directory")) {
      throw new ArchiveRefused(entry.path, "it lies beside the top directory");
    }
    this.#top ??= top;
    if (top !== this.#top) {
      throw new ArchiveRefused(
        entry.path,
        `it is not below ${this.#top}/, the archive's top directory`,
      );
    }
  }

  /** Directories may be left out of an archive; a name that something else has is none. */
  #claimParents(entry: ArchiveEntry, name: string): void {
    for (let parent = posix.dirname(name); parent !== "."; parent = posix.dirname(parent)) {
      const type = this.#seen.get(parent);
      if (type === "directory") return;
      if (type !== undefined)
        throw new ArchiveRefused(entry.path, `it goes through the ${type} ${parent}`);
      this.#seen.set(parent, "directory");
    }
  }

  #checkType(entry: ArchiveEntry, parts: readonly string[]): void {
    switch (entry.type) {
      case "file":
      case "directory":
        return;
      case "symlink":
        return checkSymlink(entry, parts);
      case "hardlink": {
        const target = partsOf(entry.link ?? "", entry.path).join("/");
        if (this.#seen.get(target) === "file") return;
        throw new ArchiveRefused(
          entry.path,
          `it is a hard link to ${target}, which is no earlier file`,
        );
      }
      default:
        throw new ArchiveRefused(entry.path, `it is a ${entry.type}`);
    }
  }
}

import type { Entry } from "./types.ts";

/** Directories above a path, the outermost first. */
const above = (path: string): string[] => {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
};

const absent: Entry = { kind: "absent" };

/** The tree as a plan would leave it: what was there, and on top of it what is planned. */
export class PlannedTree {
  readonly #before: ReadonlyMap<string, Entry>;
  readonly #now = new Map<string, Entry>();
  /** Directories that planned files need. */
  readonly #made = new Set<string>();
  constructor(before: ReadonlyMap<string, Entry>) {
    this.#before = before;
  }
  get(path: string): Entry {
    const known = this.#now.get(path) ?? this.#before.get(path);
    if (known !== undefined && known.kind !== "absent") return known;
    return this.#made.has(path) ? { kind: "directory" } : absent;
  }
  set(path: string, entry: Entry): void {
    this.#now.set(path, entry);
    for (const directory of above(path)) this.#made.add(directory);
  }
  /** Something that is no directory is in the way of this path. */
  isBelowFile(path: string): boolean {
    return above(path).some((one) => !["directory", "absent"].includes(this.get(one).kind));
  }
  remove(path: string): void {
    this.#now.set(path, absent);
  }
  /** Whether the directory part of `path` down to each level is there; counts the missing ones. */
  missingDirectories(path: string): number {
    return above(path).filter((one) => this.get(one).kind === "absent").length;
  }
  changed(): ReadonlyMap<string, Entry> {
    return this.#now;
  }
}

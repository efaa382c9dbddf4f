import type { Entry } from "./types.ts";

const absent: Entry = { kind: "absent" };

/** The tree as a plan would leave it: what was there, and on top of it what is planned. */
export class PlannedTree {
  readonly #before: ReadonlyMap<string, Entry>;
  readonly #now = new Map<string, Entry>();
  constructor(before: ReadonlyMap<string, Entry>) {
    this.#before = before;
  }
  get(path: string): Entry {
    return this.#now.get(path) ?? this.#before.get(path) ?? absent;
  }
  set(path: string, entry: Entry): void {
    this.#now.set(path, entry);
  }
  remove(path: string): void {
    this.#now.set(path, absent);
  }
  /** Whether the directory part of `path` down to each level is there; counts the missing ones. */
  missingDirectories(path: string): number {
    const parts = path.split("/").slice(0, -1);
    const known = parts.map((_, index) => this.get(parts.slice(0, index + 1).join("/")).kind);
    return known.filter((kind) => kind === "absent").length;
  }
  changed(): ReadonlyMap<string, Entry> {
    return this.#now;
  }
}

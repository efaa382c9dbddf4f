import { join } from "node:path";
import { badInput } from "../../core/errors.ts";
import { type Entry, safePath, splitLines } from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import { eachAtOnce } from "../patch/parallel.ts";

const skipped = new Set([".git", ".svn", ".hg", "CVS", ".pc", ".tarpit-kit"]);

/** Regular files below a directory, relative to it. Version control and our own files are not of the tree. */
export async function filesBelow(root: string, ports: Ports): Promise<string[]> {
  const found: string[] = [];
  const walk = async (path: string): Promise<void> => {
    const names = (await ports.files.list(join(root, path))).filter((name) => !skipped.has(name));
    await eachAtOnce(names, async (name) => {
      const below = path === "" ? name : `${path}/${name}`;
      const kind = (await ports.files.stat(join(root, below)))?.kind;
      if (kind === "directory") await walk(below);
      else if (kind === "file") found.push(below);
      else ports.log.warn(`${join(root, below)} is no regular file: left out`);
    });
  };
  await walk("");
  return found.toSorted();
}

/** A file's entry; absent when nothing is there; badInput for what a text diff cannot hold. */
export async function readEntry(root: string, path: string, ports: Ports): Promise<Entry> {
  if (safePath(path) !== path) throw unfit(join(root, path), "its name cannot be in a patch");
  const info = await ports.files.stat(join(root, path));
  if (!info) return { kind: "absent" };
  if (info.kind !== "file") throw unfit(join(root, path), "it is no regular file");
  const text = (await ports.files.readBytes(join(root, path))).toString("latin1");
  if (text.includes("\0"))
    throw unfit(join(root, path), "it is binary, and only text can be patched");
  return { kind: "file", lines: splitLines(text), mode: info.mode };
}

export const linesOf = (entry: Entry | undefined): readonly string[] =>
  entry?.kind === "file" ? entry.lines : [];

export const fileOf = (lines: readonly string[], mode?: number): Entry => ({
  kind: "file",
  lines,
  mode,
});

export async function requireDirectory(path: string, what: string, ports: Ports): Promise<string> {
  const real = await ports.files.realpath(path).catch(() => undefined);
  if (real !== undefined && (await ports.files.stat(real))?.kind === "directory") return real;
  throw badInput("extract.no-directory", {
    what: `${what} is no directory`,
    where: path,
    next: "tarpit-kit extract --help shows what goes where",
  });
}

const unfit = (where: string, why: string): Error =>
  badInput("extract.unfit", {
    what: `this file cannot be extracted: ${why}`,
    where,
    next: "leave it out: name the files you want after the two trees",
  });

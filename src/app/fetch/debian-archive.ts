import { join } from "node:path";
import { Interrupted } from "../../core/errors.ts";
import type { AptFile } from "../../core/fetch-apt.ts";
import type { Ports } from "../../ports.ts";
import { downloadsDir } from "./store.ts";
import { unpackVerified, wholePipe } from "./unpack-verified.ts";
import { env, type TarStream } from "./unpack.ts";

/**
 * A linux-source package is an archive in an archive in an archive (deb(5): ar, tar.xz, and in it
 * the kernel's own tar.xz). Once it has been verified, only the innermost stays in CACHE/downloads,
 * in as many bytes, with a record of what it came out of: unpacking again takes one program less.
 */
export interface ArchiveRecord {
  readonly format: 1;
  /** What apt's indexes say of the package it was in. */
  readonly packageSha256: string;
  readonly sha256: string;
}

export interface KeptArchive {
  readonly path: string;
  readonly record: string;
  readonly sha256: string;
  readonly size: number;
}

const keptPath = (file: AptFile, ports: Ports): string =>
  join(downloadsDir(ports), file.file.replace(/\.deb$/, ".tar.xz"));

export const recordPath = (kept: string): string => `${kept}.json`;

export async function readRecord(path: string, ports: Ports): Promise<Partial<ArchiveRecord>> {
  try {
    return JSON.parse(await ports.files.readText(path)) as Partial<ArchiveRecord>;
  } catch {
    // Cut off by a crash, or not there: the package is brought again.
    return {};
  }
}

/** What an earlier run kept of this very package. */
export async function keptArchive(file: AptFile, ports: Ports): Promise<KeptArchive | undefined> {
  const path = keptPath(file, ports);
  const record = recordPath(path);
  const { format, packageSha256, sha256 } = await readRecord(record, ports);
  const info = await ports.files.stat(path);
  if (format !== 1 || packageSha256 !== file.sha256 || !sha256 || info?.kind !== "file")
    return undefined;
  return { path, record, sha256, size: info.size };
}

/** xz's own check (`-dc` alone computes it) is for bytes that no other hash speaks for (xz(1)). */
const xz = (...files: readonly string[]) => ({
  program: "xz",
  args: ["-dc", "-T0", "--ignore-check", ...files],
  env,
});

/** Unpacks while `hash` is computed. Undefined, and nothing left of it, when that is not `expected`. */
async function unpackWhile(
  stream: TarStream,
  hash: Promise<string>,
  expected: string,
  work: string,
  ports: Ports,
): Promise<string | undefined> {
  const unpacking = unpackVerified(stream, work, ports);
  const [hashed, unpacked] = await Promise.allSettled([hash, unpacking]);
  if (hashed.status === "fulfilled" && hashed.value === expected) return unpacking;
  if (unpacked.status === "rejected" && unpacked.reason instanceof Interrupted)
    throw unpacked.reason;
  await ports.files.remove(join(work, "unpack"));
  return undefined;
}

/** Unpacks a kept archive into `work`. A damaged one is removed: undefined. */
export async function unpackKept(
  kept: KeptArchive,
  work: string,
  leaveOut: readonly string[],
  ports: Ports,
): Promise<string | undefined> {
  const shown = kept.path.replace(/^.*\//, "");
  const stream = { commands: [xz("--", kept.path)], shown, size: kept.size, leaveOut };
  const hash = ports.files.sha256(kept.path);
  const tree = await unpackWhile(stream, hash, kept.sha256, work, ports);
  if (tree !== undefined) return tree;
  await ports.files.remove(kept.record);
  await ports.files.remove(kept.path);
  return undefined;
}

export interface DebArchive {
  readonly path: string;
  /** Compared with apt's indexes a moment ago; else it is hashed while it is unpacked. */
  readonly fresh: boolean;
  /** Name of the kernel's tar.xz among the package's files. */
  readonly member: string;
  readonly file: AptFile;
}

/** Unpacks a package into `work`, and keeps the kernel's archive in its stead. A damaged one is removed: undefined. */
export async function unpackDeb(
  deb: DebArchive,
  work: string,
  leaveOut: readonly string[],
  ports: Ports,
): Promise<string | undefined> {
  const inner = join(work, "kernel.tar.xz");
  const stream = {
    commands: [
      { program: "dpkg-deb", args: ["--fsys-tarfile", deb.path] },
      {
        program: "tar",
        args: ["--extract", "--to-stdout", "--file=-", wholePipe, deb.member],
        env,
      },
      { program: "tee", args: ["--", inner], env },
      xz(),
    ],
    shown: deb.file.file,
    size: deb.file.size,
    leaveOut,
  };
  const { sha256 } = deb.file;
  const hash = deb.fresh ? Promise.resolve(sha256) : ports.files.sha256(deb.path);
  const tree = await unpackWhile(stream, hash, sha256, work, ports);
  if (tree !== undefined) await keep(inner, deb.file, ports);
  await ports.files.remove(deb.path);
  return tree;
}

/** The record comes last: an archive without one is not believed. */
async function keep(inner: string, file: AptFile, ports: Ports): Promise<void> {
  const path = keptPath(file, ports);
  const record: ArchiveRecord = {
    format: 1,
    packageSha256: file.sha256,
    sha256: await ports.files.sha256(inner),
  };
  await ports.files.rename(inner, path);
  await ports.files.write(recordPath(path), `${JSON.stringify(record, undefined, 2)}\n`);
}

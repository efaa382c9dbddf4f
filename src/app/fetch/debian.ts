import { join } from "node:path";
import { badInput, environment, failure } from "../../core/errors.ts";
import {
  type AptFile,
  readAptPercent,
  readPrintUris,
  versionInDebName,
} from "../../core/fetch-apt.ts";
import { lineOf } from "../../core/kernel-version.ts";
import type { Command, Ports, RunResult } from "../../ports.ts";
import { requireKernelTree } from "../tree.ts";
import { keptArchive, unpackDeb, unpackKept } from "./debian-archive.ts";
import {
  cachedOr,
  downloadsDir,
  findTree,
  type NewTree,
  partMark,
  slug,
  withLock,
} from "./store.ts";
import type { Provider } from "./types.ts";
import { diskFull, megabytes } from "./unpack.ts";

/**
 * Debian's binary package linux-source-X through the machine's own apt
 * sources and keyrings (Dir::Etc stays the system's), with a cache, and where
 * the system has no lists, lists of our own: nothing of the system's is
 * written and no root is needed (apt.conf(5), "Directories").
 */
export function apt(
  program: string,
  args: readonly string[],
  lists: string | undefined,
  ports: Ports,
): Command {
  const options = [
    `Dir::Cache=${aptCache(lists, ports)}`,
    // Container images switch it off (docker-clean); with it a look-up takes 0.1 s, without 0.5 s.
    "Dir::Cache::pkgcache=pkgcache.bin",
    ...(lists === undefined ? [] : [`Dir::State::lists=${lists}`]),
    "APT::Get::AllowUnauthenticated=false",
    "Acquire::AllowInsecureRepositories=false",
    "Acquire::Retries=2",
    // As root, apt's helpers would run as _apt, who may not write to our private cache.
    ...(ports.host.isRoot ? ["APT::Sandbox::User=root"] : []),
  ];
  return {
    program,
    args: ["-q", ...options.flatMap((option) => ["-o", option]), ...args],
    // --print-uris leaves out what lies in the current directory already.
    cwd: args.includes("--print-uris") ? join(ports.cacheDir, "apt") : downloadsDir(ports),
    env: { LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
  };
}

const aptGet = (args: readonly string[], lists: string | undefined, ports: Ports): Command =>
  apt("apt-get", args, lists, ports);

/** One for each set of lists: apt's index cache belongs to it. */
const aptCache = (lists: string | undefined, ports: Ports): string =>
  join(ports.cacheDir, "apt", lists === undefined ? "cache" : "own-cache");

export const ownLists = (ports: Ports): string => join(ports.cacheDir, "apt", "lists");

/** apt wants its directories to be there. */
export async function prepare(ports: Ports): Promise<void> {
  await ports.files.mkdir(downloadsDir(ports));
  await ports.files.mkdir(join(ownLists(ports), "partial"));
  for (const lists of [undefined, ownLists(ports)]) {
    await ports.files.mkdir(join(aptCache(lists, ports), "archives", "partial"));
  }
}

const said = (result: RunResult): string =>
  result.stderr
    .split("\n")
    .filter((line) => /^[EW]: /.test(line))
    .slice(0, 3)
    .map((line) => line.slice(3))
    .join("; ") || `apt-get ended with ${result.code}`;

const aptTrouble = (what: string): Error =>
  environment("fetch.apt", {
    what: `apt cannot bring the kernel source: ${what}`,
    where: "apt-get download, with the apt sources of this machine",
    next: "check `apt-get update`, or give another source, e.g. --kernel 6.1 (kernel.org)",
  });

/** What apt's verified indexes say, without asking the network. */
export async function lookUp(
  name: string,
  lists: string | undefined,
  ports: Ports,
): Promise<AptFile | undefined> {
  const result = await ports.processes.run(
    aptGet(["download", "--print-uris", name], lists, ports),
  );
  return result.code === 0 ? readPrintUris(result.stdout) : undefined;
}

async function refreshOwnLists(ports: Ports): Promise<void> {
  ports.log.info(
    "reading the package lists of the machine's apt sources (into a cache of our own)",
  );
  const result = await ports.processes.run(aptGet(["update"], ownLists(ports), ports));
  if (result.code !== 0) ports.log.detail(`apt-get update: ${said(result)}`);
}

export interface Candidate {
  readonly file: AptFile;
  /** The lists it was found in: undefined is the system's. */
  readonly lists: string | undefined;
}

const isIndex = (file: string): boolean => file.includes("_Packages");

const debVersion = ({ file }: Candidate): string => versionInDebName(file.file);

/** The system's lists decide; ours only where they know a newer version, as after a refresh. */
async function candidate(name: string, ports: Ports): Promise<Candidate | undefined> {
  const [system, own] = await Promise.all(
    [undefined, ownLists(ports)].map(async (lists) => {
      const known = lists === undefined || (await ports.files.list(lists)).some(isIndex);
      const file = known ? await lookUp(name, lists, ports) : undefined;
      return file && { file, lists };
    }),
  );
  if (!system || !own || system.file.sha256 === own.file.sha256) return system ?? own;
  const args = ["--compare-versions", debVersion(own), "gt", debVersion(system)];
  return (await ports.processes.run({ program: "dpkg", args })).code === 0 ? own : system;
}

async function refreshed(name: string, ports: Ports): Promise<Candidate | undefined> {
  const lists = ownLists(ports);
  await refreshOwnLists(ports);
  const file = await lookUp(name, lists, ports);
  return file && { file, lists };
}

/** Whether the machine has package lists at all; a fresh container has none. */
async function hasLists(ports: Ports): Promise<boolean> {
  const args = ["indextargets", "--format", "$(FILENAME)", "Created-By: Packages"];
  const result = await ports.processes.run(aptGet(args, undefined, ports));
  return result.code === 0 && result.stdout.trim() !== "";
}

async function unknownSeries(name: string, ports: Ports): Promise<Error> {
  const names = await ports.processes.run({
    program: "apt-cache",
    args: ["pkgnames", "linux-source-"],
    env: { LC_ALL: "C" },
  });
  const known = [...names.stdout.matchAll(/^linux-source-(\d+\.\d+)$/gm)].map(
    (match) => `debian:${match[1]}`,
  );
  const offered = known.toSorted().join(", ");
  return badInput("fetch.not-found", {
    what: `apt has no package ${name}`,
    where: "the apt sources of this machine",
    next:
      offered === ""
        ? "check `apt-get update`, or give a kernel.org release, e.g. 6.1.192"
        : `give one of: ${offered}`,
  });
}

/** Brings the package to CACHE/downloads; apt checks its hash. */
async function downloadDeb(wanted: Candidate, name: string, ports: Ports): Promise<RunResult> {
  const { file, lists } = wanted;
  const onLine = (line: string) => {
    const percent = readAptPercent(line);
    if (percent === undefined) return;
    const done = Math.round((percent / 100) * file.size);
    ports.log.progress({ stage: "fetch", unit: "bytes", done, total: file.size, item: file.file });
  };
  const args = ["-o", "APT::Status-Fd=1", "download", `${name}=${versionInDebName(file.file)}`];
  const result = await ports.processes.run(aptGet(args, lists, ports), { onLine });
  if (
    /cannot be authenticated|unauthenticated packages|insecure repositor/i.test(
      result.stdout + result.stderr,
    )
  ) {
    throw failure("fetch.unverified", {
      what: `apt cannot authenticate ${name}: its source is not signed by a trusted key`,
      where: file.url,
      next: "repair the apt source (Signed-By), or give a kernel.org release, e.g. 6.1.192",
    });
  }
  return result;
}

const isDiskFull = (text: string): boolean =>
  /No space left on device|not enough space|enough free space/i.test(text);

/** The package in CACHE/downloads; `fresh` when apt has just compared it with its signed indexes (apt-secure(8)). */
async function debFile(wanted: Candidate, name: string, ports: Ports) {
  const { file } = wanted;
  const path = join(downloadsDir(ports), file.file);
  if (await ports.files.stat(path)) return { path, fresh: false };
  const result = await downloadDeb(wanted, name, ports);
  if (result.code === 0) return { path, fresh: true };
  if (isDiskFull(result.stderr)) throw diskFull(downloadsDir(ports), file.size * 12);
  throw aptTrouble(said(result));
}

/** Unpacks what an earlier run kept of the package, or the package; undefined when that was damaged. */
async function unpackPackage(
  wanted: Candidate,
  name: string,
  work: string,
  leaveOut: readonly string[],
  ports: Ports,
) {
  const { file } = wanted;
  const kept = await keptArchive(file, ports);
  if (kept) return unpackKept(kept, work, leaveOut, ports);
  const { path, fresh } = await debFile(wanted, name, ports);
  const member = `./usr/src/${name}.tar.xz`;
  return unpackDeb({ path, fresh, member, file }, work, leaveOut, ports);
}

async function treeFromDeb(
  wanted: Candidate,
  name: string,
  series: string,
  work: string,
  leaveOut: readonly string[],
  ports: Ports,
): Promise<NewTree> {
  const { file } = wanted;
  const attempt = () => unpackPackage(wanted, name, work, leaveOut, ports);
  // What was damaged is removed: a kept archive, then a package; the last time apt brings it.
  const tree = (await attempt()) ?? (await attempt()) ?? (await attempt());
  if (!tree) throw aptTrouble(`${file.file} is not what apt's indexes describe`);
  const version = await requireKernelTree(tree, ports);
  if (lineOf(version) !== series) throw aptTrouble(`${file.file} holds Linux ${version.text}`);
  const debian = debVersion(wanted);
  return {
    tree,
    id: `sha256:${file.sha256}`,
    version,
    origin: {
      kind: "debian",
      url: file.url,
      package: `${name} ${debian}`,
      sha256: file.sha256,
    },
    trust: {
      how: "apt",
      detail: `${name} ${debian}, by apt's signed indexes (sha256 ${file.sha256})`,
    },
  };
}

export const fetchDebian: Provider<"debian"> = async (spec, { leaveOut }, ports) => {
  if (!(await ports.processes.which("apt-get"))) {
    throw environment("fetch.no-apt", {
      what: "there is no apt on this machine",
      where: `kernel source "${spec.text}"`,
      next: `take the kernel.org release: --kernel ${spec.series}`,
    });
  }
  const name = `linux-source-${spec.series}`;
  await prepare(ports);
  const listed = await candidate(name, ports);
  if (!listed) {
    const [start, end] = [`debian:${name}:`, partMark(leaveOut)];
    const isOne = (key: string) =>
      key.startsWith(start) && !key.slice(start.length, key.length - end.length).includes(":");
    const fetched = await findTree((key) => key.endsWith(end) && isOne(key), ports);
    if (fetched) return fetched;
    if (await hasLists(ports)) throw await unknownSeries(name, ports);
  }
  const wanted = listed ?? (await refreshed(name, ports));
  if (!wanted) throw await unknownSeries(name, ports);
  return bring(wanted, name, spec.series, ports, leaveOut);
};

/** The tree of one version, or the part of it that tar is not told to leave out: the cached one, else out of its package. */
export function bringOne(
  { file, lists }: Candidate,
  name: string,
  series: string,
  ports: Ports,
  leaveOut: readonly string[] = [],
) {
  const source = {
    key: `debian:${name}:${file.sha256}${partMark(leaveOut)}`,
    name: slug(`debian-${versionInDebName(file.file)}`),
  };
  return cachedOr(source, ports, (work) => {
    ports.log.stage("fetch", `${file.file} (${megabytes(file.size)}) through apt`);
    const lock = join(downloadsDir(ports), `${file.file}.lock`);
    const made = () => treeFromDeb({ file, lists }, name, series, work, leaveOut, ports);
    return withLock(lock, name, ports, made);
  });
}

async function bring(
  wanted: Candidate,
  name: string,
  series: string,
  ports: Ports,
  leaveOut?: readonly string[],
) {
  const attempt = (now: Candidate) => bringOne(now, name, series, ports, leaveOut);
  try {
    return await attempt(wanted);
  } catch (error) {
    if ((error as { code?: string }).code !== "fetch.apt") throw error;
    // The lists may name a package that the archive has replaced since (404).
    const newer = await refreshed(name, ports);
    if (!newer || newer.file.sha256 === wanted.file.sha256) throw error;
    return attempt(newer);
  }
}

import { join } from "node:path";
import { environment, failure } from "../../core/errors.ts";
import { readAptPercent, versionInDebName } from "../../core/fetch-apt.ts";
import { lineOf } from "../../core/kernel-version.ts";
import type { Ports, RunResult } from "../../ports.ts";
import { requireKernelTree } from "../tree.ts";
import {
  aptGet,
  aptTrouble,
  candidate,
  type Candidate,
  debVersion,
  hasLists,
  prepare,
  refreshed,
  said,
  unknownSeries,
} from "./apt.ts";
import { keptArchive, unpackDeb, unpackKept } from "./debian-archive.ts";
import {
  cachedOr,
  downloadsDir,
  findTree,
  isPart,
  type NewTree,
  partMark,
  slug,
  withLock,
} from "./store.ts";
import type { Provider } from "./types.ts";
import { diskFull, megabytes } from "./unpack.ts";

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
    const inPart = isPart(partMark(leaveOut));
    const isOne = (key: string) => key.startsWith(`debian:${name}:`) && isPart(key) === inPart;
    const fetched = await findTree(isOne, ports);
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

import { join } from "node:path";
import { badInput, environment } from "../../core/errors.ts";
import { type AptFile, readPrintUris, versionInDebName } from "../../core/fetch-apt.ts";
import type { Command, Ports, RunResult } from "../../ports.ts";
import { downloadsDir } from "./store.ts";

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

export const aptGet = (args: readonly string[], lists: string | undefined, ports: Ports): Command =>
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

export const said = (result: RunResult): string =>
  result.stderr
    .split("\n")
    .filter((line) => /^[EW]: /.test(line))
    .slice(0, 3)
    .map((line) => line.slice(3))
    .join("; ") || `apt-get ended with ${result.code}`;

export const aptTrouble = (what: string): Error =>
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

export const debVersion = ({ file }: Candidate): string => versionInDebName(file.file);

/** The system's lists decide; ours only where they know a newer version, as after a refresh. */
export async function candidate(name: string, ports: Ports): Promise<Candidate | undefined> {
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

export async function refreshed(name: string, ports: Ports): Promise<Candidate | undefined> {
  const lists = ownLists(ports);
  await refreshOwnLists(ports);
  const file = await lookUp(name, lists, ports);
  return file && { file, lists };
}

/** Whether the machine has package lists at all; a fresh container has none. */
export async function hasLists(ports: Ports): Promise<boolean> {
  const args = ["indextargets", "--format", "$(FILENAME)", "Created-By: Packages"];
  const result = await ports.processes.run(aptGet(args, undefined, ports));
  return result.code === 0 && result.stdout.trim() !== "";
}

export async function unknownSeries(name: string, ports: Ports): Promise<Error> {
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

import { readMadison } from "../../core/fetch-apt.ts";
import type { Ports } from "../../ports.ts";
import { apt, type Candidate, lookUp, ownLists, prepare } from "./apt.ts";
import { bringOne } from "./debian.ts";

/** One version of a linux-source package as apt's verified indexes have it. */
export interface PackageVersion {
  readonly name: string;
  readonly version: string;
  readonly candidate: Candidate;
}

/** Every version of linux-source-SERIES that apt knows, newest first; each is one upstream release. */
export async function packageVersions(
  series: string,
  ports: Ports,
): Promise<readonly PackageVersion[]> {
  if (!(await ports.processes.which("apt-get"))) return [];
  const name = `linux-source-${series}`;
  await prepare(ports);
  for (const lists of [undefined, ownLists(ports)]) {
    const said = await ports.processes.run(apt("apt-cache", ["madison", name], lists, ports));
    const versions = readMadison(said.stdout);
    const found = await Promise.all(
      versions.map(async (version) => {
        const file = await lookUp(`${name}=${version}`, lists, ports);
        return file ? [{ name, version, candidate: { file, lists } }] : [];
      }),
    );
    if (versions.length > 0) return found.flat();
  }
  return [];
}

export const packageKey = ({ name, candidate }: PackageVersion): string =>
  `debian:${name}:${candidate.file.sha256}`;

/** Brings that version, and no other one. */
export const fetchPackage = (
  wanted: PackageVersion,
  series: string,
  ports: Ports,
  leaveOut?: readonly string[],
) => bringOne(wanted.candidate, wanted.name, series, ports, leaveOut);

/** A file whose sha256 is known, by apt's own way of downloading: its proxies, its retries. */
export async function downloadPinned(
  url: string,
  to: string,
  sha256: string,
  ports: Ports,
): Promise<boolean> {
  const args = ["download-file", url, to, `SHA256:${sha256}`];
  const helper = apt("/usr/lib/apt/apt-helper", args, undefined, ports);
  return (await ports.processes.run(helper)).code === 0;
}

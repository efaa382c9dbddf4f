import { join, posix } from "node:path";
import { environment } from "../../core/errors.ts";
import { upstreamOf } from "../../core/fetch-apt.ts";
import { directoryOf, releasesInListing } from "../../core/fetch-kernel-org.ts";
import { compareKernelVersions } from "../../core/kernel-range.ts";
import { type KernelVersion, lineOf, parseKernelVersion } from "../../core/kernel-version.ts";
import type { Ports } from "../../ports.ts";
import { fetchSource } from "../fetch.ts";
import { treeFromTarball } from "./archive.ts";
import { downloadPinned, fetchPackage, packageKey, packageVersions } from "./debian-versions.ts";
import { listDirectory, mirrorOf } from "./mirror.ts";
import { kernelLines } from "./pins.ts";
import { cachedOr, downloadsDir, partMark } from "./store.ts";
import type { FetchResult } from "./types.ts";

/** A point release that may be had, and how. */
export interface Release {
  readonly version: KernelVersion;
  /** The package or file it is in. */
  readonly from: string;
  /** How a whole tree of it is marked in the cache. */
  readonly key: string;
  /** The tree without what tar is told to leave out. */
  bring(ports: Ports, leaveOut: readonly string[]): Promise<FetchResult>;
}

/**
 * Every point release of a line that can be had, oldest first, each once: what the mirror that was named
 * lists; else what apt has as linux-source packages, and the upstream tarballs of Debian's source
 * package that are pinned in data/kernels and lie beside those; without apt, kernel.org's.
 */
export async function releasesOf(
  line: string,
  mirror: string | undefined,
  ports: Ports,
): Promise<readonly Release[]> {
  const named = mirror ?? ports.host.env["TARPIT_KIT_MIRROR"];
  if (named) return oldestFirst(await listed(line, named, ports));
  const packages = await packageVersions(line, ports);
  if (packages.length === 0) return oldestFirst(await listed(line, undefined, ports));
  const fromPackages = packages.flatMap((one): Release[] => {
    const version = parseKernelVersion(upstreamOf(one.version));
    if (!version) return [];
    const from = `${one.name} ${one.version}`;
    const bring: Release["bring"] = (to, leaveOut) => fetchPackage(one, line, to, leaveOut);
    return [{ version, from, key: packageKey(one), bring }];
  });
  const places = new Set(packages.map(({ candidate }) => posix.dirname(candidate.file.url)));
  return oldestFirst([...fromPackages, ...(await pinned(line, [...places], ports))]);
}

/** Each release once, as the first that has it. */
function oldestFirst(all: readonly Release[]): readonly Release[] {
  const once = new Map<string, Release>();
  for (const release of all)
    if (!once.has(release.version.text)) once.set(release.version.text, release);
  return [...once.values()].toSorted((a, b) => compareKernelVersions(a.version, b.version));
}

async function listed(
  line: string,
  mirror: string | undefined,
  ports: Ports,
): Promise<readonly Release[]> {
  const [major = 0, minor = 0] = line.split(".").map(Number);
  const request = { insecureSkipVerify: false, ...(mirror ? { mirror } : {}) };
  const place = mirrorOf({ spec: "", ...request }, ports);
  const listing = await listDirectory(place, directoryOf({ major, minor }), ports);
  return releasesInListing(listing, line).map((version) => ({
    version,
    from: `linux-${version.text}.tar.xz`,
    key: `release:${version.text}`,
    bring: (to, leaveOut) => fetchSource({ spec: version.text, ...request, leaveOut }, to),
  }));
}

/** Debian keeps a source package's tarball in the directory of the packages that were built from it. */
async function pinned(
  line: string,
  places: readonly string[],
  ports: Ports,
): Promise<readonly Release[]> {
  if (places.length === 0) return [];
  const tarballs = (await kernelLines(ports))
    .filter((data) => data.line === line)
    .flatMap((data) => data.tarballs);
  return tarballs.flatMap(({ version: text, file, sha256 }): Release[] => {
    const version = parseKernelVersion(text);
    if (!version || lineOf(version) !== line) return [];
    const key = `release:${text}`;
    const bring: Release["bring"] = (to, leaveOut) =>
      cachedOr({ key: key + partMark(leaveOut), name: `linux-${text}` }, to, async (work) => {
        const { path, url } = await pinnedFile(file, sha256, places, to);
        const origin = { kind: "release", url } as const;
        const known = { file: path, shown: file, origin, version, leaveOut };
        return treeFromTarball({ ...known, unverified: "refuse" }, work, to);
      });
    return [{ version, from: file, key, bring }];
  });
}

async function pinnedFile(
  file: string,
  sha256: string,
  places: readonly string[],
  ports: Ports,
): Promise<{ readonly path: string; readonly url: string }> {
  const path = join(downloadsDir(ports), file);
  const [first = ""] = places;
  if (await ports.files.stat(path)) return { path, url: `${first}/${file}` };
  ports.log.stage("fetch", `${file} through apt`);
  for (const place of places) {
    const url = `${place}/${file}`;
    if (await downloadPinned(url, path, sha256, ports)) return { path, url };
    await ports.files.remove(path);
  }
  throw environment("fetch.gone", {
    what: `${file} is no longer where apt's packages of this line are`,
    where: places.join(", "),
    next: "give a mirror that has the release: TARPIT_KIT_MIRROR",
  });
}

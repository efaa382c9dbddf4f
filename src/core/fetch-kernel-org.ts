import { compareKernelVersions } from "./kernel-range.ts";
import { type KernelVersion, lineOf, parseKernelVersion } from "./kernel-version.ts";

/** Where kernel.org keeps its releases (https://www.kernel.org/pub/linux/kernel/). */
export const kernelOrg = "https://cdn.kernel.org/pub/linux/kernel";

/** The list of current releases (https://www.kernel.org/releases.html). */
export const releasesJson = "https://www.kernel.org/releases.json";

/** v6.x since 3.0; before, a directory a line (v2.4, v2.6). */
export const directoryOf = (version: { readonly major: number; readonly minor: number }): string =>
  version.major >= 3 ? `v${version.major}.x` : `v${version.major}.${version.minor}`;

/** Names below the mirror's root that a release may have, best first. 2.6.x.y lies deeper, a private mirror flat. */
export function tarballPaths(version: KernelVersion): readonly string[] {
  const directory = directoryOf(version);
  const file = `linux-${version.text}.tar.xz`;
  const longterm = `longterm/v${version.major}.${version.minor}.${version.patch ?? 0}`;
  const deeper =
    version.major === 2 && version.extra !== undefined ? [`${directory}/${longterm}/${file}`] : [];
  return [`${directory}/${file}`, ...deeper];
}

/** `linux-6.1.tar.xz` -> `linux-6.1.tar.sign`: it covers the tar, not its compressed form. */
export const signatureOf = (tarball: string): string =>
  tarball.replace(/\.(?:xz|gz|bz2|zst)$/, "") + ".sign";

const newest = (versions: readonly KernelVersion[]): KernelVersion | undefined =>
  versions.toSorted(compareKernelVersions).at(-1);

const ofLine = (texts: readonly string[], line: string): KernelVersion[] =>
  texts
    .map(parseKernelVersion)
    .filter((version) => version !== undefined)
    .filter((version) => lineOf(version) === line && version.rc === undefined);

interface Release {
  readonly version: string;
  readonly moniker: string;
}

/** The releases in releases.json; empty when it is something else. */
export function readReleases(text: string): readonly Release[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  const list = (parsed as { releases?: unknown } | null)?.releases;
  if (!Array.isArray(list)) return [];
  return list.filter((entry: Partial<Release> | null): entry is Release => {
    return typeof entry?.version === "string" && typeof entry.moniker === "string";
  });
}

/** Newest point release of a line, as releases.json has it. */
export const newestInReleases = (
  releases: readonly Release[],
  line: string,
): KernelVersion | undefined =>
  newest(
    ofLine(
      releases.map(({ version }) => version),
      line,
    ),
  );

/** Newest release that gets long-term care. */
export const newestLongterm = (releases: readonly Release[]): KernelVersion | undefined =>
  newest(
    releases
      .filter(({ moniker }) => moniker === "longterm")
      .map(({ version }) => parseKernelVersion(version))
      .filter((version) => version !== undefined),
  );

/** Point releases named in a directory listing, sha256sums.asc or a list of file names. */
export const releasesInListing = (text: string, line: string): readonly KernelVersion[] =>
  ofLine(
    [...text.matchAll(/linux-([\w.-]+?)\.tar\.xz/g)].map((match) => match[1] as string),
    line,
  );

/** The newest of those. */
export const newestInListing = (text: string, line: string): KernelVersion | undefined =>
  newest(releasesInListing(text, line));

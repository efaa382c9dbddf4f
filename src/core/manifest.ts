import { compareKernelVersions, satisfies } from "./kernel-range.ts";
import { type KernelVersion, parseKernelVersion } from "./kernel-version.ts";

/** patches/manifest.json. */
export interface Manifest {
  readonly lines: readonly ManifestLine[];
}
export interface ManifestLine {
  readonly line: string;
  /** A semver range over kernel versions, as kernel-version.ts reads it. */
  readonly range: string;
  /** File name of the series, in patches/. */
  readonly series: string;
  /** Releases it was built and proven on. */
  readonly verified: readonly string[];
}

/** The line of the manifest whose range a kernel version is in. */
export const seriesFor = (manifest: Manifest, version: KernelVersion): ManifestLine | undefined =>
  manifest.lines.find(({ range }) => satisfies(version, range));

/** The lines just below and just above a version that no series is for. */
export function neighbours(manifest: Manifest, version: KernelVersion): readonly ManifestLine[] {
  const lines = manifest.lines
    .map((entry) => ({ entry, first: parseKernelVersion(entry.line) ?? version }))
    .toSorted((a, b) => compareKernelVersions(a.first, b.first));
  const below = lines.findLast(({ first }) => compareKernelVersions(first, version) < 0);
  const above = lines.find(({ first }) => compareKernelVersions(first, version) > 0);
  return [below, above].flatMap((found) => (found ? [found.entry] : []));
}

import Range from "semver/classes/range.js";
import SemVer from "semver/classes/semver.js";
import { type KernelVersion, parseKernelVersion } from "./kernel-version.ts";

// The one place that knows how kernel versions map to semver, which wants exactly three numbers.

/** Room for the fourth number below the third: 2.4.37.11 is 2.4.37000011. */
const extraRoom = 1_000_000;

const toSemver = (version: KernelVersion): string => {
  const third = (version.patch ?? 0) * extraRoom + (version.extra ?? 0);
  const rc = version.rc === undefined ? "" : `-rc.${version.rc}`;
  return `${version.major}.${version.minor}.${third}${rc}`;
};

/** Negative, zero or positive, for Array.sort; a release candidate comes before its release. */
export const compareKernelVersions = (a: KernelVersion, b: KernelVersion): number =>
  new SemVer(toSemver(a)).compare(toSemver(b));

/**
 * Whether a version is in a semver range such as `>=6.1 <6.2` or `>=2.4.20 <2.4.37.5`.
 * Partial versions keep semver's meaning (`6.1` is every 6.1.x) and a
 * release candidate belongs to its own line: 6.2-rc1 is not `<6.2`.
 */
export function satisfies(version: KernelVersion, range: string): boolean {
  const mapped = range.replaceAll(/\d+(?:\.\d+){2,3}(?:-rc\d+)?|\d+\.\d+-rc\d+/g, (text) => {
    const bound = parseKernelVersion(text);
    return bound ? toSemver(bound) : text;
  });
  return new Range(mapped, { includePrerelease: true }).test(toSemver(version));
}

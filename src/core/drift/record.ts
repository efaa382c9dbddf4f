import { compareKernelVersions } from "../kernel-range.ts";
import { type KernelVersion, parseKernelVersion } from "../kernel-version.ts";

/** What a line's list of releases becomes: those that compiled are in it, those that did not are not. */
export function verifiedAfter(
  before: readonly string[],
  compiled: readonly string[],
  failed: readonly string[],
): readonly string[] {
  const all = [...new Set([...before, ...compiled])].filter((text) => !failed.includes(text));
  return all
    .map(parseKernelVersion)
    .filter((version): version is KernelVersion => version !== undefined)
    .toSorted(compareKernelVersions)
    .map(({ text }) => text);
}

/** patches/manifest.json with another list for one series; everything else stays byte for byte. */
export function withVerified(text: string, series: string, verified: readonly string[]): string {
  const list = verified.map((version) => JSON.stringify(version)).join(", ");
  const start = text.search(
    new RegExp(`"series":\\s*${JSON.stringify(series).replaceAll(".", "\\.")}`),
  );
  const key = /"verified":\s*\[[^\]]*\]/g;
  key.lastIndex = Math.max(0, start);
  const found = start < 0 ? null : key.exec(text);
  if (!found) throw new Error(`the manifest has no list of verified releases for ${series}`);
  return `${text.slice(0, found.index)}"verified": [${list}]${text.slice(found.index + found[0].length)}`;
}

/** Files of an artifact directory that tell of one run: its times, its paths, the order of its jobs. */
export const sumsName = "SHA256SUMS";
export const metadataName = "metadata.json";
export const logName = "build.log";

const records: ReadonlySet<string> = new Set([sumsName, metadataName, logName]);

/** Whether a file is about the run; everything else is the same bytes whenever and wherever it is built. */
export const isRecord = (file: string): boolean => records.has(file);

/** Says of every artifact, packages among them, what it was made of: no package can hold it. */
export const provenanceName = "provenance.json";

/** The fields of metadata.json that do not depend on where, when and by whom it was built. */
const lasting: ReadonlySet<string> = new Set([
  ...["version", "tool", "arch", "scope", "profile", "abis", "kernel", "series", "config"],
  ...["extensions", "compiler", "epoch"],
]);

/** metadata.json for a package: the same text for every build of the same. */
export function lastingMetadata(text: string): string {
  const whole = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const kept = Object.entries(whole)
    .filter(([name]) => lasting.has(name))
    .map(([name, value]) => [name, name === "config" ? withoutPath(value) : value]);
  return `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`;
}

/** `base` may be a path of the user's. */
const withoutPath = (config: unknown): unknown => {
  const { base: _base, ...rest } = config as Readonly<Record<string, unknown>>;
  return rest;
};

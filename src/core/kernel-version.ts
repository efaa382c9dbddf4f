/** Kernel numbers come as 6.12, 6.12-rc1, 6.1.192 and 2.4.37.11 (Makefile: VERSION, PATCHLEVEL, SUBLEVEL, EXTRAVERSION). */
export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch?: number;
  /** The fourth number of 2.4 and 2.6 stable releases. */
  readonly extra?: number;
  readonly rc?: number;
  /** As it was written, without a local part. */
  readonly text: string;
}

const number = String.raw`(?:0|[1-9]\d{0,5})`;
const shape = String.raw`(${number})\.(${number})(?:\.(${number}))?(?:\.(${number}))?(?:-rc([1-9]\d{0,3}))?`;
const whole = new RegExp(`^${shape}$`);
const leading = new RegExp(`^${shape}(?![\\d])`);

function fromMatch(match: RegExpExecArray | null): KernelVersion | undefined {
  if (!match) return undefined;
  const [text, major, minor, patch, extra, rc] = match;
  return {
    major: Number(major),
    minor: Number(minor),
    ...(patch === undefined ? {} : { patch: Number(patch) }),
    ...(extra === undefined ? {} : { extra: Number(extra) }),
    ...(rc === undefined ? {} : { rc: Number(rc) }),
    text,
  };
}

/** 2.4.37.11, 6.12, 6.12-rc1, 6.1.192; undefined for anything else. */
export const parseKernelVersion = (text: string): KernelVersion | undefined =>
  fromMatch(whole.exec(text));

/**
 * What `uname -r` says: a version, and perhaps a local part after it
 * (6.1.192-tarpit, 2.4.21-63.EL, 6.12.1+), which is dropped.
 */
export function parseKernelRelease(text: string): KernelVersion | undefined {
  const match = leading.exec(text);
  const rest = match ? text.slice(match[0].length) : "";
  return rest === "" || /^(?:[-+~_]|\.[A-Za-z])[\w.+~-]*$/.test(rest)
    ? fromMatch(match)
    : undefined;
}

/** The line a version belongs to: `6.1`, `2.4`. */
export const lineOf = (version: KernelVersion): string => `${version.major}.${version.minor}`;

/** The version a kernel's top Makefile states (its first lines; see `make kernelversion`). */
export function versionFromMakefile(text: string): KernelVersion | undefined {
  const value = (name: string): string | undefined =>
    new RegExp(String.raw`^${name}[ \t]*=[ \t]*([^\s#]*)`, "m").exec(text)?.[1];
  const [version, patchlevel, sublevel] = [
    value("VERSION"),
    value("PATCHLEVEL"),
    value("SUBLEVEL"),
  ];
  if (!version || !patchlevel || !sublevel) return undefined;
  // Of one that make has to work out first only the beginning would be known: it says nothing.
  const extra = value("EXTRAVERSION")?.replace(/^.*\$.*$/, "") ?? "";
  return parseKernelRelease(`${version}.${patchlevel}.${sublevel}${extra}`);
}

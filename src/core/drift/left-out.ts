/**
 * What a release has that the target's one object, kbuild's preparation and every Kconfig and Makefile do
 * without: the code of drivers, sound and file systems, the tools' tests and most of the documentation. It
 * is three quarters of the bytes. Patterns of tar(1) with --wildcards-match-slash: a `*` goes through
 * directories. No Kconfig is among them, so that what one sources is there; a header of a driver is
 * included by drivers and by code of machines, none of which is compiled here.
 */
const leftOut: readonly string[] = [
  "*/drivers/*.c",
  "*/drivers/*.h",
  "*/drivers/*.S",
  "*/sound/*.c",
  "*/fs/*.c",
  "*/tools/perf/*",
  "*/tools/testing/*",
  "*/Documentation/*.rst",
  "*/Documentation/*.txt",
  "*/Documentation/*.yaml",
  "*/Documentation/*.svg",
  "*/arch/*.dts",
  "*/arch/*.dtsi",
];

/** Options for tar, of an extraction or a copy whose names begin with one directory. */
export const leaveOut: readonly string[] = [
  "--anchored",
  "--wildcards",
  "--wildcards-match-slash",
  ...leftOut.map((pattern) => `--exclude=${pattern}`),
];

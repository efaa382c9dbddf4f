/**
 * The patch engine: pure, no file is read or written here. library.ts is the package's `tarpit-kit/patch` export.
 * parsePatch and formatPatch go between text (latin1, a character a byte) and file diffs;
 * compareEntries makes the diff of two files; planSeries applies to a snapshot; reversed undoes; originsIn finds a
 * patched file's line in the patch it is from.
 */
export { applyHunks } from "./apply.ts";
export { compareEntries, compareLines } from "./compare.ts";
export { formatPatch, quoteName } from "./format.ts";
export { newFiles, toBytes } from "./new-files.ts";
export { safePath } from "./names.ts";
export { originsIn, type LineOrigin } from "./origin.ts";
export { fileEntry, textOf } from "./entry.ts";
export { limits, splitLines, tooLarge } from "./lines.ts";
export { parsePatch } from "./parse.ts";
export { Text } from "./text.ts";
export { planSeries, reversed, touchedPaths, type Plan } from "./plan.ts";
export { reverseDiff } from "./reverse.ts";
export type * from "./types.ts";

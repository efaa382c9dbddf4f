/** The patch engine: pure, no file is read or written here. */
export { applyHunks } from "./apply.ts";
export { newFiles, toBytes } from "./new-files.ts";
export { safePath } from "./names.ts";
export { parsePatch, splitLines } from "./parse.ts";
export { planSeries, reversed, touchedPaths, type Plan } from "./plan.ts";
export { reverseDiff } from "./reverse.ts";
export type * from "./types.ts";

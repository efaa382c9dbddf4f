import { formatPatch } from "./format.ts";
import type { RefusedHunk } from "./types.ts";

/** The hunks that did not fit, as a patch of their own: what GNU patch writes to FILE.rej. */
export function rejectText(path: string, refused: readonly RefusedHunk[]): string {
  const side = { path: Buffer.from(path, "utf8").toString("latin1"), epoch: false };
  const hunks = refused.map(({ hunk }) => hunk);
  return formatPatch([{ line: 0, old: side, new: side, binary: false, hunks }]);
}

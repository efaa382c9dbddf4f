import type { PatchResult } from "../../app/patch.ts";
import type { Style } from "./style.ts";

const words: Readonly<Record<PatchResult["outcome"], string>> = {
  applied: "applied",
  "already-applied": "already applied",
  "would-apply": "would apply",
  reversed: "reversed",
  "would-reverse": "would reverse",
  "not-applied": "not applied, so there is nothing to reverse",
  "applied-in-part": "applied in part",
  "would-apply-in-part": "would apply in part",
};

/** Each patch with its files; hunks only where they moved or needed fuzz. */
export function describePatch(result: PatchResult, style: Style): string {
  const lines = result.patches.flatMap((patch) => [
    `${style.bold(patch.name)}: ${patch.state}`,
    ...patch.files.flatMap((file) => [
      `  ${file.action} ${file.path}`,
      ...file.hunks
        .filter((hunk) => hunk.offset !== 0 || hunk.fuzz !== 0)
        .map((hunk) =>
          style.yellow(`    hunk ${hunk.index}: ${moved(hunk.offset)}${fuzzy(hunk.fuzz)}`),
        ),
      ...(file.bytesMissing === undefined
        ? []
        : [style.yellow("    a binary file: the patch does not hold its bytes")]),
      ...(file.merged === undefined ? [] : [style.yellow(`    ${file.merged} hunks merged`)]),
    ]),
  ]);
  for (const { path, hunk, patch, line, foundLine } of result.unresolved ?? [])
    lines.push(
      style.red(
        `${path}: hunk ${hunk} (${patch}:${line}) fits nowhere; nearest at line ${foundLine}: see the markers in it, or ${path}.rej`,
      ),
    );
  lines.push(
    `${style.green(words[result.outcome])}: series ${result.series}, ${result.written} files written`,
  );
  return `${lines.join("\n")}\n`;
}

const moved = (offset: number): string =>
  `offset ${offset > 0 ? "+" : ""}${offset} line${Math.abs(offset) === 1 ? "" : "s"}`;
const fuzzy = (fuzz: number): string => (fuzz === 0 ? "" : `, fuzz ${fuzz}`);

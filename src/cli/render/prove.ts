import type { ProveResult } from "../../app/prove.ts";
import type { ProveCase } from "../../core/prove/types.ts";
import { clockTime } from "./progress.ts";
import type { Style } from "./style.ts";

/** One row a case; a failed one with its packets; then the sum. */
export function describeProof(result: ProveResult, style: Style): string {
  const heads = ["path", "family", "abi", "variant", "case"] as const;
  const widths = heads.map((head) =>
    Math.max(head.length, ...result.results.map((row) => cell(row, head).length)),
  );
  const row = (cells: readonly string[]): string =>
    cells.map((text, index) => text.padEnd(widths[index] ?? 0)).join("  ");
  const lines = [style.bold(`        ${row(heads)}  seen`)];
  for (const one of result.results) {
    const mark = one.ok ? style.green("ok    ") : style.red("FAILED");
    lines.push(`${mark}  ${row(heads.map((head) => cell(one, head)))}  ${one.detail}`);
    if (!one.ok)
      lines.push(...(one.packets ?? []).map((packet) => style.dim(`          | ${packet}`)));
  }
  return `${[...lines, "", ...summary(result, style)].join("\n")}\n`;
}

const cell = (row: ProveCase, head: "path" | "family" | "abi" | "variant" | "case"): string =>
  row[head];

function summary(result: ProveResult, style: Style): string[] {
  const failed = result.results.filter((row) => !row.ok).length;
  const took = clockTime(result.durationMs / 1000);
  const head = result.ok ? style.green("proven") : style.red("not proven");
  const counts = `${result.results.length - failed} of ${result.results.length} cases`;
  const lines = [`${head}: ${counts}, kernel ${result.kernel} (${result.arch}), ${took}`];
  if (result.evidence) lines.push(`captures and console logs: ${result.evidence}`);
  return lines;
}

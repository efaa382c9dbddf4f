import type { MatrixPlan, MatrixResult, MatrixRow } from "../../app/matrix.ts";
import { titleOf } from "../../core/matrix/jobs.ts";
import type { Combination } from "../../core/matrix/types.ts";
import { columns } from "./columns.ts";
import { clockTime } from "./progress.ts";
import type { Style } from "./style.ts";

/** What would be built: one line each. */
export function describePlan({ builds, file }: MatrixPlan, style: Style): string {
  const rows = builds.map(({ kernel, arch, profile, scope, userland }) => [
    kernel,
    arch,
    profile,
    scope,
    userland,
  ]);
  const [head = "", ...lines] = columns([
    ["kernel", "arch", "profile", "scope", "userland"],
    ...rows,
  ]);
  return `${[style.bold(head), ...lines, `${builds.length} builds, from ${file}`].join("\n")}\n`;
}

const paint = (state: MatrixRow["state"], style: Style) =>
  ({ built: style.green, unchanged: style.dim, failed: style.red })[state];

/** The one table at the end; what is wrong with a build stands in its row. */
export function describeMatrix({ rows }: MatrixResult, style: Style): string {
  const plain = rows.map((row) => [
    row.state,
    titleOf(row),
    clockTime(row.seconds),
    row.warnings.length === 0 ? "" : `${row.warnings.length} warnings`,
    row.trouble?.what ?? row.dir ?? "",
  ]);
  const lines = columns(plain).map((line, at) => {
    const { state } = rows[at] as MatrixRow;
    return paint(state, style)(state) + line.slice(state.length);
  });
  const failed = rows.filter(({ state }) => state === "failed").length;
  const sum =
    failed === 0
      ? style.green(`all ${rows.length} builds are there`)
      : style.red(`${failed} of ${rows.length} builds failed`);
  return `${[...lines, sum].join("\n")}\n`;
}

/** What each failed build has to say, below the table. */
export function describeFailures({ rows }: MatrixResult, style: Style): string {
  const failed = rows.flatMap((row) => (row.trouble ? [{ row, trouble: row.trouble }] : []));
  return failed
    .map(({ row, trouble }) =>
      [
        `${style.red("failed:")} ${style.bold(titleOf(row))}: ${trouble.what}`,
        ...(trouble.where === undefined ? [] : [`  where: ${trouble.where}`]),
        ...(trouble.evidence ?? []).slice(0, 12).map((line) => `  | ${line}`),
        ...(trouble.next === undefined ? [] : [`  next:  ${trouble.next}`]),
        "",
      ].join("\n"),
    )
    .join("");
}

export const headline = (index: number, all: readonly Combination[]): string =>
  `${index + 1}/${all.length} ${titleOf(all[index] as Combination)}`;

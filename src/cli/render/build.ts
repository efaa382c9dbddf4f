import type { BuildResult } from "../../app/build.ts";
import { showDiagnostic } from "../../core/build-log.ts";
import { clockTime } from "./progress.ts";
import type { Style } from "./style.ts";

/** The last lines of a build: what came out, how long each stage took, the warnings. */
export function describeBuild(result: BuildResult, style: Style): string {
  if (result.unchanged)
    return `${style.green("unchanged")} ${result.release}: nothing had to be done\n`;
  const stages = Object.entries(result.seconds)
    .filter(([, seconds]) => seconds >= 0.5)
    .map(([name, seconds]) => `${name} ${clockTime(seconds)}`);
  const lines = [
    `${style.green("built")} ${result.release} for ${result.arch}: ${result.compiled} files compiled, ${result.checked} checks passed`,
    ...(stages.length > 0 ? [`  ${style.dim(stages.join(", "))}`] : []),
    ...warnings(result, style),
  ];
  return `${lines.join("\n")}\n`;
}

const most = 5;

function warnings(result: BuildResult, style: Style): string[] {
  if (result.warnings.length === 0) return [];
  const shown = result.warnings.slice(0, most).map((warning) => `  ${showDiagnostic(warning)}`);
  const rest = result.warnings.length - shown.length;
  if (rest > 0) shown.push(`  and ${rest} more in metadata.json`);
  return [
    `${style.yellow(`${result.warnings.length} warning${result.warnings.length === 1 ? "" : "s"}`)} of the compiler:`,
    ...shown,
  ];
}

import type { DoctorResult } from "../../app/doctor.ts";
import { describeFinding } from "./findings.ts";
import type { Style } from "./style.ts";

/** What is missing and the one command that brings it, or that nothing is. */
export function describeDoctor(result: DoctorResult, style: Style): string {
  const lines = [
    ...result.missing.map(
      (item) => `${style.red("missing")}   ${item.requirement} (${item.package}): ${item.why}`,
    ),
    ...result.optional.map(
      (item) => `${style.dim("optional")}  ${item.requirement} (${item.package}): ${item.why}`,
    ),
    ...result.findings.map(
      (finding) => `${style.yellow(finding.severity)}   ${describeFinding(finding)}`,
    ),
  ];
  if (result.ok) {
    const done = result.installed ? ", what was missing is installed" : "";
    lines.push(`${style.green("ok")}        ${result.checked} requirements looked at${done}`);
  } else if (result.command) {
    lines.push("", `install them with:  ${result.command}`);
  }
  return `${lines.join("\n")}\n`;
}

import type { VerifyReport } from "../../app/verify-artifacts.ts";
import type { Severity } from "../../core/findings.ts";
import { describeFinding } from "./findings.ts";
import type { Style } from "./style.ts";

/** Findings first, worst first; then how much was checked, and what could not be. */
export function describeVerify(report: VerifyReport, style: Style): string {
  const paint: Readonly<Record<Severity, (text: string) => string>> = {
    error: style.red,
    warning: style.yellow,
    info: style.dim,
    unchecked: style.yellow,
  };
  const order: readonly Severity[] = ["error", "warning", "unchecked", "info"];
  const lines = order.flatMap((severity) =>
    report.findings
      .filter((finding) => finding.severity === severity)
      .map((finding) => `${paint[severity](severity.padEnd(9))} ${describeFinding(finding)}`),
  );
  const unchecked = report.findings.filter((finding) => finding.severity === "unchecked").length;
  const what = `${report.kernel ?? "?"} for ${report.arch ?? "?"}`;
  const summary = `${report.checked.length} checks passed${unchecked > 0 ? `, ${unchecked} could not be made` : ""}`;
  lines.push(
    `${report.ok ? style.green("ok       ") : style.red("not ok   ")} ${what}: ${summary}`,
  );
  return `${lines.join("\n")}\n`;
}

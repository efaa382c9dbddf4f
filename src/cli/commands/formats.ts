import type { Checked, Finding } from "../../core/findings.ts";
import { toJUnit, toSarif } from "../../core/report-formats.ts";
import type { Ports } from "../../ports.ts";
import { toldOf } from "../render/report.ts";

export type Format = "human" | "json" | "junit" | "sarif";

interface Report {
  readonly findings: readonly Finding[];
  readonly checked: readonly Checked[];
}

/** The formats of other programs, as text for stdout; nothing for those of our own. */
export async function formatted(
  format: Format | undefined,
  subject: string,
  report: Report,
  ports: Ports,
): Promise<{ stdout?: string }> {
  if (format !== "junit" && format !== "sarif") return {};
  const text = await ports.files.readText(`${ports.packageRoot}/package.json`);
  const { version } = JSON.parse(text) as { version: string };
  const told = { subject, version, findings: report.findings.map(toldOf), checked: report.checked };
  return {
    stdout: format === "junit" ? toJUnit(told) : `${JSON.stringify(toSarif(told), null, 2)}\n`,
  };
}

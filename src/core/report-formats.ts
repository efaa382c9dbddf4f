import type { Location, Log, Result } from "sarif";
import type { Checked, Evidence, Severity } from "./findings.ts";

/** One finding with its words, for the formats other programs read. */
export interface Told {
  readonly code: string;
  readonly severity: Severity;
  readonly what: string;
  readonly why?: string;
  readonly next?: string;
  readonly evidence?: Evidence;
}

export interface ToldReport {
  readonly subject: string;
  /** What was run; `verify` unless it says otherwise. */
  readonly command?: string;
  readonly version: string;
  readonly findings: readonly Told[];
  readonly checked: readonly Checked[];
}

/** XML 1.0 text: what may not stand in it at all (section 2.2) is shown as U+FFFD. */
const xml = (text: string): string =>
  text
    // eslint-disable-next-line no-control-regex
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

const place = (evidence: Evidence | undefined): string =>
  evidence === undefined
    ? ""
    : `${evidence.file}${evidence.line === undefined ? "" : `:${evidence.line}`}`;

/** JUnit's XML as CI servers read it: a check is a test case; an unchecked one is skipped. */
export function toJUnit({ subject, command = "verify", findings, checked }: ToldReport): string {
  const failures = findings.filter(
    (one) => one.severity === "error" || one.severity === "warning",
  ).length;
  const skipped = findings.filter((one) => one.severity === "unchecked").length;
  const total = findings.length + checked.length;
  const counts = `tests="${total}" failures="${failures}" errors="0" skipped="${skipped}"`;
  const cases = findings.map((one) => {
    const name = `<testcase classname="tarpit-kit.${xml(one.code)}" name="${xml(`${place(one.evidence)} ${one.what}`.trim())}"`;
    const text = [one.what, one.why, one.next && `next: ${one.next}`, one.evidence?.text]
      .filter(Boolean)
      .join("\n");
    if (one.severity === "info") return `${name}/>`;
    if (one.severity === "unchecked")
      return `${name}><skipped message="${xml(one.what)}"/></testcase>`;
    return `${name}><failure type="${one.severity}" message="${xml(one.what)}">${xml(text)}</failure></testcase>`;
  });
  const passed = checked.map(
    (one) => `<testcase classname="tarpit-kit.${xml(one.check)}" name="${xml(one.file)}"/>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites ${counts}>
<testsuite name="${xml(`tarpit-kit ${command} ${subject}`)}" ${counts}>
${[...cases, ...passed].join("\n")}
</testsuite>
</testsuites>
`;
}

/** A result whose kind is not "fail" has no level (SARIF 2.1.0, 3.27.10). */
const levels: Readonly<Record<Severity, Result.level>> = {
  error: "error",
  warning: "warning",
  info: "none",
  unchecked: "none",
};

/** A path as a URI reference (RFC 3986); facts have names with spaces in them. */
const uri = (file: string): string => file.split("/").map(encodeURIComponent).join("/");

/** SARIF 2.1.0 (OASIS): what code hosts show beside the lines of a file. */
export function toSarif({ version, findings }: ToldReport): Log {
  const codes = [...new Set(findings.map((one) => one.code))].toSorted();
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "tarpit-kit", version, rules: codes.map((id) => ({ id })) } },
        results: findings.map((one) => ({
          ruleId: one.code,
          ruleIndex: codes.indexOf(one.code),
          level: levels[one.severity],
          ...(one.severity === "unchecked"
            ? { kind: "open" }
            : one.severity === "info"
              ? { kind: "informational" }
              : {}),
          message: {
            text: [one.what, one.why, one.next && `next: ${one.next}`].filter(Boolean).join(". "),
          },
          ...(one.evidence === undefined ? {} : { locations: [location(one.evidence)] }),
        })),
      },
    ],
  };
}

const location = (evidence: Evidence): Location => ({
  physicalLocation: {
    artifactLocation: { uri: uri(evidence.file) },
    ...(evidence.line === undefined
      ? {}
      : {
          region: {
            startLine: evidence.line,
            ...(evidence.text === undefined ? {} : { snippet: { text: evidence.text } }),
          },
        }),
  },
});

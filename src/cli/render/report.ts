import type { Finding, Severity } from "../../core/findings.ts";
import type { Told } from "../../core/report-formats.ts";
import { safe, wordsOf } from "./findings.ts";
import type { Style } from "./style.ts";

/** Longest piece of a hostile line that a terminal is given. */
const longest = 140;

export const toldOf = (finding: Finding): Told => {
  const { evidence } = finding;
  return {
    code: finding.code,
    severity: finding.severity,
    ...wordsOf(finding),
    ...(evidence === undefined
      ? {}
      : {
          evidence: {
            ...evidence,
            file: safe(evidence.file),
            ...(evidence.text === undefined ? {} : { text: safe(evidence.text) }),
          },
        }),
  };
};

const order: readonly Severity[] = ["error", "warning", "unchecked", "info"];
const names: Readonly<Record<Severity, string>> = {
  error: "error",
  warning: "warning",
  unchecked: "unchecked",
  info: "note",
};

interface Shown {
  readonly findings: readonly Finding[];
  /** Undefined where nothing is counted. */
  readonly checked: number | undefined;
  readonly ok: boolean;
  /** What was judged, in one line. */
  readonly title: string;
}

/** The summary first, then what is wrong, worst first, each with its place, its reason and the next command. */
export function describeReport(shown: Shown, style: Style): string {
  const { findings, ok } = shown;
  const count = (severity: Severity): number =>
    findings.filter((one) => one.severity === severity).length;
  const counts = order
    .filter((severity) => count(severity) > 0)
    .map((severity) =>
      paint(style, severity)(`${count(severity)} ${plural(names[severity], count(severity))}`),
    );
  const verdict = ok ? style.green("ok") : style.red("not ok");
  const lines = [
    `${style.bold(verdict)}  ${safe(shown.title)}`,
    `    ${[...counts, ...(shown.checked === undefined ? [] : [`${shown.checked} passed`])].join(", ") || "nothing to say"}`,
  ];
  for (const severity of order) {
    const those = findings.filter((one) => one.severity === severity);
    if (those.length > 0) lines.push("");
    for (const one of those) lines.push(...describeOne(one, style));
  }
  return `${lines.join("\n")}\n`;
}

const plural = (word: string, count: number): string =>
  count === 1 || word === "unchecked" ? word : `${word}s`;

const paint = (style: Style, severity: Severity): ((text: string) => string) => {
  if (severity === "error") return style.red;
  return severity === "info" ? style.dim : style.yellow;
};

const indent = " ".repeat(11);

function describeOne(finding: Finding, style: Style): string[] {
  const { what, why, next, code, evidence, severity } = toldOf(finding);
  const width = Math.max(40, Math.min(style.columns, 110)) - indent.length;
  const quiet = severity === "info" || severity === "unchecked";
  const [first = "", ...rest] = wrap(cut(what, 600), width);
  const lines = [
    `${paint(style, severity)(names[severity].padEnd(indent.length))}${quiet ? first : style.bold(first)}`,
    ...rest.map((line) => `${indent}${quiet ? line : style.bold(line)}`),
  ];
  const place =
    evidence && `${evidence.file}${evidence.line === undefined ? "" : `:${evidence.line}`}`;
  if (!quiet || evidence?.line !== undefined) {
    const line = [
      code,
      place,
      evidence?.text &&
        // The counters of a rule are told in words, where they matter.
        cut(
          evidence.text.replace(/^\[\d+:\d+\] /, ""),
          Math.max(20, width - code.length - (place?.length ?? 0) - 6),
        ),
    ]
      .filter(Boolean)
      .join("  ");
    lines.push(`${indent}${style.dim(cut(line, Math.max(width, longest)))}`);
  }
  if (why) lines.push(...wrap(why, width).map((line) => `${indent}${line}`));
  if (next)
    lines.push(...wrap(`next: ${next}`, width).map((line) => `${indent}${style.green(line)}`));
  return lines;
}

const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;

/** Breaks at spaces; a word longer than a line stays whole, so that a command can be pasted. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

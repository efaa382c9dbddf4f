import { createHash } from "node:crypto";

/** A message about a line of a file, for a CI server to show there. */
export interface Note {
  readonly severity: "error" | "warning";
  /** Relative to the repository, when it is in it. */
  readonly file: string;
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** What kind it is: `-Wunused-variable`, `build.compile`. */
  readonly code: string;
  readonly message: string;
}

/** GitHub shows ten errors and ten warnings of a step (docs.github.com, "Workflow commands", limits). */
const mostOfAKind = 10;

const data = (text: string): string =>
  text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
const property = (text: string): string => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");

/** Workflow commands that GitHub's runner reads from the output: `::error file=…,line=…::message`. */
export function githubCommands(notes: readonly Note[]): readonly string[] {
  const worst = [
    ...notes.filter(({ severity }) => severity === "error").slice(0, mostOfAKind),
    ...notes.filter(({ severity }) => severity === "warning").slice(0, mostOfAKind),
  ];
  return worst.map(({ severity, file, line, column, code, message }) => {
    const properties = [
      `file=${property(file)}`,
      ...(line === undefined ? [] : [`line=${line}`]),
      ...(column === undefined ? [] : [`col=${column}`]),
      `title=${property(code)}`,
    ];
    return `::${severity} ${properties.join(",")}::${data(message)}`;
  });
}

/**
 * GitLab's code quality report (docs.gitlab.com, "Code Quality report format"). The fingerprint has no
 * line number in it: a message that only moved is the same one in a merge request's comparison.
 */
export function codeQuality(notes: readonly Note[]): readonly object[] {
  const seen = new Map<string, number>();
  return notes.map(({ severity, file, line, code, message }) => {
    const what = [file, code, message.replaceAll(/\d+/g, "#")].join("\0");
    const count = (seen.get(what) ?? 0) + 1;
    seen.set(what, count);
    return {
      description: message,
      check_name: code,
      fingerprint: createHash("sha256").update(`${what}\0${count}`).digest("hex"),
      severity: severity === "error" ? "critical" : "minor",
      location: { path: file, lines: { begin: line ?? 1 } },
    };
  });
}

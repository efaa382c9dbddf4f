import { isAbsolute, relative } from "node:path";
import type { Located } from "../../app/build/origins.ts";
import type { Note } from "../../core/annotations.ts";
import type { Trouble } from "../../core/errors.ts";
import type { Told, ToldReport } from "../../core/report-formats.ts";
import { clockTime } from "./progress.ts";

/** One build as the reports for CI servers need it. */
export interface Reported {
  readonly title: string;
  readonly state: "built" | "unchanged" | "failed";
  readonly release?: string;
  readonly seconds: number;
  readonly warnings: readonly Located[];
  /** The compiler's errors of a build that failed. */
  readonly errors: readonly Located[];
  readonly trouble?: Trouble & { readonly code: string };
}

/** Below the repository and written in it, so that a server can show the line. */
function inRepository(file: string, repository: string): string | undefined {
  const path = relative(repository, file);
  const outside = path === "" || path.startsWith("..") || isAbsolute(path);
  return outside || path.split("/").includes("node_modules") ? undefined : path;
}

/** The patch's own line, where the patch is in the repository; else the kernel's. */
function placeOf(one: Located, repository: string): Pick<Note, "file" | "line" | "column"> {
  const { origin, path, line, column } = one;
  const patch = origin?.added ? inRepository(origin.file, repository) : undefined;
  return patch === undefined || origin === undefined
    ? { file: path, line, column }
    : { file: patch, line: origin.line, column: undefined };
}

/** `net/netfilter/xt_TARPIT.c:12:4: unused variable 'x' (line 40 of common/xt_TARPIT.patch, hunk 1)`. */
export function locatedWords({ path, line, column, message, option, origin }: Located): string {
  const place = [path, line, column].filter((part) => part !== undefined).join(":");
  const kind = option === undefined ? "" : ` [${option}]`;
  if (origin === undefined) return `${place}: ${message}${kind}`;
  const near = origin.added ? "" : "beside ";
  return `${place}: ${message}${kind} (${near}line ${origin.line} of ${origin.patch}, hunk ${origin.hunk})`;
}

const codeOf = (one: Located): string => one.option ?? `compiler.${one.severity}`;

/** Every message once, whichever build it is of; a build that failed without one gets its own. */
export function notesOf(builds: readonly Reported[], repository: string): readonly Note[] {
  const notes = new Map<string, Note>();
  const add = (note: Note): void => {
    const key = JSON.stringify([note.file, note.line, note.code, note.message]);
    if (!notes.has(key)) notes.set(key, note);
  };
  for (const build of builds) {
    for (const one of [...build.errors, ...build.warnings])
      add({
        severity: one.severity,
        ...placeOf(one, repository),
        code: codeOf(one),
        message: locatedWords(one),
      });
    if (build.trouble && build.errors.length === 0)
      add({
        severity: "error",
        file: "tarpit-kit.json",
        line: undefined,
        column: undefined,
        code: build.trouble.code,
        message: `${build.title}: ${troubleWords(build.trouble)}`,
      });
  }
  return [...notes.values()];
}

const troubleWords = ({ what, where, next }: Trouble): string =>
  [what, where && `where: ${where}`, next && `next: ${next}`].filter(Boolean).join("; ");

/** For SARIF: each message with its kernel line, and the patch's beside it. */
export function warningsReport(builds: readonly Reported[], repository: string): ToldReport {
  const findings = notesOf(builds, repository).map((note): Told => {
    const { severity, code, message, file, line } = note;
    return {
      code,
      severity,
      what: message,
      evidence: { file, ...(line === undefined ? {} : { line }) },
    };
  });
  return { subject: "build", version: "", findings, checked: [] };
}

/** For JUnit: a build is a test case. */
export const buildsReport = (builds: readonly Reported[]): ToldReport => ({
  subject: "matrix",
  command: "build",
  version: "",
  findings: builds.flatMap(({ title, trouble, errors }) =>
    trouble === undefined
      ? []
      : [
          {
            code: trouble.code,
            severity: "error" as const,
            what: trouble.what,
            why: [...errors.slice(0, 10).map(locatedWords), ...(trouble.evidence ?? [])].join("\n"),
            ...(trouble.next === undefined ? {} : { next: trouble.next }),
            evidence: { file: title },
          },
        ],
  ),
  checked: builds
    .filter(({ state }) => state !== "failed")
    .map(({ title }) => ({ check: "build", file: title })),
});

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const most = 20;

/** A page for a person: one row a build, then what the compiler said. */
export function summaryPage(builds: readonly Reported[], repository: string): string {
  const failed = builds.filter(({ state }) => state === "failed").length;
  const title = failed === 0 ? `${builds.length} built` : `${failed} of ${builds.length} failed`;
  const rows = builds.map(
    ({ title, state, release, seconds, warnings, trouble }) =>
      `| ${cell(title)} | ${state === "failed" ? "**failed**" : state} | ${release ?? ""} | ${clockTime(seconds)} | ${warnings.length} | ${cell(trouble?.what ?? "")} |`,
  );
  const notes = notesOf(builds, repository);
  const told = notes
    .slice(0, most)
    .map(({ severity, message }) => `- ${severity}: \`${message.replaceAll("`", "'")}\``);
  const rest = notes.length > most ? [`- and ${notes.length - most} more in warnings.sarif`] : [];
  return [
    `### tarpit-kit: ${title}`,
    "",
    "| build | | release | time | warnings | |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
    ...(notes.length > 0 ? ["What the compiler said:", "", ...told, ...rest, ""] : []),
  ].join("\n");
}

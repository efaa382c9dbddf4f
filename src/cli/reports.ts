import { join, resolve } from "node:path";
import { codeQuality, githubCommands } from "../core/annotations.ts";
import { toJUnit, toSarif } from "../core/report-formats.ts";
import type { Ports } from "../ports.ts";
import {
  buildsReport,
  notesOf,
  type Reported,
  summaryPage,
  warningsReport,
} from "./render/annotations.ts";

type Env = Ports["host"]["env"];

/** CI servers set CI (GitHub, GitLab, Woodpecker, …); some people set it to false. */
export const isCi = (env: Env): boolean => !["", "false", "0", undefined].includes(env["CI"]);

/** The checkout that a server shows files of. */
const repositoryOf = ({ env, cwd }: Ports["host"]): string =>
  env["GITHUB_WORKSPACE"] || env["CI_PROJECT_DIR"] || cwd;

/**
 * Writes OUT/reports/: warnings.sarif, codequality.json, junit.xml, summary.md. On GitHub the messages
 * are also workflow commands on stderr, which the runner reads as it reads stdout, and the page goes to
 * the step's summary.
 */
export async function writeReports(
  builds: readonly Reported[],
  out: string,
  ports: Ports,
): Promise<void> {
  const { files, host } = ports;
  const repository = repositoryOf(host);
  const notes = notesOf(builds, repository);
  const page = summaryPage(builds, repository);
  const reports = {
    "warnings.sarif": `${JSON.stringify(toSarif(warningsReport(builds, repository)), null, 2)}\n`,
    "codequality.json": `${JSON.stringify(codeQuality(notes), null, 2)}\n`,
    "junit.xml": toJUnit(buildsReport(builds)),
    "summary.md": page,
  };
  const directory = join(resolve(host.cwd, out), "reports");
  for (const [name, text] of Object.entries(reports))
    await files.write(join(directory, name), text, 0o644);
  if (host.env["GITHUB_ACTIONS"] !== "true") return;
  for (const line of githubCommands(notes)) process.stderr.write(`${line}\n`);
  const summary = host.env["GITHUB_STEP_SUMMARY"];
  if (summary) await files.append(summary, chunk(page));
}

async function* chunk(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

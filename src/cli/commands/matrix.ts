import { Argument, InvalidArgumentError, Option } from "commander";
import type { MatrixPlan, MatrixRow, MatrixWatch } from "../../app/matrix.ts";
import { relative } from "node:path";
import { badInput } from "../../core/errors.ts";
import { driftJobs, githubMatrix, gitlabPipeline, titleOf } from "../../core/matrix/jobs.ts";
import { parseShard, type Shard } from "../../core/matrix/shard.ts";
import type { Ports } from "../../ports.ts";
import { type Define, type Globals, globalsOf, type Outcome } from "../command.ts";
import type { Reported } from "../render/annotations.ts";
import { describeDrift, reportedLine } from "../render/drift.ts";
import { describeFailures, describeMatrix, describePlan } from "../render/matrix.ts";
import { LiveWatch, PlainWatch } from "../render/overview.ts";
import { makeStyle } from "../render/style.ts";
import { isCi, writeReports } from "../reports.ts";
import { example, present } from "./options.ts";

interface Options {
  readonly shard?: Shard;
  readonly format?: "github" | "gitlab";
  readonly drift: boolean;
}

function shardOption(text: string): Shard {
  const shard = parseShard(text);
  if (shard) return shard;
  throw new InvalidArgumentError("give I/N, for example 2/5: the second of five parts.");
}

export const defineMatrix: Define = (program, run) => {
  const command = program
    .command("matrix")
    .addArgument(
      new Argument("[action]", "build all of it here, or print what that is")
        .choices(["run", "print"])
        .default("run"),
    )
    .argument("[file]", "the matrix (default: tarpit-kit.json)")
    .addOption(new Option("--shard <i/n>", "only the I-th of N parts").argParser(shardOption))
    .addOption(
      new Option("--format <format>", "print: the jobs, for a CI server").choices([
        "github",
        "gitlab",
      ]),
    )
    .option("--drift", "patch and compile the target against every release there is", false)
    .description(
      "the kernel x arch x userland combinations of a file: build them, or print the jobs",
    )
    .addHelpText(
      "after",
      example(
        "tarpit-kit matrix run",
        "tarpit-kit matrix print --format github",
        "tarpit-kit matrix run nightly.json --shard 2/5",
        "tarpit-kit matrix run --drift",
      ),
    );
  command.action(async (action: "run" | "print", file: string | undefined, options: Options) => {
    const globals = globalsOf(command);
    await run("matrix", globals, async (ports) => {
      if (action === "run" && options.format !== undefined) throw formatForRun(options.format);
      if (options.drift) return onDrift(action, file, options, ports);
      return action === "run"
        ? onRun(file, options, globals, ports)
        : onPrint(file, options, ports);
    });
  });
};

const formatForRun = (format: string): Error =>
  badInput("usage", {
    what: "matrix run builds; it prints no jobs",
    where: `--format ${format}`,
    next: `tarpit-kit matrix print --format ${format}`,
  });

async function onRun(
  file: string | undefined,
  { shard }: Options,
  globals: Globals,
  ports: Ports,
): Promise<Outcome> {
  const { runMatrix } = await import("../../app/matrix.ts");
  const result = await runMatrix(present({ file, shard }), ports, watchOf(globals, ports));
  await writeReports(result.rows.map(reportedOf), result.out, ports);
  return {
    ok: result.rows.every(({ state }) => state !== "failed"),
    json: { results: result.rows, out: result.out },
    table: (style) => describeMatrix(result, style),
    human: (style) => describeFailures(result, style),
  };
}

/** print: what would be compiled; the jobs for a CI server are the lines, a shard each. */
async function onDrift(
  action: "run" | "print",
  file: string | undefined,
  { shard, format }: Options,
  ports: Ports,
): Promise<Outcome> {
  const { runDrift, planDrift } = await import("../../app/matrix/drift.ts");
  if (action === "print") {
    const lines = await planDrift(present({ file, shard }), ports);
    const text = format === undefined ? undefined : driftJobs(lines, format);
    return {
      ok: true,
      json: { results: lines },
      ...(text === undefined ? {} : { stdout: text }),
      table: () => lines.map(({ line, releases }) => `${line}: ${releases.join(" ")}\n`).join(""),
    };
  }
  const results = await runDrift(present({ file, shard }), ports);
  if (isCi(ports.host.env)) await writeReports(results.map(reportedLine), "./out", ports);
  const ok = results.every(({ releases }) => releases.every(({ state }) => state !== "failed"));
  return { ok, json: { results }, table: (style) => describeDrift(results, style) };
}

function watchOf(globals: Globals, ports: Ports): MatrixWatch {
  const style = makeStyle(process.stderr, process.env, globals.color);
  const live = style.interactive && !globals.quiet && !globals.verbose;
  return live
    ? new LiveWatch(process.stderr, style, process.stderr.rows ?? 24)
    : new PlainWatch(ports.log);
}

const reportedOf = (row: MatrixRow): Reported => ({ ...row, title: titleOf(row) });

async function onPrint(
  file: string | undefined,
  { shard, format }: Options,
  ports: Ports,
): Promise<Outcome> {
  const { planMatrix } = await import("../../app/matrix.ts");
  const plan = await planMatrix(present({ file, shard }), ports);
  const text = format === undefined ? undefined : jobsText(plan, format, ports);
  return {
    ok: true,
    json: { results: plan.builds, ...githubMatrix(plan.jobs) },
    ...(text === undefined ? {} : { stdout: text }),
    table: (style) => describePlan(plan, style),
  };
}

function jobsText({ jobs, out }: MatrixPlan, format: "github" | "gitlab", ports: Ports): string {
  if (format === "github") return `${JSON.stringify(githubMatrix(jobs))}\n`;
  return gitlabPipeline(jobs, relative(ports.host.cwd, out) || ".");
}

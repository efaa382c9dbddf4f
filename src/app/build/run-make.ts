import { BuildLogReader, type LogSummary } from "../../core/build-log.ts";
import { makeArguments, makeEnvironment, type MakeSetup } from "../../core/make.ts";
import type { Command, Ports } from "../../ports.ts";
import type { ConfigResult } from "../config.ts";
import { compileFailed } from "./failed.ts";
import { expectedObjects, rememberObjects } from "./objects.ts";
import type { BuildPlan } from "./plan.ts";

/** What compiling left in the build tree, for artifacts to be made from. */
export interface Compiled {
  readonly scope: "kernel" | "module";
  readonly release: string;
  readonly config: string;
  readonly configResult: ConfigResult | undefined;
  readonly buildDir: string;
  readonly setup: MakeSetup;
  readonly log: LogSummary;
  readonly logFile: string;
  /** The exact make calls, for metadata. */
  readonly commands: readonly Command[];
  /** scope module: the .ko. */
  readonly module?: string;
}

/** Where a plan is compiled. */
export interface BuildDir {
  readonly dir: string;
  readonly setup: MakeSetup;
}

export const makeCommand = (setup: MakeSetup, targets: readonly string[]): Command => ({
  program: "make",
  args: [...makeArguments(setup), `-j${setup.jobs}`, ...targets],
  env: makeEnvironment(setup),
});

/** Runs one make, following its log; throws with the compiler's errors when it fails. */
export async function runMake(
  command: Command,
  plan: BuildPlan,
  logFile: string,
  ports: Ports,
): Promise<LogSummary> {
  const reader = new BuildLogReader();
  const total = await expectedObjects(plan, ports);
  let shown = -1;
  const onLine = (line: string): void => {
    reader.line(line);
    const { compiled, item } = reader.progress;
    if (compiled === shown) return;
    shown = compiled;
    ports.log.progress({
      stage: "kernel",
      unit: "files",
      done: compiled,
      item,
      ...(total ? { total } : {}),
    });
  };
  const result = await ports.processes.run(command, { onLine, logFile, capture: false });
  const summary = reader.summary();
  if (result.code !== 0) throw compileFailed(summary, logFile);
  await rememberObjects(plan, summary.compiled, ports);
  return summary;
}

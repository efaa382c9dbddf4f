import { join } from "node:path";
import { BuildLogReader, type LogSummary } from "../../core/build-log.ts";
import { cleanMakeEnvironment, makeArguments, type MakeSetup } from "../../core/make.ts";
import type { Command, Ports } from "../../ports.ts";
import { makeConfig, type ConfigResult } from "../config.ts";
import { compileFailed } from "./failed.ts";
import { expectedObjects, rememberObjects } from "./objects.ts";
import type { BuildPlan } from "./plan.ts";
import type { StageTimer } from "./stages.ts";
import { shortHash } from "./tree.ts";

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

/**
 * The build tree (O=) for this plan. It is in the cache and named by what goes into it, so a
 * run that was interrupted is taken up where it stopped, and equal kernels for two output
 * directories are compiled once.
 */
export async function openBuildDir(plan: BuildPlan, tree: string, ports: Ports) {
  const identity = JSON.stringify([
    plan.arch,
    plan.config,
    plan.compiler,
    plan.make.epoch,
    plan.scope,
  ]);
  const dir = join(ports.cacheDir, "builds", `${plan.arch.name}-${shortHash(tree, identity)}`);
  await ports.files.mkdir(dir);
  const lock = await ports.files.lock(`${dir}.lock`);
  return { dir, setup: { ...plan.make, tree, buildDir: dir }, release: () => lock.release() };
}

export async function compileKernel(
  plan: BuildPlan,
  tree: string,
  timer: StageTimer,
  ports: Ports,
): Promise<Compiled> {
  const { dir, setup, release } = await openBuildDir(plan, tree, ports);
  try {
    const logFile = join(dir, "build.log");
    await ports.files.write(logFile, "");
    const config = await timer.stage(
      "config",
      () => configure(plan, setup, logFile, ports),
      plan.config.base,
    );
    const all = makeCommand(setup, plan.arch.targets);
    const log = await timer.stage("kernel", () => runMake(all, plan, logFile, ports));
    return {
      scope: "kernel",
      release: await kernelRelease(setup, ports),
      config: join(dir, ".config"),
      configResult: config,
      buildDir: dir,
      setup,
      log,
      logFile,
      commands: [all],
    };
  } finally {
    await release();
  }
}

export const configure = (
  plan: BuildPlan,
  setup: MakeSetup,
  logFile: string,
  ports: Ports,
): Promise<ConfigResult> =>
  makeConfig(plan.config, setup, join(setup.buildDir ?? setup.tree, ".config"), ports, logFile);

export const makeCommand = (setup: MakeSetup, targets: readonly string[]): Command => ({
  program: "make",
  args: [...makeArguments(setup), `-j${setup.jobs}`, ...targets],
  env: cleanMakeEnvironment,
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

export async function kernelRelease(setup: MakeSetup, ports: Ports): Promise<string> {
  const path = join(setup.buildDir ?? setup.tree, "include/config/kernel.release");
  return (await ports.files.readText(path)).trim();
}

import { join } from "node:path";
import { BuildLogReader, type LogSummary } from "../../core/build-log.ts";
import { statisticsLog } from "../../core/compiler-cache.ts";
import { badInput } from "../../core/errors.ts";
import { makeEnvironment, makeArguments, type MakeSetup } from "../../core/make.ts";
import type { Command, Ports } from "../../ports.ts";
import { makeConfig, type ConfigResult } from "../config.ts";
import { compileFailed } from "./failed.ts";
import { lockDirectory } from "./lock.ts";
import { expectedObjects, rememberObjects } from "./objects.ts";
import { openOutputs, rememberOutputs } from "./outputs.ts";
import type { BuildPlan } from "./plan.ts";
import { linkKey } from "./signing.ts";
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

/** Where a plan is compiled. */
export interface BuildDir {
  readonly dir: string;
  readonly setup: MakeSetup;
}

/**
 * Runs `work` in the build tree (O=) for this plan, which no other run touches until `work` is done.
 * It is in the cache and named by what goes into it, so a run that was interrupted is taken up where
 * it stopped, and equal kernels for two output directories are compiled once.
 */
export async function inBuildDir<T>(
  plan: BuildPlan,
  tree: string | undefined,
  ports: Ports,
  work: (at: BuildDir) => Promise<T>,
): Promise<T> {
  const { arch, config, compiler, make, scope, against, series, signing } = plan;
  const signed = signing ? [signing.certificate.digest.sha256] : [];
  const name = against
    ? shortHash(against.dir, against.release, series.sha256)
    : shortHash(tree ?? "", JSON.stringify([arch, config, compiler, make.epoch, scope, ...signed]));
  const dir = join(plan.workDir, "builds", `${arch.name}-${name}`);
  const lock = await lockDirectory(dir, "compiling the same kernel", ports);
  try {
    await ports.files.mkdir(dir);
    if (!against) {
      await openOutputs(dir, ports);
      await linkKey(signing, dir, ports);
    }
    const place = tree === undefined ? { tree: against?.dir ?? "" } : { tree, buildDir: dir };
    const done = await work({ dir, setup: { ...make, ...place } });
    if (!against) await rememberOutputs(dir, arch, ports);
    return done;
  } finally {
    await lock.release();
  }
}

export async function compileKernel(
  plan: BuildPlan,
  { dir, setup }: BuildDir,
  timer: StageTimer,
  ports: Ports,
): Promise<Compiled> {
  const { logFile, config } = await configure(plan, { dir, setup }, timer, ports);
  const all = makeCommand(setup, plan.arch.targets);
  const log = await timer.stage("kernel", () => runMake(all, plan, logFile, ports));
  return {
    scope: "kernel",
    release: await kernelRelease(setup, ports),
    config: config.path,
    configResult: config,
    buildDir: dir,
    setup,
    log,
    logFile,
    commands: [all],
  };
}

/** A new log, and the configuration; a release that cannot be is refused here, not after compiling. */
export async function configure(
  plan: BuildPlan,
  { dir, setup }: BuildDir,
  timer: StageTimer,
  ports: Ports,
): Promise<{ readonly logFile: string; readonly config: ConfigResult }> {
  const logFile = join(dir, "build.log");
  await ports.files.write(logFile, "");
  const statistics = statisticsLog(setup);
  if (statistics !== undefined) await ports.files.remove(statistics);
  const make = () => makeConfig(plan.config, setup, join(dir, ".config"), ports, logFile);
  const config = await timer.stage("config", make, plan.config.base);
  const local = /^"(.*)"$/.exec(config.settings.get("LOCALVERSION") ?? "")?.[1] ?? "";
  plainRelease(plan.version.text + local);
  return { logFile, config };
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

/** What the kernel will call itself; it names directories here and below /lib/modules. */
export async function kernelRelease(setup: MakeSetup, ports: Ports): Promise<string> {
  const path = join(setup.buildDir ?? setup.tree, "include/config/kernel.release");
  return plainRelease((await ports.files.readText(path)).trim());
}

/** A release as uname(2) has room for, of characters that mean nothing in a path or to make. */
function plainRelease(release: string): string {
  if (/^\d[\w.+~-]{0,63}$/.test(release)) return release;
  throw badInput("build.release", {
    what: `${JSON.stringify(release)} cannot be a kernel's release`,
    where: "EXTRAVERSION in the tree's Makefile, or CONFIG_LOCALVERSION",
    next: "use letters, digits and . _ + ~ - only: --set LOCALVERSION=-mine",
  });
}

import { basename, dirname, join } from "node:path";
import type { LogSummary } from "../../core/build-log.ts";
import { failure } from "../../core/errors.ts";
import type { Generation } from "../../core/generation.ts";
import type { MakeSetup } from "../../core/make.ts";
import type { Command, Ports } from "../../ports.ts";
import type { ConfigResult } from "../config.ts";
import type { BuildPlan } from "./plan.ts";
import { type BuildDir, type Compiled, makeCommand, runMake } from "./run-make.ts";
import type { StageTimer } from "./stages.ts";

interface Configured {
  readonly logFile: string;
  readonly config: ConfigResult;
}

/**
 * A kernel of before kbuild: `make dep`, then one target after the other, as their rules write the
 * same files. .version counts the builds, and would be in what is built.
 */
export async function compileOlder(
  plan: BuildPlan,
  { setup }: BuildDir,
  { logFile, config }: Configured,
  timer: StageTimer,
  ports: Ports,
): Promise<Compiled> {
  const { generation } = olderOf(setup);
  const commands = await prepare(plan, setup, generation, logFile, timer, ports);
  const modules = config.settings.get("MODULES") === "y";
  const logs: LogSummary[] = [];
  for (const target of plan.arch.targets) {
    if (target === "modules" && !modules) continue;
    await ports.files.remove(join(setup.tree, ".version"));
    const command = makeCommand(setup, [target]);
    commands.push(command);
    logs.push(await timer.stage("kernel", () => runMake(command, plan, logFile, ports), target));
  }
  return {
    scope: "kernel",
    release: await olderRelease(setup, generation, ports),
    config: config.path,
    configResult: config,
    buildDir: setup.tree,
    setup,
    log: together(logs),
    logFile,
    commands,
  };
}

/** The one object, in a configured tree: its directory's own Makefile makes it. */
export async function compileOlderModule(
  plan: BuildPlan,
  { setup }: BuildDir,
  { logFile, config }: Configured,
  timer: StageTimer,
  ports: Ports,
): Promise<Compiled> {
  const { generation } = olderOf(setup);
  const { object, symbol } = generation.module;
  if (config.settings.get(symbol) !== "m" || config.settings.get("MODULES") !== "y") {
    throw failure("build.module-builtin", {
      what: "this configuration has the target built in: there is no module to compile",
      where: plan.config.base,
      next: `use --scope kernel, or --set MODULES=y --set ${symbol}=m`,
    });
  }
  const commands = await prepare(plan, setup, generation, logFile, timer, ports);
  // Else every module of the directory is made; what make is given as an argument no Makefile changes.
  const one = [`SUBDIRS=${dirname(object)}`, `obj-m=${basename(object)}`];
  const command = makeCommand(setup, [...one, "modules"]);
  const log = await timer.stage("module", () => runMake(command, plan, logFile, ports));
  return {
    scope: "module",
    release: await olderRelease(setup, generation, ports),
    config: config.path,
    configResult: config,
    buildDir: setup.tree,
    setup,
    log,
    logFile,
    commands: [...commands, command],
    module: join(setup.tree, object),
  };
}

function olderOf(setup: MakeSetup) {
  if (!setup.older) throw new Error("kbuild builds this kernel");
  return setup.older;
}

async function prepare(
  plan: BuildPlan,
  setup: MakeSetup,
  generation: Generation,
  logFile: string,
  timer: StageTimer,
  ports: Ports,
): Promise<Command[]> {
  const serial = (target: string): Command => {
    // Their dependency files are written by one and read by the next.
    const { args, ...rest } = makeCommand(setup, [target]);
    return { ...rest, args: args.filter((arg) => !/^-j\d*$/.test(arg)) };
  };
  const commands = generation.prepare.map(serial);
  const mark = join(setup.tree, "..", "prepared");
  const config = await ports.files.sha256(join(setup.tree, ".config"));
  const before = await ports.files.readText(mark).catch(() => undefined);
  if (before === config) return commands;
  await ports.files.remove(mark);
  const clean = before === undefined ? [] : [serial("clean")];
  for (const command of [...clean, ...commands])
    await timer.stage("prepare", () => runMake(command, plan, logFile, ports), command.args.at(-1));
  await settle(setup, ports);
  await ports.files.write(mark, config);
  return commands;
}

/**
 * One time for all headers. The dependencies of 2.4 touch a header when one that it includes is newer,
 * each of several makes at its own moment: the next run would then compile everything again.
 */
async function settle(setup: MakeSetup, ports: Ports): Promise<void> {
  const date = `@${setup.epoch}`;
  await ports.processes.run({
    program: "find",
    args: [join(setup.tree, "include"), "-exec", "touch", "-h", "-d", date, "{}", "+"],
  });
}

/** UTS_RELEASE, as uname(2) will say it. */
async function olderRelease(
  setup: MakeSetup,
  generation: Generation,
  ports: Ports,
): Promise<string> {
  const path = join(setup.tree, generation.releaseFile);
  const release = /UTS_RELEASE "([^"\n]+)"/.exec(await ports.files.readText(path))?.[1];
  if (release !== undefined && /^\d[\w.+~-]{0,63}$/.test(release)) return release;
  throw failure("build.release", {
    what: "the prepared tree does not say what release it is",
    where: path,
    next: "look at VERSION and EXTRAVERSION in the tree's Makefile",
  });
}

function together(logs: readonly LogSummary[]): LogSummary {
  const [first] = logs;
  if (!first) throw new Error("no target was made");
  const sum = (of: (log: LogSummary) => number): number =>
    logs.reduce((total, log) => total + of(log), 0);
  return {
    ...first,
    compiled: sum((log) => log.compiled),
    diagnostics: logs.flatMap((log) => log.diagnostics),
    omitted: sum((log) => log.omitted),
  };
}

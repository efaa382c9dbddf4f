import { join } from "node:path";
import { statisticsLog } from "../../core/compiler-cache.ts";
import { badInput } from "../../core/errors.ts";
import type { MakeSetup } from "../../core/make.ts";
import type { Ports } from "../../ports.ts";
import { makeConfig, type ConfigResult } from "../config.ts";
import { lockDirectory } from "./lock.ts";
import { compileOlder } from "./older-kernel.ts";
import { openOutputs, rememberOutputs } from "./outputs.ts";
import type { BuildPlan } from "./plan.ts";
import { type BuildDir, type Compiled, makeCommand, runMake } from "./run-make.ts";
import { linkKey } from "./signing.ts";
import type { StageTimer } from "./stages.ts";
import { withShims } from "./shims.ts";
import { privateTree, shortHash } from "./tree.ts";

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
    const done = await work({ dir, setup: await setupIn(dir, tree, plan, ports) });
    if (!against) await rememberOutputs(dir, arch, ports);
    return done;
  } finally {
    await lock.release();
  }
}

/** Make's own directories: O= apart from the tree, or a private copy where a kernel knows no O=. */
async function setupIn(
  dir: string,
  tree: string | undefined,
  { make, older, source, against }: BuildPlan,
  ports: Ports,
): Promise<MakeSetup> {
  if (tree === undefined) return { ...make, tree: against?.dir ?? "" };
  if (!older) return { ...make, tree, buildDir: dir };
  const own = await privateTree(tree, dir, source?.id ?? "", ports);
  return withShims({ ...make, tree: own }, join(dir, "bin"), ports);
}

export async function compileKernel(
  plan: BuildPlan,
  { dir, setup }: BuildDir,
  timer: StageTimer,
  ports: Ports,
): Promise<Compiled> {
  const { logFile, config } = await configure(plan, { dir, setup }, timer, ports);
  if (plan.older) return compileOlder(plan, { dir, setup }, { logFile, config }, timer, ports);
  // Without MODULES the target `modules` is an error (the kernel's Makefile).
  const modular = config.settings.get("MODULES") === "y";
  const targets = plan.arch.targets.filter((target) => modular || target !== "modules");
  const all = makeCommand(setup, targets);
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

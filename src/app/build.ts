import { dirname, relative } from "node:path";
import { TarpitError } from "../core/errors.ts";
import type { Ports } from "../ports.ts";
import { assembleArtifacts, type Artifacts } from "./build/artifacts.ts";
import { buildKey, findFinished, rememberFinished } from "./build/key.ts";
import { compileKernel, inBuildDir } from "./build/kernel.ts";
import { compileModule } from "./build/module.ts";
import { type Located, locate, withOrigins } from "./build/origins.ts";
import { openOutput } from "./build/output.ts";
import { type BuildPlan, checkRequest, makePlan } from "./build/plan.ts";
import type { Compiled } from "./build/run-make.ts";
import { StageTimer } from "./build/stages.ts";
import { damagedSource, preparedTree } from "./build/tree.ts";
import { boundCache } from "./cache/bound.ts";
import { removeEntry } from "./cache/clear.ts";
import { withLease } from "./cache/lease.ts";
import type { ConfigRequest } from "./config.ts";
import type { PackageKind } from "./package.ts";

export interface BuildRequest extends ConfigRequest {
  readonly kernel?: string;
  /** A tree of the user's own; read, never written. */
  readonly tree?: string;
  readonly series?: string;
  readonly mirror?: string;
  readonly insecureSkipVerify: boolean;
  readonly userland?: "32" | "64" | "both";
  readonly scope: "kernel" | "module";
  /** Headers of an installed kernel: build only a module for it. */
  readonly against?: string;
  readonly out: string;
  readonly jobs?: number;
  readonly launcher?: string;
  readonly packages: readonly PackageKind[];
  readonly install: boolean;
  /** Nothing that another build compiled is used: tree and build directory are made in `dir`. */
  readonly apart?: Apart;
}

export interface Apart {
  readonly dir: string;
  /** The identity that the source must have (FetchResult.id). */
  readonly sourceId?: string;
}

export interface BuildResult {
  /** The artifact directory OUT/<kernelrelease>-<arch>. */
  readonly dir: string;
  readonly release: string;
  readonly arch: string;
  /** Nothing had changed since the last run, so nothing was done. */
  readonly unchanged: boolean;
  readonly compiled: number;
  readonly warnings: readonly Located[];
  readonly checked: number;
  readonly seconds: Readonly<Record<string, number>>;
}

/**
 * The main job: resolve -> fetch -> patch -> config -> compile -> extension -> verify -> package.
 * Artifacts are assembled beside and renamed into place when everything has passed.
 */
export async function build(request: BuildRequest, ports: Ports): Promise<BuildResult> {
  await checkRequest(request, ports);
  const output = await openOutput(request.out, ports);
  const result = await withLease(ports, () => buildHealing(output.dir, request, ports)).finally(
    () => output.release(),
  );
  if (!result.unchanged && !request.apart) await boundCache(ports);
  return result;
}

/** A source in the cache that somebody wrote into is brought again, once. */
async function buildHealing(
  out: string,
  request: BuildRequest,
  ports: Ports,
): Promise<BuildResult> {
  try {
    return await buildInto(out, request, ports);
  } catch (error) {
    if (!(error instanceof TarpitError) || error.code !== damagedSource) throw error;
    const { what, where = "" } = error.trouble;
    ports.log.warn(`${what}: it is fetched again (${where})`);
    await removeEntry(relative(ports.cacheDir, dirname(where)), ports);
    return buildInto(out, request, ports);
  }
}

async function buildInto(out: string, request: BuildRequest, ports: Ports): Promise<BuildResult> {
  const timer = new StageTimer(ports);
  const plan = await makePlan(request, timer, ports);
  const key = await buildKey(plan, ports);
  const finished = await findFinished(out, key, ports);
  if (finished) return unchanged(finished, plan);
  const tree = plan.against
    ? undefined
    : await timer.stage("patch", () => preparedTree(plan, ports), plan.series.name);
  return inBuildDir(plan, tree, ports, async (at) => {
    const compile = plan.scope === "kernel" ? compileKernel : compileModule;
    const site = { tree, buildDir: at.dir, series: plan.series };
    const made = await withOrigins(site, ports, () => compile(plan, at, timer, ports));
    const artifacts = await assembleArtifacts(plan, made, out, key, timer, ports);
    await rememberFinished(out, key, artifacts, ports);
    const warnings = made.log.diagnostics.filter(({ severity }) => severity === "warning");
    return result(plan, artifacts, made, await locate(warnings, site, ports), timer);
  });
}

function result(
  plan: BuildPlan,
  artifacts: Artifacts,
  made: Compiled,
  warnings: readonly Located[],
  timer: StageTimer,
): BuildResult {
  return {
    dir: artifacts.dir,
    release: artifacts.release,
    arch: plan.arch.name,
    unchanged: false,
    compiled: made.log.compiled,
    warnings,
    checked: artifacts.checked,
    seconds: timer.seconds(),
  };
}

const unchanged = (finished: { dir: string; release: string }, plan: BuildPlan): BuildResult => ({
  dir: finished.dir,
  release: finished.release,
  arch: plan.arch.name,
  unchanged: true,
  compiled: 0,
  warnings: [],
  checked: 0,
  seconds: {},
});

import { basename, join, resolve } from "node:path";
import type { Arch } from "../core/arch.ts";
import { noRoom } from "../core/build-log.ts";
import { badInput, environment, failure, type TarpitError } from "../core/errors.ts";
import { assertSettings } from "../core/kconfig/assert.ts";
import { lastWins, mergeInto, parseDotconfig, renderFragment } from "../core/kconfig/dotconfig.ts";
import {
  cleanMakeEnvironment,
  makeArguments,
  type MakeSetup,
  refuseOddDirectory,
  refuseOddTools,
} from "../core/make.ts";
import type { Ports, RunResult } from "../ports.ts";
import { baseText, isTarget } from "./config/base.ts";
import { whyDropped } from "./config/explain.ts";
import { makeOlderConfig } from "./config/older.ts";
import { gatherRequests, softened } from "./config/requests.ts";
import type { ConfigPlan, ConfigResult } from "./config/types.ts";
import { archFor, loadArch, loadGeneration, loadProfile, refuseOtherGeneration } from "./data.ts";
import { requireTools } from "./doctor.ts";
import { lineNeeds } from "./line.ts";
import { withScratch } from "./scratch.ts";
import { requireKernelTree } from "./tree.ts";

export type { ConfigPlan, ConfigResult } from "./config/types.ts";

export interface ConfigRequest {
  readonly arch: string;
  readonly profile?: string;
  /** allnoconfig, tinyconfig, defconfig, NAME_defconfig, running, or a .config file. */
  readonly base?: string;
  /** Names in kernel-configs/ or paths. */
  readonly fragments: readonly string[];
  /** SYMBOL=VALUE */
  readonly set: readonly string[];
  readonly crossCompile?: string;
  readonly cc?: string;
}

/** `tarpit-kit config TREE`: a .config in the tree itself; the one there is kept as .config.old. */
export async function configTree(
  tree: string,
  request: ConfigRequest,
  ports: Ports,
): Promise<ConfigResult> {
  const known = await loadArch(request.arch, ports);
  const path = resolve(ports.host.cwd, tree);
  refuseOddTools(request);
  const version = await requireKernelTree(path, ports);
  const generation = await loadGeneration(version, ports);
  const line = await lineNeeds(version, ports);
  const arch = archFor(known, generation);
  refuseOddDirectory(
    path,
    "the tree",
    "move the tree, or use `tarpit-kit build --tree`, which works on a copy",
  );
  await requireTools(["config"], arch, [], ports, request);
  const plan = { ...(await planConfig(request, arch, ports)), line };
  if (plan.profile) refuseOtherGeneration(plan.profile, arch, generation);
  const setup: MakeSetup = {
    ...compilerChoice(request),
    tree: path,
    arch,
    jobs: ports.host.cpus,
    epoch: 0,
    variables: line.make ?? [],
    ...(generation ? { older: { generation } } : {}),
  };
  if (generation) return inTree(plan, setup, ports);
  return withScratch("config", ports, async (scratch) => {
    const made = await makeConfig(plan, setup, join(scratch, ".config"), ports);
    const target = join(path, ".config");
    if (await ports.files.stat(target)) await ports.files.copy(target, `${target}.old`);
    await ports.files.write(target, await ports.files.readText(made.path), 0o644);
    return { ...made, path: target };
  });
}

/** An older tree is configured in place; a request that was dropped leaves the .config that was there. */
async function inTree(plan: ConfigPlan, setup: MakeSetup, ports: Ports): Promise<ConfigResult> {
  const path = join(setup.tree, ".config");
  const before = (await ports.files.stat(path)) ? await ports.files.readText(path) : undefined;
  try {
    const made = await makeConfig(plan, setup, path, ports);
    if (before !== undefined) await ports.files.write(`${path}.old`, before, 0o644);
    return made;
  } catch (error) {
    if (before === undefined) await ports.files.remove(path);
    else await ports.files.write(path, before, 0o644);
    throw error;
  }
}

const compilerChoice = (request: ConfigRequest): Pick<MakeSetup, "crossCompile" | "cc"> => ({
  ...(request.crossCompile === undefined ? {} : { crossCompile: request.crossCompile }),
  ...(request.cc === undefined ? {} : { cc: request.cc }),
});

/** Without --base the profile's own base and fragments; with --base alone, only what TARPIT needs goes on top. */
export async function planConfig(
  request: ConfigRequest,
  arch: Arch,
  ports: Ports,
): Promise<ConfigPlan> {
  const name = request.profile ?? (request.base === undefined ? arch.defaultProfile : undefined);
  const profile = name === undefined ? undefined : await loadProfile(name, arch, ports);
  const fragments = [...(profile?.fragments ?? []), ...request.fragments];
  const requests = await gatherRequests(fragments, request.set, ports);
  return { base: request.base ?? profile?.base ?? "defconfig", profile, requests, line: {} };
}

/** Makes the configuration at `path` (KCONFIG_CONFIG) and asserts every request. */
export async function makeConfig(
  plan: ConfigPlan,
  setup: MakeSetup,
  path: string,
  ports: Ports,
  logFile?: string,
): Promise<ConfigResult> {
  if (setup.older) return makeOlderConfig(plan, setup, setup.older.generation, ports, logFile);
  const kconfig = (
    target: string,
    extra: Readonly<Record<string, string>> = {},
  ): Promise<RunResult> =>
    runKconfig(target, { KCONFIG_CONFIG: path, ...extra }, setup, ports, logFile);
  const wanted = await applyBase(plan, path, kconfig, setup.arch, ports);
  const settings = parseDotconfig(await ports.files.readText(path));
  const { dropped, raised } = assertSettings(wanted.values(), settings);
  if (dropped.length > 0) throw await whyDropped(dropped, settings, setup, ports);
  return {
    path,
    base: plan.base,
    profile: plan.profile?.name,
    asserted: wanted.size,
    raised,
    settings,
  };
}

type Kconfig = (target: string, extra?: Readonly<Record<string, string>>) => Promise<RunResult>;

/** Base plus requests through kconfig; gives back the requests as they were finally put. */
async function applyBase(
  plan: ConfigPlan,
  path: string,
  kconfig: Kconfig,
  arch: Arch,
  ports: Ports,
) {
  if (plan.base === "allnoconfig") {
    const wanted = lastWins(await softened(plan.requests, plan.line, new Map(), ports));
    const fragment = join(path, "..", "allno.fragment");
    await ports.files.write(fragment, renderFragment(wanted.values()));
    await kconfig("allnoconfig", { KCONFIG_ALLCONFIG: fragment });
    return wanted;
  }
  if (isTarget(plan.base)) await kconfig(plan.base);
  else await ports.files.write(path, await baseText(plan.base, arch, ports), 0o644);
  const before = await ports.files.readText(path);
  const wanted = lastWins(await softened(plan.requests, plan.line, parseDotconfig(before), ports));
  await ports.files.write(path, mergeInto(before, wanted), 0o644);
  await kconfig("olddefconfig");
  return wanted;
}

async function runKconfig(
  target: string,
  env: Readonly<Record<string, string>>,
  setup: MakeSetup,
  ports: Ports,
  logFile: string | undefined,
): Promise<RunResult> {
  const command = {
    program: "make",
    args: [...makeArguments(setup), target],
    env: { ...cleanMakeEnvironment, ...env },
  };
  const result = await ports.processes.run(command, logFile === undefined ? {} : { logFile });
  if (result.code === 0) return result;
  throw await kconfigFailed(target, `${result.stdout}\n${result.stderr}`, setup, ports);
}

/** What make said, as the kind of trouble it is: a base that is not there, the disk, or kconfig itself. */
async function kconfigFailed(
  target: string,
  said: string,
  setup: MakeSetup,
  ports: Ports,
): Promise<TarpitError> {
  const what = `make ${target} failed in ${basename(setup.tree)}`;
  const where = setup.tree;
  const evidence = said.trim().split("\n").slice(-15);
  if (/Can't find default configuration|No rule to make target '\S*config'/.test(said)) {
    const configs = `arch/${setup.arch.srcArch}/configs`;
    const known = await ports.files.list(join(setup.tree, configs));
    return badInput("config.base", {
      what: `this tree has no base configuration "${target}"`,
      where: join(where, configs),
      next: `give one of: ${["defconfig", ...known].slice(0, 20).join(", ")}`,
    });
  }
  if (noRoom.test(said)) {
    const next = "make room there, then run the same command again";
    return environment("config.disk-full", { what: "the disk is full", where, next, evidence });
  }
  if (/Permission denied|Read-only file system/.test(said)) {
    const next = "give yourself write permission there, or configure a copy of the tree";
    return environment("config.unwritable", {
      what: "the tree cannot be written: kconfig is compiled in it",
      where,
      next,
      evidence: evidence.slice(-3),
    });
  }
  const next =
    "the lines above are what kconfig said; a wrong base or a missing compiler is the usual cause";
  return failure("config.kconfig", { what, where, next, evidence });
}

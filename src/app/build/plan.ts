import { join, resolve } from "node:path";
import { type Abi, type Arch, chooseAbis } from "../../core/arch.ts";
import { badInput } from "../../core/errors.ts";
import type { Generation } from "../../core/generation.ts";
import { type KernelVersion, parseKernelVersion } from "../../core/kernel-version.ts";
import {
  compilerOf,
  type MakeSetup,
  type OlderMake,
  refuseOddDirectory,
  refuseOddTools,
} from "../../core/make.ts";
import type { Ports } from "../../ports.ts";
import type { BuildRequest } from "../build.ts";
import { planConfig, type ConfigPlan } from "../config.ts";
import { archFor, loadArch, loadGeneration, loadProfile, refuseOtherGeneration } from "../data.ts";
import { ensureTools } from "../doctor.ts";
import { defaultSpec, fetchSource, type FetchResult } from "../fetch.ts";
import { loadSeries, type LoadedSeries } from "../patch.ts";
import { periodTrees } from "../period-extension.ts";
import { headersOf, type Headers } from "./headers.ts";
import { planOlder } from "./older.ts";
import type { StageTimer } from "./stages.ts";
import { treeFingerprint } from "./tree.ts";

/** Everything that was chosen before the first file is written. */
export interface BuildPlan {
  readonly arch: Arch;
  readonly abis: readonly Abi[];
  readonly scope: "kernel" | "module";
  readonly against: Headers | undefined;
  readonly source: FetchResult | undefined;
  readonly version: KernelVersion;
  readonly series: LoadedSeries;
  /** On top of it: what a toolchain or an emulator needs. */
  readonly extraSeries: readonly LoadedSeries[];
  /** How the kernel is built where kbuild does not do it. */
  readonly older: OlderMake | undefined;
  readonly config: ConfigPlan;
  readonly packages: readonly ("deb" | "tar")[];
  /** `gcc --version`, first line. */
  readonly compiler: string;
  readonly toolVersion: string;
  readonly make: Omit<MakeSetup, "tree" | "buildDir">;
}

export async function makePlan(
  request: BuildRequest,
  timer: StageTimer,
  ports: Ports,
): Promise<BuildPlan> {
  const known = await loadArch(request.arch, ports);
  const abis = chooseAbis(known, request.userland);
  const scope = request.against === undefined ? request.scope : "module";
  await timer.stage("tools", () => ensureTools(needs(request), known, abis, ports, request));
  // What is wrong with the request is said before anything is fetched.
  await planConfig(request, known, ports);
  const against =
    request.against === undefined ? undefined : await headersOf(request.against, known, ports);
  const spec = request.tree ?? request.kernel;
  const source = against
    ? undefined
    : await timer.stage("fetch", () => bring(spec, request, ports), spec);
  const version = against?.version ?? (source as FetchResult).version;
  const series = await loadSeries(ports, request.series, version);
  const generation = await loadGeneration(version, ports);
  const arch = archFor(known, generation);
  if (generation && request.packages.length > 0) throw noPackages(generation);
  const config = await configOf(request, arch, generation, ports);
  const setup = makeSetup(request, arch, ports);
  const { older, extraSeries } = generation
    ? await planOlder(generation, version, source, setup, config, scope, ports)
    : { older: undefined, extraSeries: [] };
  const make = older ? { ...setup, older } : setup;
  return {
    arch,
    abis,
    scope,
    against,
    source,
    version,
    series,
    extraSeries,
    older,
    config,
    packages: request.packages,
    compiler: await compilerVersion(make, ports),
    toolVersion: await toolVersion(ports),
    make,
  };
}

const noPackages = (generation: Generation) =>
  badInput("build.package-generation", {
    what: `there are no packages for Linux ${generation.name}: no package manager of today runs on it`,
    where: "--package",
    next: "leave --package out; docs/linux-2.4.md says how what is built gets on the machine",
  });

/** The configuration's plan once it is known which generation of kernels it is for. */
async function configOf(
  request: BuildRequest,
  arch: Arch,
  generation: Generation | undefined,
  ports: Ports,
): Promise<ConfigPlan> {
  const config = await planConfig(request, arch, ports);
  if (config.profile) refuseOtherGeneration(config.profile, arch, generation);
  return config;
}

/** The kinds of tool this build will call. */
function needs(request: BuildRequest) {
  const kernel = request.scope === "kernel" && request.against === undefined;
  return [
    ...(request.against === undefined ? (["fetch"] as const) : []),
    ...(kernel ? (["kernel"] as const) : (["module"] as const)),
    "extension" as const,
    ...(request.packages.includes("deb") ? (["package"] as const) : []),
    ...(request.launcher === undefined ? [] : (["launcher"] as const)),
  ];
}

/** What can be seen to be wrong before anything is written, the output directory included. */
export async function checkRequest(request: BuildRequest, ports: Ports): Promise<void> {
  refuseContradictions(request);
  refuseOddTools(request);
  refuseOddDirectory(ports.cacheDir, "the cache", "put it elsewhere: TARPIT_KIT_CACHE=/some/where");
  const arch = await loadArch(request.arch, ports);
  chooseAbis(arch, request.userland);
  await periodTrees(ports);
  if (request.profile !== undefined) await loadProfile(request.profile, arch, ports);
}

/** Options of which one would silently decide against the other. */
function refuseContradictions(request: BuildRequest): void {
  const { tree, kernel, against, profile, base, fragments, set } = request;
  const given = (name: string, value: string | undefined) => (value === undefined ? [] : [name]);
  const sources = [...given("--tree", tree), ...given("--kernel", kernel)];
  const configuration = [
    ...given("--profile", profile),
    ...given("--base", base),
    ...given("--fragment", fragments[0]),
    ...given("--set", set[0]),
  ];
  if (against !== undefined && sources.length + configuration.length > 0) {
    throw badInput("build.against-alone", {
      what: "--against takes source and configuration from the headers",
      where: ["--against", ...sources, ...configuration].join(" "),
      next: "leave the other options out, or build without --against",
    });
  }
  if (sources.length < 2) return;
  throw badInput("build.source", {
    what: "--tree and --kernel both name the source",
    where: `--tree ${tree} --kernel ${kernel}`,
    next: "give one of them",
  });
}

async function bring(
  spec: string | undefined,
  request: BuildRequest,
  ports: Ports,
): Promise<FetchResult> {
  const chosen =
    request.tree === undefined
      ? (spec ?? (await defaultSpec(ports)))
      : resolve(ports.host.cwd, request.tree);
  // A release that no series is for is refused before 140 MB of it are fetched.
  const release = request.tree === undefined ? parseKernelVersion(chosen) : undefined;
  if (release) await loadSeries(ports, request.series, release);
  const { insecureSkipVerify, mirror } = request;
  const source = await fetchSource(
    { spec: chosen, insecureSkipVerify, ...(mirror === undefined ? {} : { mirror }) },
    ports,
  );
  if (source.origin.kind !== "tree") return source;
  return { ...source, id: await treeFingerprint(source.path, ports) };
}

/** Stands for "now" in what is built, so that the same inputs give the same bytes: 2020-01-01 unless SOURCE_DATE_EPOCH says otherwise. */
const defaultEpoch = 1_577_836_800;

function makeSetup(
  request: BuildRequest,
  arch: Arch,
  ports: Ports,
): Omit<MakeSetup, "tree" | "buildDir"> {
  const epoch = Number(ports.host.env["SOURCE_DATE_EPOCH"] ?? defaultEpoch);
  return {
    arch,
    jobs: request.jobs ?? ports.host.cpus,
    epoch: Number.isSafeInteger(epoch) && epoch >= 0 ? epoch : defaultEpoch,
    ...(request.crossCompile === undefined ? {} : { crossCompile: request.crossCompile }),
    ...(request.cc === undefined ? {} : { cc: request.cc }),
    ...(request.launcher === undefined ? {} : { launcher: request.launcher }),
  };
}

async function compilerVersion(
  make: Omit<MakeSetup, "tree" | "buildDir">,
  ports: Ports,
): Promise<string> {
  const result = await ports.processes.run({ program: compilerOf(make), args: ["--version"] });
  return result.stdout.split("\n")[0] ?? "";
}

async function toolVersion(ports: Ports): Promise<string> {
  const text = await ports.files.readText(join(ports.packageRoot, "package.json"));
  return (JSON.parse(text) as { version: string }).version;
}

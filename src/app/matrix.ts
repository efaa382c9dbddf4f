import { join } from "node:path";
import { TarpitError, type Trouble } from "../core/errors.ts";
import { type Job, jobsOf } from "../core/matrix/jobs.ts";
import { partOf, type Shard } from "../core/matrix/shard.ts";
import type { Combination, MatrixFile } from "../core/matrix/types.ts";
import type { Log, Ports } from "../ports.ts";
import { build, type BuildRequest, type BuildResult } from "./build.ts";
import { type Located, saidIn } from "./build/origins.ts";
import { withLease } from "./cache/lease.ts";
import { loadMatrix } from "./matrix/load.ts";

export interface MatrixRequest {
  /** Default: tarpit-kit.json. */
  readonly file?: string;
  readonly shard?: Shard;
}

/** What became of one build. */
export interface MatrixRow extends Combination {
  readonly state: "built" | "unchanged" | "failed";
  readonly seconds: number;
  readonly dir?: string;
  readonly release?: string;
  readonly warnings: readonly Located[];
  /** The compiler's errors of a build that failed. */
  readonly errors: readonly Located[];
  readonly trouble?: Trouble & { readonly code: string };
}

export interface MatrixResult {
  readonly out: string;
  readonly rows: readonly MatrixRow[];
}

/** Who looks on while the builds run, one after the other. */
export interface MatrixWatch {
  begin(all: readonly Combination[]): void;
  /** Where the words of a build go that begins now. */
  started(index: number): Log;
  done(index: number, row: MatrixRow): void;
  end(): void;
}

/** Builds every combination, or a shard of them; one that fails does not keep the others from being built. */
export async function runMatrix(
  request: MatrixRequest,
  ports: Ports,
  watch: MatrixWatch,
): Promise<MatrixResult> {
  const { matrix, all } = await loadMatrix(request.file, ports);
  const part = request.shard ? partOf(all, request.shard) : all;
  const launcher = await chooseLauncher(matrix, ports);
  watch.begin(part);
  try {
    const rows = await withLease(ports, () =>
      buildAll(part, { ...matrix, ...launcher }, ports, watch),
    );
    return { out: matrix.out, rows };
  } finally {
    watch.end();
  }
}

/** Without a choice in the file: ccache where it is, since neighbours in a matrix compile much the same. */
async function chooseLauncher(
  matrix: MatrixFile,
  ports: Ports,
): Promise<{ readonly launcher?: string }> {
  if (matrix.launcher !== undefined) return {};
  return (await ports.processes.which("ccache")) === undefined ? {} : { launcher: "ccache" };
}

async function buildAll(
  part: readonly Combination[],
  matrix: MatrixFile,
  ports: Ports,
  watch: MatrixWatch,
): Promise<readonly MatrixRow[]> {
  const rows: MatrixRow[] = [];
  for (const [index, one] of part.entries()) {
    const watched = { ...ports, log: watch.started(index) };
    const started = ports.clock.monotonic();
    const outcome = await build(requestOf(one, matrix), watched).catch(expected);
    const seconds = (ports.clock.monotonic() - started) / 1000;
    const row = rowOf(one, outcome, seconds);
    rows.push(row);
    watch.done(index, row);
  }
  return rows;
}

/** An interrupt, a full disk and a bug end the whole run. */
function expected(error: unknown): TarpitError {
  if (error instanceof TarpitError && !error.code.endsWith("disk-full")) return error;
  throw error;
}

function rowOf(one: Combination, outcome: BuildResult | TarpitError, seconds: number): MatrixRow {
  if (outcome instanceof TarpitError) {
    const { data: _, ...trouble } = outcome.trouble;
    const failed = { ...one, state: "failed" as const, seconds, ...saidIn(outcome) };
    return { ...failed, trouble: { code: outcome.code, ...trouble } };
  }
  const { dir, release, warnings, unchanged } = outcome;
  const state = unchanged ? "unchanged" : "built";
  return { ...one, state, seconds, dir, release, warnings, errors: [] };
}

/** Each build has a directory of its own below `out`: those of one release and arch have the same name. */
function requestOf(one: Combination, matrix: MatrixFile): BuildRequest {
  const { kernel, arch, profile, scope, userland, id } = one;
  const { fragments, set, packages, out, jobs, launcher, mirror } = matrix;
  return {
    kernel,
    arch,
    profile,
    scope,
    fragments,
    set,
    packages: packages as BuildRequest["packages"],
    out: join(out, id),
    install: false,
    insecureSkipVerify: false,
    ...(userland === "all" ? {} : { userland }),
    ...(jobs === undefined ? {} : { jobs }),
    ...(launcher === undefined ? {} : { launcher }),
    ...(mirror === undefined ? {} : { mirror }),
  };
}

export interface MatrixPlan {
  readonly file: string;
  /** As the file has it: relative paths in a job are relative to the checkout. */
  readonly out: string;
  readonly builds: readonly Combination[];
  readonly jobs: readonly Job[];
}

/** What would be built, and the jobs a CI server would divide it into. */
export async function planMatrix(request: MatrixRequest, ports: Ports): Promise<MatrixPlan> {
  const { file, matrix, all } = await loadMatrix(request.file, ports);
  const builds = request.shard ? partOf(all, request.shard) : all;
  const wanted = new Set(builds.map(({ id }) => id));
  const jobs = jobsOf(all).filter((job) => job.builds.some(({ id }) => wanted.has(id)));
  return { file, out: matrix.out, builds, jobs };
}

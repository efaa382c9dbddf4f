import { join } from "node:path";
import type { Arch } from "../../core/arch.ts";
import { changeOf } from "../../core/drift/explain.ts";
import { breaksAt, nextProbe } from "../../core/drift/probe.ts";
import { environment, TarpitError } from "../../core/errors.ts";
import { partOf, type Shard } from "../../core/matrix/shard.ts";
import { defaultDrift } from "../../core/matrix/read.ts";
import type { DriftSettings } from "../../core/matrix/types.ts";
import { parseKernelVersion } from "../../core/kernel-version.ts";
import { type ManifestLine, seriesFor } from "../../core/manifest.ts";
import type { Ports } from "../../ports.ts";
import { lockDirectory } from "../build/lock.ts";
import { saidIn } from "../build/origins.ts";
import { withLease } from "../cache/lease.ts";
import { archFor, loadArch, loadGeneration } from "../data.ts";
import { requireTools } from "../doctor.ts";
import { type Release, releasesOf } from "../fetch/releases.ts";
import { loadSeries } from "../patch.ts";
import { compileObject, type Workshop } from "./object.ts";
import { defaultFile, readFile, readManifest } from "./load.ts";
import { PreparedTree } from "./prepared.ts";
import { record, refuseOutsideCheckout } from "./record.ts";
import type { DriftLine, DriftRow } from "./drift-types.ts";

export interface DriftRequest {
  readonly file?: string;
  /** A part of the lines. */
  readonly shard?: Shard;
}

interface Run {
  readonly settings: DriftSettings;
  readonly arch: Arch;
}

/** Patches and compiles the one object against every release of the lines that can be had. */
export async function runDrift(request: DriftRequest, ports: Ports): Promise<readonly DriftLine[]> {
  const { drift, mirror } = await settingsOf(request, ports);
  if (drift.record) await refuseOutsideCheckout(ports);
  const arch = archFor(await loadArch(drift.arch, ports), undefined);
  await requireTools(["fetch", "module"], arch, [], ports);
  ports.log.stage("drift", "which releases there are");
  const all = await linesOf(drift, mirror, ports);
  const lines = request.shard ? partOf(all, request.shard) : all;
  return withLease(ports, async () => {
    const results: DriftLine[] = [];
    for (const line of lines) results.push(await driftOf(line, { settings: drift, arch }, ports));
    return results;
  });
}

/** Without any matrix file there are the defaults: the radar needs none. */
async function settingsOf(request: DriftRequest, ports: Ports) {
  const implied = join(ports.host.cwd, defaultFile);
  if (request.file === undefined && !(await ports.files.stat(implied)))
    return { drift: defaultDrift, mirror: undefined };
  const { drift, mirror } = (await readFile(request.file, ports)).matrix;
  return { drift, mirror };
}

/** A line and its releases, oldest first. */
interface Wanted {
  readonly line: ManifestLine;
  readonly releases: readonly Release[];
}

/** The lines that were named; else those of which a release can be had here. */
async function linesOf(
  settings: DriftSettings,
  mirror: string | undefined,
  ports: Ports,
): Promise<readonly Wanted[]> {
  const { lines } = await readManifest(ports);
  const named = settings.lines.length > 0;
  const wanted: Wanted[] = [];
  for (const line of lines) {
    if (named ? !settings.lines.includes(line.line) : await isOlder(line, ports)) continue;
    const releases = await (named ? chosen : chosenIfAny)(line, settings, mirror, ports);
    if (releases.length > 0) wanted.push({ line, releases });
    else ports.log.info(`${nameOf(line)}: no release can be had here`);
  }
  // A line may have several series, for releases of different age: one of them is enough.
  const missing = settings.lines.find((name) => !wanted.some(({ line }) => line.line === name));
  if (missing !== undefined || wanted.length === 0) throw noReleases(missing ?? "any line");
  return wanted;
}

/** The one object is compiled by kbuild; what came before has other rules. */
const isOlder = async ({ line }: ManifestLine, ports: Ports): Promise<boolean> => {
  const version = parseKernelVersion(line);
  return version !== undefined && (await loadGeneration(version, ports)) !== undefined;
};

/** None where nothing can be asked: a line that nobody named is no reason to end. */
async function chosenIfAny(
  line: ManifestLine,
  settings: DriftSettings,
  mirror: string | undefined,
  ports: Ports,
): Promise<readonly Release[]> {
  try {
    return await chosen(line, settings, mirror, ports);
  } catch (error) {
    if (!(error instanceof TarpitError) || error.exit !== 3) throw error;
    return [];
  }
}

/** `linux-6.1-early`: a line may have a series for its older releases. */
const nameOf = ({ series }: ManifestLine): string => series.replace(/\.series$/, "");

export interface PlannedLine {
  readonly line: string;
  readonly arch: string;
  /** Which part of the lines it is. */
  readonly shard: Shard;
  /** Newest first. */
  readonly releases: readonly string[];
}

/** The releases that would be compiled against; nothing is brought. */
export async function planDrift(
  request: DriftRequest,
  ports: Ports,
): Promise<readonly PlannedLine[]> {
  const { drift, mirror } = await settingsOf(request, ports);
  const all = await linesOf(drift, mirror, ports);
  const wanted = request.shard ? partOf(all, request.shard) : all;
  return wanted.map((one) => ({
    line: one.line.line,
    arch: drift.arch,
    shard: { index: all.indexOf(one) + 1, of: all.length },
    releases: one.releases.map(({ version }) => version.text).toReversed(),
  }));
}

/** Oldest first. */
async function chosen(
  line: ManifestLine,
  settings: DriftSettings,
  mirror: string | undefined,
  ports: Ports,
): Promise<readonly Release[]> {
  const manifest = await readManifest(ports);
  const known = await releasesOf(line.line, mirror, ports);
  return known
    .filter(({ version }) => seriesFor(manifest, version)?.series === line.series)
    .slice(-(settings.most ?? known.length));
}

async function driftOf({ line, releases }: Wanted, run: Run, ports: Ports): Promise<DriftLine> {
  const home = join(
    ports.cacheDir,
    "builds",
    `drift-${nameOf(line).replace("linux-", "")}-${run.arch.name}`,
  );
  const lock = await lockDirectory(home, "looking at the same line", ports);
  try {
    const series = await loadSeries(ports, line.series);
    const prepared = new PreparedTree(home, series.path, ports);
    const rows = await probeAll(releases, line, { prepared, series, arch: run.arch }, ports);
    return await conclude(line, releases, rows, run, ports);
  } finally {
    await lock.release();
  }
}

const noReleases = (line: string): Error =>
  environment("drift.none", {
    what: `no release of Linux ${line} can be had`,
    where: "apt's package lists, data/kernels, TARPIT_KIT_MIRROR",
    next: "check `apt-get update`, or name a mirror: TARPIT_KIT_MIRROR=https://cdn.kernel.org/pub/linux/kernel",
  });

/** One release after the other, as the plan asks; what cannot be brought is taken out of the plan. */
async function probeAll(
  releases: readonly Release[],
  line: ManifestLine,
  workshop: Workshop,
  ports: Ports,
): Promise<ReadonlyMap<string, DriftRow>> {
  const rows = new Map<string, DriftRow>();
  for (;;) {
    const there = releases.filter(({ version }) => rows.get(version.text)?.state !== "absent");
    const hint = there.findLastIndex(({ version }) => line.verified.includes(version.text));
    const next = nextProbe(outcomesOf(there, rows), hint < 0 ? undefined : hint);
    const release = next === undefined ? undefined : there[next];
    if (!release) return rows;
    ports.log.stage("drift", `${release.version.text}, ${rows.size + 1} of ${releases.length}`);
    rows.set(release.version.text, await probe(release, workshop, ports));
  }
}

const outcomesOf = (
  releases: readonly Release[],
  rows: ReadonlyMap<string, DriftRow>,
): readonly (boolean | undefined)[] =>
  releases.map(({ version }) => {
    const state = rows.get(version.text)?.state;
    return state === undefined ? undefined : state === "ok";
  });

async function probe(release: Release, workshop: Workshop, ports: Ports): Promise<DriftRow> {
  const started = ports.clock.monotonic();
  const base = { version: release.version.text, from: release.from };
  const seconds = () => Math.round((ports.clock.monotonic() - started) / 100) / 10;
  let files: number;
  try {
    files = await workshop.prepared.become(release);
  } catch (error) {
    if (!(error instanceof TarpitError) || error.code.endsWith("disk-full")) throw error;
    return { ...base, state: "absent", trouble: { code: error.code, ...error.trouble } };
  }
  try {
    await workshop.prepared.patch();
    await compileObject(workshop, release.version, ports);
    return { ...base, state: "ok", seconds: seconds(), files };
  } catch (error) {
    // A missing tool or a full disk is nobody's drift.
    if (!(error instanceof TarpitError) || error.exit === 3) throw error;
    const { data: _, ...trouble } = error.trouble;
    const { errors } = saidIn(error);
    const change = changeOf(errors);
    const failed = { ...base, state: "failed" as const, seconds: seconds(), files, errors };
    return { ...failed, ...(change ? { change } : {}), trouble: { code: error.code, ...trouble } };
  }
}

async function conclude(
  line: ManifestLine,
  releases: readonly Release[],
  rows: ReadonlyMap<string, DriftRow>,
  run: Run,
  ports: Ports,
): Promise<DriftLine> {
  const there = releases.filter(({ version }) => rows.get(version.text)?.state !== "absent");
  if (there.length === 0) throw nothingBrought(line.line, [...rows.values()]);
  const broken = breaksAt(outcomesOf(there, rows));
  const all = releases.map(
    ({ version, from }): DriftRow =>
      rows.get(version.text) ?? { version: version.text, from, state: "skipped" },
  );
  const at = broken === undefined ? undefined : rows.get(there[broken]?.version.text ?? "");
  const lastGood = broken === undefined ? undefined : there[broken - 1]?.version.text;
  const { verified, recorded } = await record(line, all, run.settings.record, ports);
  return {
    line: line.line,
    series: line.series,
    arch: run.arch.name,
    releases: all.toReversed(),
    ...(at === undefined
      ? {}
      : {
          breaks: {
            at: at.version,
            ...(lastGood === undefined ? {} : { lastGood }),
            ...(at.change === undefined ? {} : { change: at.change }),
          },
        }),
    verified,
    recorded,
  };
}

const nothingBrought = (line: string, rows: readonly DriftRow[]): Error =>
  environment("drift.absent", {
    what: `none of the ${rows.length} releases of Linux ${line} could be brought`,
    where: rows[0]?.trouble?.where ?? line,
    next: rows[0]?.trouble?.next ?? "look at the network",
    evidence: rows.slice(0, 5).map(({ version, trouble }) => `${version}: ${trouble?.what}`),
  });

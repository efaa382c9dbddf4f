import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import type { Ports } from "../../ports.ts";
import { baseText, isTarget } from "../config/base.ts";
import { periodIdentity } from "../period-extension.ts";
import { softened } from "../config/requests.ts";
import type { Artifacts } from "./artifacts.ts";
import { ownCorner } from "./output.ts";
import type { BuildPlan } from "./plan.ts";

/** Two hashes over everything that decides what comes out: of the kernel alone, and of all artifacts. */
export interface BuildKey {
  readonly kernel: string;
  readonly artifacts: string;
}

export async function buildKey(plan: BuildPlan, ports: Ports): Promise<BuildKey> {
  const kernel = hash({
    source:
      plan.source?.id ??
      `${plan.against?.dir}:${plan.against?.release}:${plan.against?.configText}`,
    series: plan.series.sha256,
    ...(plan.older
      ? { extra: plan.extraSeries.map(({ sha256 }) => sha256), older: plan.older }
      : {}),
    base: await baseIdentity(plan, ports),
    requests: (
      await softened(plan.config.requests, new Map(), ports, plan.older?.generation.targetFragment)
    ).map((r) => [r.symbol, r.value]),
    arch: plan.arch,
    scope: plan.scope,
    compiler: plan.compiler,
    cross: plan.make.crossCompile,
    cc: plan.make.cc,
    epoch: plan.make.epoch,
  });
  const artifacts = hash({
    kernel,
    abis: plan.abis,
    packages: plan.packages,
    extension: await ports.files.sha256(join(ports.packageRoot, "extensions", "libxt_TARPIT.c")),
    period: await periodIdentity(ports),
    tool: plan.toolVersion,
  });
  return { kernel, artifacts };
}

const hash = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex");

async function baseIdentity(plan: BuildPlan, ports: Ports): Promise<string> {
  if (plan.against || isTarget(plan.config.base)) return plan.config.base;
  return hash(await baseText(plan.config.base, plan.arch, ports));
}

interface Finished {
  readonly key: string;
  /** The directory's name below OUT: OUT itself may be moved or copied. */
  readonly name: string;
  readonly release: string;
  readonly files: readonly (readonly [name: string, size: number, mtimeMs: number])[];
}

const memory = (out: string, key: BuildKey): string =>
  join(ownCorner(out), `${key.artifacts.slice(0, 16)}.json`);

/** The artifacts a run with the same key left, if every file is still as it left them (size and time). */
export async function findFinished(
  out: string,
  key: BuildKey,
  ports: Ports,
): Promise<{ readonly dir: string; readonly release: string } | undefined> {
  const text = await ports.files.readText(memory(out, key)).catch(() => undefined);
  if (text === undefined) return undefined;
  const finished = readFinished(text);
  if (finished?.key !== key.artifacts) return undefined;
  const dir = join(out, finished.name);
  for (const [name, size, mtimeMs] of finished.files) {
    const info = await ports.files.stat(join(dir, name));
    if (info?.size !== size || info.mtimeMs !== mtimeMs) return undefined;
  }
  return { dir, release: finished.release };
}

/** Anything but what rememberFinished wrote is no memory, and the build is made. */
function readFinished(text: string): Finished | undefined {
  try {
    const { key, name, release, files } = JSON.parse(text) as Partial<Finished>;
    if (key === undefined || name === undefined || release === undefined) return undefined;
    return Array.isArray(files) && basename(name) === name
      ? { key, name, release, files }
      : undefined;
  } catch {
    return undefined;
  }
}

export async function rememberFinished(
  out: string,
  key: BuildKey,
  made: Artifacts,
  ports: Ports,
): Promise<void> {
  const files: [string, number, number][] = [];
  for (const name of made.files) {
    const info = await ports.files.stat(join(made.dir, name));
    if (info) files.push([name, info.size, info.mtimeMs]);
  }
  const name = basename(made.dir);
  const finished: Finished = { key: key.artifacts, name, release: made.release, files };
  await ports.files.write(memory(out, key), JSON.stringify(finished));
}

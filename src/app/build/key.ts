import { createHash } from "node:crypto";
import { join } from "node:path";
import { parseFragment } from "../../core/kconfig/dotconfig.ts";
import type { Ports } from "../../ports.ts";
import { baseText, isTarget } from "../config/base.ts";
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
    base: await baseIdentity(plan, ports),
    requests: (await softened(plan.config.requests, new Map(), ports)).map((r) => [
      r.symbol,
      r.value,
    ]),
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
    tool: plan.toolVersion,
  });
  return { kernel, artifacts };
}

const hash = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex");

async function baseIdentity(plan: BuildPlan, ports: Ports): Promise<string> {
  if (plan.against || isTarget(plan.config.base)) return plan.config.base;
  const text = await baseText(plan.config.base, ports);
  parseFragment(text, plan.config.base);
  return hash(text);
}

interface Finished {
  readonly key: string;
  readonly dir: string;
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
): Promise<Finished | undefined> {
  const text = await ports.files.readText(memory(out, key)).catch(() => undefined);
  if (text === undefined) return undefined;
  const finished = JSON.parse(text) as Finished;
  if (finished.key !== key.artifacts) return undefined;
  for (const [name, size, mtimeMs] of finished.files) {
    const info = await ports.files.stat(join(finished.dir, name));
    if (info?.size !== size || info.mtimeMs !== mtimeMs) return undefined;
  }
  return finished;
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
  const finished: Finished = { key: key.artifacts, dir: made.dir, release: made.release, files };
  await ports.files.write(memory(out, key), JSON.stringify(finished));
}

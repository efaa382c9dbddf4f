import { join } from "node:path";
import type { Input, Sums } from "../../core/inputs.ts";
import { provenanceOf } from "../../core/provenance.ts";
import type { Rebuild } from "../../core/rebuild.ts";
import { isRecord, provenanceName } from "../../core/records.ts";
import { sbomOf } from "../../core/sbom.ts";
import type { Ports } from "../../ports.ts";
import { filesBelow } from "../verify/sums.ts";
import type { Compiled } from "./run-make.ts";
import type { BuildPlan } from "./plan.ts";

/** How it was built, for the records beside the artifacts. */
export interface Facts {
  readonly inputs: readonly Input[];
  readonly rebuild: Rebuild;
}

/** sha256 of everything in the directory that is the same whenever it is built. */
export async function artifactSums(dir: string, ports: Ports): Promise<Sums> {
  const sums: Record<string, string> = {};
  for (const file of await filesBelow(dir, ports))
    if (!isRecord(file) && file !== provenanceName)
      sums[file] = await ports.files.sha256(join(dir, file));
  return sums;
}

export async function writeSbom(
  plan: BuildPlan,
  made: Compiled,
  { inputs }: Facts,
  dir: string,
  ports: Ports,
): Promise<void> {
  const text = sbomOf({
    toolVersion: plan.toolVersion,
    arch: plan.arch.name,
    scope: plan.scope,
    release: made.release,
    kernelVersion: plan.version.text,
    epoch: plan.make.epoch,
    inputs,
    artifacts: await artifactSums(dir, ports),
  });
  await ports.files.write(join(dir, "sbom.cdx.json"), text, 0o644);
}

export async function writeProvenance(
  plan: BuildPlan,
  { inputs, rebuild }: Facts,
  artifacts: Sums,
  dir: string,
  ports: Ports,
): Promise<void> {
  const { request, env } = rebuild;
  const { toolVersion } = plan;
  const statement = provenanceOf({ toolVersion, request, env, inputs, artifacts });
  await ports.files.write(
    join(dir, provenanceName),
    `${JSON.stringify(statement, null, 2)}\n`,
    0o644,
  );
}

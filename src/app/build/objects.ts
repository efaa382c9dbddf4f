import { join } from "node:path";
import { lineOf } from "../../core/kernel-version.ts";
import type { Ports } from "../../ports.ts";
import type { BuildPlan } from "./plan.ts";

/** How many files the same kind of build compiled last time: what "time left" is counted from. */
export async function expectedObjects(plan: BuildPlan, ports: Ports): Promise<number | undefined> {
  const text = await ports.files.readText(counts(plan, ports)).catch(() => undefined);
  const counted = text === undefined ? Number.NaN : Number(text);
  if (counted > 0) return counted;
  return plan.scope === "kernel" ? plan.config.profile?.objects : undefined;
}

/** Only a build from nothing counts: one that was taken up again compiles fewer. */
export async function rememberObjects(
  plan: BuildPlan,
  compiled: number,
  ports: Ports,
): Promise<void> {
  const before = Number(await ports.files.readText(counts(plan, ports)).catch(() => "0"));
  if (compiled > before) await ports.files.write(counts(plan, ports), String(compiled));
}

const counts = (plan: BuildPlan, ports: Ports): string => {
  const name = [
    plan.arch.name,
    plan.config.profile?.name ?? "own",
    plan.scope,
    lineOf(plan.version),
  ].join("-");
  return join(ports.cacheDir, "counts", name);
};

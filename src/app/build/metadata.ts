import { join } from "node:path";
import { showDiagnostic } from "../../core/build-log.ts";
import type { OlderMake } from "../../core/make.ts";
import type { Ports } from "../../ports.ts";
import { periodSums } from "../period-extension.ts";
import type { BuildKey } from "./key.ts";
import type { BuildPlan } from "./plan.ts";
import type { Compiled } from "./run-make.ts";
import type { StageTimer } from "./stages.ts";

/** What went in, with what, and how long it took: docs/metadata.md describes every field. */
export async function writeMetadata(
  plan: BuildPlan,
  made: Compiled,
  key: BuildKey,
  dir: string,
  timer: StageTimer,
  ports: Ports,
): Promise<void> {
  const metadata = {
    version: 1,
    tool: { name: "tarpit-kit", version: plan.toolVersion },
    key: key.artifacts,
    arch: plan.arch.name,
    scope: plan.scope,
    profile: plan.config.profile?.name ?? null,
    abis: plan.abis.map((abi) => abi.name),
    kernel: {
      release: made.release,
      version: plan.version.text,
      bootImage: plan.scope === "kernel" ? plan.arch.bootImageName : null,
    },
    source: plan.source
      ? { id: plan.source.id, origin: plan.source.origin, trust: plan.source.trust }
      : { headers: plan.against?.release },
    series: { name: plan.series.name, sha256: plan.series.sha256 },
    ...(plan.older ? olderFacts(plan, plan.older) : {}),
    config: {
      base: plan.config.base,
      asserted: made.configResult?.asserted ?? null,
      sha256: await ports.files.sha256(made.config),
    },
    extensions: {
      ...(await extensionSums(plan, dir, ports)),
      ...(await periodSums(plan.abis, dir, ports)),
    },
    compiler: plan.compiler,
    epoch: plan.make.epoch,
    commands: made.commands.map((command) => [command.program, ...command.args]),
    seconds: timer.seconds(),
    warnings: made.log.diagnostics.filter((d) => d.severity === "warning").map(showDiagnostic),
    warningsOmitted: made.log.omitted,
  };
  await ports.files.write(
    join(dir, "metadata.json"),
    `${JSON.stringify(metadata, null, 2)}\n`,
    0o644,
  );
}

/** What a kernel of before kbuild was built with besides: who supports it, and where it may run. */
function olderFacts(plan: BuildPlan, { generation, toolchain }: OlderMake) {
  return {
    generation: generation.name,
    extraSeries: plan.extraSeries.map(({ name, sha256 }) => ({ name, sha256 })),
    toolchain: toolchain
      ? {
          name: toolchain.name,
          supportedUpstream: false,
          label: toolchain.label,
          measuredWith: toolchain.measuredWith,
        }
      : { name: null, supportedUpstream: true },
    emulatorOnly: plan.config.profile?.emulator !== undefined,
  };
}

async function extensionSums(
  plan: BuildPlan,
  dir: string,
  ports: Ports,
): Promise<Record<string, string>> {
  const sums: Record<string, string> = {};
  for (const abi of plan.older ? [] : plan.abis) {
    for (const name of ["libipt_TARPIT.so", "libxt_TARPIT.so"]) {
      const path = join("extensions", abi.name, name);
      sums[path] = await ports.files.sha256(join(dir, path));
    }
  }
  return sums;
}

import { join } from "node:path";
import type { Arch } from "../../core/arch.ts";
import { BuildLogReader } from "../../core/build-log.ts";
import type { KernelVersion } from "../../core/kernel-version.ts";
import { makeArguments, makeEnvironment, type MakeSetup } from "../../core/make.ts";
import type { Ports } from "../../ports.ts";
import { compileFailed } from "../build/failed.ts";
import { withOrigins } from "../build/origins.ts";
import { makeConfig, planConfig } from "../config.ts";
import type { LoadedSeries } from "../patch.ts";
import type { PreparedTree } from "./prepared.ts";

/** Where one line's releases are compiled. */
export interface Workshop {
  readonly prepared: PreparedTree;
  readonly series: LoadedSeries;
  readonly arch: Arch;
}

/** Configures the tree as it is now and compiles the target's one object; throws as a build does. */
export async function compileObject(
  { prepared, series, arch }: Workshop,
  version: KernelVersion,
  ports: Ports,
): Promise<void> {
  const { tree, buildDir } = prepared;
  const setup: MakeSetup = { tree, buildDir, arch, jobs: ports.host.cpus, epoch: 0 };
  const logFile = join(buildDir, "build.log");
  await ports.files.write(logFile, "");
  const plan = await planConfig({ arch: arch.name, fragments: [], set: [] }, arch, ports);
  ports.log.detail(`Linux ${version.text}: config and object`);
  await makeConfig(plan, setup, join(buildDir, ".config"), ports, logFile);
  await withOrigins({ tree, buildDir, series }, ports, async () => {
    for (const target of ["modules_prepare", "net/netfilter/xt_TARPIT.o"])
      await make(target, setup, logFile, ports);
  });
}

async function make(
  target: string,
  setup: MakeSetup,
  logFile: string,
  ports: Ports,
): Promise<void> {
  const reader = new BuildLogReader();
  const result = await ports.processes.run(
    {
      program: "make",
      args: [...makeArguments(setup), `-j${setup.jobs}`, target],
      env: makeEnvironment(setup),
    },
    { logFile, capture: false, onLine: (line) => reader.line(line) },
  );
  if (result.code !== 0) throw compileFailed(reader.summary(), logFile);
}

import { join } from "node:path";
import { badInput } from "../../core/errors.ts";
import {
  compilerFits,
  compilerNumber,
  type Generation,
  type Toolchain,
} from "../../core/generation.ts";
import { satisfies } from "../../core/kernel-range.ts";
import type { KernelVersion } from "../../core/kernel-version.ts";
import { compilerOf, type MakeSetup, type OlderMake } from "../../core/make.ts";
import type { Ports } from "../../ports.ts";
import type { ConfigPlan } from "../config.ts";
import { loadToolchains } from "../data.ts";
import type { FetchResult } from "../fetch.ts";
import { loadSeries, type LoadedSeries } from "../patch.ts";

export interface OlderPlan {
  readonly older: OlderMake;
  readonly extraSeries: readonly LoadedSeries[];
}

/**
 * How this compiler builds this kernel: as its authors had it, with a toolchain profile, or not at
 * all. What is not supported upstream is said, here and in metadata.json.
 */
export async function planOlder(
  generation: Generation,
  version: KernelVersion,
  source: FetchResult | undefined,
  setup: Pick<MakeSetup, "arch" | "crossCompile" | "cc">,
  config: ConfigPlan,
  scope: "kernel" | "module",
  ports: Ports,
): Promise<OlderPlan> {
  const toolchain = await chooseToolchain(generation, setup, ports);
  const extraSeries: LoadedSeries[] = [];
  if (toolchain) {
    ports.log.warn(
      `toolchain profile ${toolchain.name}: ${toolchain.label} (measured with ${toolchain.measuredWith})`,
    );
    extraSeries.push(await seriesOf(toolchain, version, scope, ports));
  }
  const emulator = config.profile?.emulator;
  if (emulator) {
    ports.log.warn(
      `profile ${config.profile?.name}: for an emulator only, its release ends with ${emulator.suffix}`,
    );
    extraSeries.push(await packagedSeries(emulator.series, ports));
  }
  const extraVersion = emulator && `${await extraVersionOf(source, ports)}${emulator.suffix}`;
  const older = {
    generation,
    ...(toolchain ? { toolchain } : {}),
    ...(extraVersion === undefined ? {} : { extraVersion }),
  };
  return { older, extraSeries };
}

/** gcc(1), -dumpversion: the one option every gcc since 2.95 answers in the same way. */
async function chooseToolchain(
  generation: Generation,
  setup: Pick<MakeSetup, "arch" | "crossCompile" | "cc">,
  ports: Ports,
): Promise<Toolchain | undefined> {
  const program = compilerOf(setup);
  const said = await ports.processes.run({ program, args: ["-dumpversion"] });
  const version = compilerNumber(said.stdout);
  if (version && compilerFits(version, generation.compilers)) return undefined;
  const toolchains = await loadToolchains(generation, ports);
  const found = version && toolchains.find((one) => compilerFits(version, one.compilers));
  if (found) return found;
  const { from, below } = generation.compilers;
  const others = toolchains.map(
    (one) => `gcc ${one.compilers.from} to below ${one.compilers.below} (profile ${one.name})`,
  );
  throw badInput("toolchain.unknown", {
    what: `${program} ${said.stdout.trim()} is no compiler for Linux ${generation.name}`,
    where: "--cc, --cross-compile",
    next: `use gcc ${from} to below ${below}, as its authors did, or ${others.join(", or ")}`,
  });
}

/** A series of ours that goes on top of another, so that no kernel line names it. */
const packagedSeries = (name: string, ports: Ports): Promise<LoadedSeries> =>
  loadSeries(ports, join(ports.packageRoot, "patches", `${name}.series`));

async function seriesOf(
  toolchain: Toolchain,
  version: KernelVersion,
  scope: "kernel" | "module",
  ports: Ports,
): Promise<LoadedSeries> {
  const found = toolchain.series.find(({ range }) => satisfies(version, range));
  if (found && (scope === "module" || found.scope === "kernel"))
    return packagedSeries(found.series, ports);
  const whole = toolchain.series.filter((one) => one.scope === "kernel");
  throw badInput("toolchain.version", {
    what: `toolchain profile ${toolchain.name} does not build ${found ? "all of" : "any of"} Linux ${version.text}`,
    where: `data/toolchains/${toolchain.name}.json`,
    next: `it builds ${whole.map(({ range }) => range).join(", ")}; give a compiler of that time with --cross-compile${found ? ", or --scope module for the target alone" : ""}`,
  });
}

/** The Makefile's own EXTRAVERSION, which the emulator's suffix goes behind. */
async function extraVersionOf(source: FetchResult | undefined, ports: Ports): Promise<string> {
  const text = await ports.files.readText(join(source?.path ?? "", "Makefile")).catch(() => "");
  return /^EXTRAVERSION[ \t]*=[ \t]*(\S*)/m.exec(text)?.[1] ?? "";
}

import { basename, join } from "node:path";
import { badInput, failure } from "../../core/errors.ts";
import { noRoom } from "../../core/build-log.ts";
import type { Generation } from "../../core/generation.ts";
import { assertSettings } from "../../core/kconfig/assert.ts";
import { explainConfigIn, readConfigIn } from "../../core/kconfig/config-in.ts";
import { lastWins, mergeInto, parseDotconfig, type Request } from "../../core/kconfig/dotconfig.ts";
import { makeArguments, makeEnvironment, type MakeSetup } from "../../core/make.ts";
import type { Ports } from "../../ports.ts";
import { baseText } from "./base.ts";
import { droppedError } from "./explain.ts";
import { softened } from "./requests.ts";
import type { ConfigPlan, ConfigResult } from "./types.ts";

/**
 * Makes the .config of a tree that has Config.in files, in the tree itself. Its own `oldconfig` reads
 * .config as shell, so of two lines for one symbol the last wins, and asks for the rest on its input:
 * an empty answer takes the default, the end of input aborts it.
 */
export async function makeOlderConfig(
  plan: ConfigPlan,
  setup: MakeSetup,
  generation: Generation,
  ports: Ports,
  logFile?: string,
): Promise<ConfigResult> {
  const path = join(setup.tree, ".config");
  const before = await olderBase(plan, setup, ports);
  const forbidden = refuseForbidden(plan.requests, generation);
  const wanted = lastWins(
    await softened(
      [...plan.requests, ...forbidden],
      plan.line,
      parseDotconfig(before),
      ports,
      generation.targetFragment,
    ),
  );
  await ports.files.write(path, mergeInto(before, wanted), 0o644);
  await answerAll(setup, generation, ports, logFile);
  const settings = parseDotconfig(await ports.files.readText(path));
  const { dropped, raised } = assertSettings(wanted.values(), settings);
  if (dropped.length > 0) {
    const read = async (name: string) =>
      ports.files.readText(join(setup.tree, name)).catch(() => undefined);
    const tree = await readConfigIn(`arch/${setup.arch.srcArch}/config.in`, read);
    throw droppedError(
      dropped,
      dropped.map((one) => explainConfigIn(one, tree, settings)),
      "oldconfig",
    );
  }
  return {
    path,
    base: plan.base,
    profile: plan.profile?.name,
    asserted: wanted.size,
    raised,
    settings,
  };
}

/** `defconfig` is a file of the arch's; an empty .config has every symbol off that is not asked for. */
async function olderBase(plan: ConfigPlan, setup: MakeSetup, ports: Ports): Promise<string> {
  if (plan.base === "allnoconfig") return "";
  if (plan.base !== "defconfig" && !/^[\w.-]+config$/.test(plan.base))
    return baseText(plan.base, setup.arch, ports);
  const path = join(setup.tree, "arch", setup.arch.srcArch, "defconfig");
  const text =
    plan.base === "defconfig" ? await ports.files.readText(path).catch(() => undefined) : undefined;
  if (text !== undefined) return text;
  throw badInput("config.base", {
    what: `this tree has no base configuration "${plan.base}"`,
    where: path,
    next: "give defconfig, allnoconfig, running, or the path of a .config",
  });
}

/** Off, whatever the base says; asked for by name, it is refused with the reason. */
function refuseForbidden(requests: readonly Request[], generation: Generation): readonly Request[] {
  return Object.entries(generation.forbidden).map(([symbol, why]) => {
    const asked = requests.find((one) => one.symbol === symbol && one.value !== "n");
    if (asked) {
      throw badInput("config.forbidden", {
        what: `CONFIG_${symbol} cannot be on: ${why}`,
        where: asked.origin,
        next: "take the request out",
      });
    }
    return { symbol, value: "n", origin: `Linux ${generation.name}` };
  });
}

async function answerAll(
  setup: MakeSetup,
  { configure }: Generation,
  ports: Ports,
  logFile: string | undefined,
): Promise<void> {
  const result = await ports.processes.run(
    {
      program: "make",
      args: [...makeArguments(setup), configure.target],
      env: makeEnvironment(setup),
    },
    { input: "\n".repeat(configure.answers), ...(logFile === undefined ? {} : { logFile }) },
  );
  if (result.code === 0) return;
  const said = `${result.stdout}\n${result.stderr}`.trim();
  throw failure("config.kconfig", {
    what: noRoom.test(said)
      ? "the disk is full"
      : `make ${configure.target} failed in ${basename(setup.tree)}`,
    where: setup.tree,
    next: "the lines above are its own words",
    evidence: said.split("\n").slice(-15),
  });
}

import { join } from "node:path";
import { failure } from "../../core/errors.ts";
import { newFiles } from "../../core/patch/index.ts";
import { parseDotconfig } from "../../core/kconfig/dotconfig.ts";
import { makeArguments } from "../../core/make.ts";
import type { Ports } from "../../ports.ts";
import type { Headers } from "./headers.ts";
import {
  type BuildDir,
  type Compiled,
  configure,
  kernelRelease,
  makeCommand,
  runMake,
} from "./kernel.ts";
import type { BuildPlan } from "./plan.ts";
import type { StageTimer } from "./stages.ts";

const objectPath = "net/netfilter/xt_TARPIT";

/**
 * Only the target: in a patched and prepared tree, or outside of any tree against the
 * headers of an installed kernel (Documentation/kbuild/modules.rst).
 */
export const compileModule = (
  plan: BuildPlan,
  at: BuildDir,
  timer: StageTimer,
  ports: Ports,
): Promise<Compiled> =>
  plan.against === undefined
    ? inTree(plan, at, timer, ports)
    : againstHeaders(plan, plan.against, at, timer, ports);

async function inTree(
  plan: BuildPlan,
  { dir, setup }: BuildDir,
  timer: StageTimer,
  ports: Ports,
): Promise<Compiled> {
  const { logFile, config } = await configure(plan, { dir, setup }, timer, ports);
  if (config.settings.get("NETFILTER_XT_TARGET_TARPIT") !== "m") throw builtIn(plan);
  if (config.settings.get("MODVERSIONS") === "y") throw wantsVersions(plan);
  const prepare = makeCommand(setup, ["modules_prepare"]);
  // Without a whole build there is no Module.symvers: modpost may only warn of symbols the kernel has.
  const object = makeCommand(setup, [
    "KBUILD_MODPOST_WARN=1",
    ...(plan.config.line.moduleMake ?? []),
    `${objectPath}.ko`,
  ]);
  await timer.stage("prepare", () => runMake(prepare, plan, logFile, ports));
  const log = await timer.stage("module", () => runMake(object, plan, logFile, ports));
  return {
    scope: "module",
    release: await kernelRelease(setup, ports),
    config: config.path,
    configResult: config,
    buildDir: dir,
    setup,
    log: { ...log, diagnostics: log.diagnostics.filter((d) => d.file !== "modpost") },
    logFile,
    commands: [prepare, object],
    module: join(dir, `${objectPath}.ko`),
  };
}

const builtIn = (plan: BuildPlan) =>
  failure("build.module-builtin", {
    what: "this configuration has the target built in: there is no module to compile",
    where: plan.config.base,
    next: "use --scope kernel, or --set MODULES=y --set IP_NF_TARGET_TARPIT=m",
  });

/** Symbol versions come from Module.symvers, which only a whole build or an installed kernel's headers have. */
const wantsVersions = (plan: BuildPlan) =>
  failure("build.module-versions", {
    what: "this configuration has MODVERSIONS: a module compiled alone would have no symbol versions and would not load",
    where: plan.config.base,
    next: "use --against the headers of that kernel, --scope kernel, or --set MODVERSIONS=n for a kernel of your own",
  });

async function againstHeaders(
  plan: BuildPlan,
  headers: Headers,
  { dir, setup }: BuildDir,
  timer: StageTimer,
  ports: Ports,
): Promise<Compiled> {
  await ports.files.remove(dir);
  await layOut(dir, plan, headers.configText, ports);
  const logFile = join(dir, "build.log");
  const command = {
    ...makeCommand(setup, []),
    args: [
      ...makeArguments(setup),
      `-j${setup.jobs}`,
      `M=${dir}`,
      `KCFLAGS=-ffile-prefix-map=${dir}=.`,
      "modules",
    ],
  };
  const log = await timer.stage(
    "module",
    () => runMake(command, plan, logFile, ports),
    headers.release,
  );
  await ports.files.write(join(dir, "config"), headers.configText);
  return {
    scope: "module",
    release: headers.release,
    config: join(dir, "config"),
    configResult: undefined,
    buildDir: dir,
    setup,
    log,
    logFile,
    commands: [command],
    module: join(dir, "xt_TARPIT.ko"),
  };
}

/**
 * The files the series creates, as an external module: its own header in a directory
 * of its own, and the symbols that Kconfig would have set, for those families that the
 * kernel has.
 */
async function layOut(
  dir: string,
  plan: BuildPlan,
  configText: string,
  ports: Ports,
): Promise<void> {
  for (const file of newFiles(plan.series.patches)) {
    const name = file.path.startsWith("include/uapi/")
      ? join("include", file.path.slice("include/uapi/".length))
      : (file.path.split("/").at(-1) ?? "");
    await ports.files.write(join(dir, name), file.bytes);
  }
  const config = parseDotconfig(configText);
  const has = (symbol: string): boolean => (config.get(symbol) ?? "n") !== "n";
  if (!has("NETFILTER_XTABLES")) throw noTables(plan);
  const symbols = [
    "NETFILTER_XT_TARGET_TARPIT",
    "IP_NF_TARGET_TARPIT",
    ...(has("IPV6") ? ["IP6_NF_TARGET_TARPIT"] : []),
  ];
  const defines = symbols.map((symbol) => `-DCONFIG_${symbol}_MODULE=1`).join(" ");
  const makefile = `obj-m := xt_TARPIT.o\nccflags-y := -I$(src)/include ${defines}\n`;
  await ports.files.write(join(dir, "Makefile"), makefile);
}

const noTables = (plan: BuildPlan) =>
  failure("build.no-xtables", {
    what: `the kernel ${plan.against?.release} has no xtables (CONFIG_NETFILTER_XTABLES)`,
    where: join(plan.against?.dir ?? "", ".config"),
    next: "its iptables cannot use any target: build a kernel with `tarpit-kit build --scope kernel`",
  });

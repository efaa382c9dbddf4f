import { join } from "node:path";
import { failure } from "../../core/errors.ts";
import { makefileFor, moduleFiles } from "../../core/external-module.ts";
import { newFiles } from "../../core/patch/index.ts";
import { parseDotconfig, type Settings } from "../../core/kconfig/dotconfig.ts";
import { makeArguments } from "../../core/make.ts";
import type { Ports } from "../../ports.ts";
import type { Headers } from "./headers.ts";
import { configure, kernelRelease } from "./kernel.ts";
import { compileOlderModule } from "./older-kernel.ts";
import type { BuildPlan } from "./plan.ts";
import { type BuildDir, type Compiled, makeCommand, runMake } from "./run-make.ts";
import { signModule } from "./signing.ts";
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
  if (plan.older)
    return compileOlderModule(plan, { dir, setup }, { logFile, config }, timer, ports);
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
  const module = await signed(
    { module: join(dir, `${objectPath}.ko`), tools: dir, settings: config.settings },
    plan,
    dir,
    ports,
  );
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
    module,
  };
}

/** The module, or with a key a signed copy: make must find its own as it left it. */
async function signed(
  built: { readonly module: string; readonly tools: string; readonly settings: Settings },
  { signing }: BuildPlan,
  dir: string,
  ports: Ports,
): Promise<string> {
  if (!signing) return built.module;
  const copy = join(dir, "signed", "xt_TARPIT.ko");
  await ports.files.mkdir(join(dir, "signed"));
  await ports.files.copy(built.module, copy);
  await signModule(signing, copy, join(built.tools, "scripts/sign-file"), built.settings, ports);
  return copy;
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
  const settings = parseDotconfig(headers.configText);
  const built = { module: join(dir, "xt_TARPIT.ko"), tools: headers.dir, settings };
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
    module: await signed(built, plan, dir, ports),
  };
}

/** The series' own files as an external module, for those families that the kernel has. */
async function layOut(
  dir: string,
  plan: BuildPlan,
  configText: string,
  ports: Ports,
): Promise<void> {
  for (const { name, bytes } of moduleFiles(newFiles(plan.series.patches)))
    await ports.files.write(join(dir, name), bytes);
  const config = parseDotconfig(configText);
  const has = (symbol: string): boolean => (config.get(symbol) ?? "n") !== "n";
  if (!has("NETFILTER_XTABLES")) throw noTables(plan);
  await ports.files.write(join(dir, "Makefile"), makefileFor(has("IPV6")));
}

const noTables = (plan: BuildPlan) =>
  failure("build.no-xtables", {
    what: `the kernel ${plan.against?.release} has no xtables (CONFIG_NETFILTER_XTABLES)`,
    where: join(plan.against?.dir ?? "", ".config"),
    next: "its iptables cannot use any target: build a kernel with `tarpit-kit build --scope kernel`",
  });

import { basename, join } from "node:path";
import { environment, failure } from "../../core/errors.ts";
import { makeArguments, makeEnvironment } from "../../core/make.ts";
import type { Command, Ports } from "../../ports.ts";
import { buildExtensions } from "../extension.ts";
import { buildPeriodExtensions } from "../period-extension.ts";
import { packageArtifacts } from "../package.ts";
import { verifyArtifacts } from "../verify-artifacts.ts";
import { filesBelow, sumsName } from "../verify/sums.ts";
import type { BuildKey } from "./key.ts";
import { writeMetadata } from "./metadata.ts";
import { ownCorner } from "./output.ts";
import type { BuildPlan } from "./plan.ts";
import { putInPlace } from "./place.ts";
import type { Compiled } from "./run-make.ts";
import type { StageTimer } from "./stages.ts";

export interface Artifacts {
  readonly dir: string;
  readonly release: string;
  /** Every file below dir, relative. */
  readonly files: readonly string[];
  /** Checks that verify made and passed. */
  readonly checked: number;
}

/** Puts the artifact directory together beside its place, verifies it, and only then renames it. */
export async function assembleArtifacts(
  plan: BuildPlan,
  made: Compiled,
  out: string,
  key: BuildKey,
  timer: StageTimer,
  ports: Ports,
): Promise<Artifacts> {
  const stage = await ports.files.makePrivateDirectory(join(ownCorner(out), "stage-"));
  try {
    const name = `${made.release}-${plan.arch.name}`;
    const dir = join(stage, name);
    const files = await fill(dir, plan, made, key, timer, ports);
    const checked = await timer.stage("verify", () => verified(dir, out, ports));
    await putInPlace(dir, join(out, name), out, key, ports);
    return { dir: join(out, name), release: made.release, files, checked };
  } finally {
    await ports.files.remove(stage);
  }
}

/** Everything that an artifact directory holds; gives back the files' names. */
async function fill(
  dir: string,
  plan: BuildPlan,
  made: Compiled,
  key: BuildKey,
  timer: StageTimer,
  ports: Ports,
): Promise<readonly string[]> {
  await ports.files.mkdir(dir, 0o755);
  await buildPeriodExtensions(plan.abis, join(dir, "extensions"), ports);
  if (made.scope === "kernel")
    await timer.stage("artifacts", () => kernelFiles(plan, made, dir, ports));
  else await ports.files.copy(made.module ?? "", join(dir, basename(made.module ?? "")));
  await ports.files.copy(made.config, join(dir, "config"));
  await ports.files.copy(made.logFile, join(dir, "build.log"));
  const extensions = join(dir, "extensions");
  const abis = extensionAbis(plan);
  if (abis.length > 0)
    await timer.stage("extension", () => buildExtensions(abis, extensions, ports, plan.arch.name));
  await writeMetadata(plan, made, key, dir, timer, ports);
  if (plan.packages.length > 0) {
    await timer.stage("package", () =>
      packageArtifacts(
        { dir, kinds: plan.packages, arch: plan.arch, epoch: plan.make.epoch },
        ports,
      ),
    );
  }
  return writeSums(dir, ports);
}

/** Today's iptables does not run on a kernel of before kbuild: today's C library asks for a later one. */
const extensionAbis = (plan: BuildPlan): BuildPlan["abis"] => (plan.older ? [] : plan.abis);

async function kernelFiles(
  plan: BuildPlan,
  made: Compiled,
  dir: string,
  ports: Ports,
): Promise<void> {
  const copy = (from: string, to: string) =>
    ports.files.copy(join(made.buildDir, from), join(dir, to));
  await copy(plan.arch.bootImage, plan.arch.bootImageName);
  await copy("vmlinux", "vmlinux");
  await copy("System.map", "System.map");
  const modules = join(made.buildDir, "modules-installed");
  await ports.files.remove(modules);
  if (made.configResult?.settings.get("MODULES") === "y")
    await installModules(made, modules, ports);
  else await ports.files.mkdir(join(modules, "lib", "modules", made.release));
  await archiveModules(modules, made, join(dir, "modules.tar.gz"), ports);
}

async function installModules(made: Compiled, to: string, ports: Ports): Promise<void> {
  const command: Command = {
    program: "make",
    args: [
      ...makeArguments(made.setup),
      `INSTALL_MOD_PATH=${to}`,
      "INSTALL_MOD_STRIP=1",
      "modules_install",
    ],
    env: makeEnvironment(made.setup),
  };
  const result = await ports.processes.run(command, { logFile: made.logFile });
  if (result.code !== 0) {
    throw failure("build.modules-install", {
      what: "make modules_install failed",
      where: made.logFile,
      next: "the lines above are its own words",
      evidence: result.stderr.trim().split("\n").slice(-10),
    });
  }
  // Links into the source and build trees of this machine mean nothing on another.
  for (const link of ["build", "source"])
    await ports.files.remove(join(to, "lib/modules", made.release, link));
}

/**
 * Sorted, owned by root, plain modes, one timestamp: the same modules give the same bytes (gzip -n, tar(1)
 * "Reproducibility"). It begins at the release's own directory: unpacked at / by root, an entry for lib
 * would replace the link that /lib is on a merged-/usr system, and one for lib/modules would set its mode.
 */
async function archiveModules(
  from: string,
  made: Compiled,
  to: string,
  ports: Ports,
): Promise<void> {
  const result = await ports.processes.run({
    program: "tar",
    args: [
      ...["-C", from, "--sort=name", "--owner=0", "--group=0", "--numeric-owner"],
      ...["--mode=u=rwX,go=rX", `--mtime=@${made.setup.epoch}`, "--format=gnu"],
      ...["-I", "gzip -n -9", "-cf", to, `lib/modules/${made.release}`],
    ],
  });
  if (result.code === 0) return;
  throw environment("build.archive", {
    what: "the modules could not be archived",
    where: to,
    next: "make room there and run this again",
    evidence: result.stderr.trim().split("\n").slice(0, 3),
  });
}

/** SHA256SUMS over every file but itself, in the form sha256sum -c reads. */
async function writeSums(dir: string, ports: Ports): Promise<string[]> {
  const files = (await filesBelow(dir, ports)).filter((name) => name !== sumsName);
  const lines = [];
  for (const name of files) lines.push(`${await ports.files.sha256(join(dir, name))}  ${name}\n`);
  await ports.files.write(join(dir, sumsName), lines.join(""), 0o644);
  return [...files, sumsName];
}

/** A build whose artifacts do not pass is a failed build: what was there before stays, the new is kept aside. */
async function verified(dir: string, out: string, ports: Ports): Promise<number> {
  const report = await verifyArtifacts({ dir }, ports);
  if (report.ok) return report.checked.length;
  const aside = join(ownCorner(out), "failed");
  await ports.files.remove(aside);
  await ports.files.rename(dir, aside);
  throw failure("build.verify", {
    what: "the artifacts do not pass verification",
    where: aside,
    next: `look closer with: tarpit-kit verify --artifacts ${aside}`,
    data: { findings: report.findings },
  });
}

import { join } from "node:path";
import { judgeConfig } from "../core/abi/judge-config.ts";
import type { ModuleExpectation } from "../core/abi/judge.ts";
import type { Abi, Arch } from "../core/arch.ts";
import { TarpitError } from "../core/errors.ts";
import { finding, hasErrors, Report, type Checked, type Finding } from "../core/findings.ts";
import type { Settings } from "../core/kconfig/dotconfig.ts";
import type { Ports } from "../ports.ts";
import type { Generation } from "../core/generation.ts";
import { archFor, loadArch, namedGeneration } from "./data.ts";
import { configFile, readConfig } from "./verify/config.ts";
import { checkExtensions } from "./verify/extensions.ts";
import { checkKernel } from "./verify/kernel.ts";
import { locateArtifacts } from "./verify/locate.ts";
import { checkOlder } from "./verify/older.ts";
import { loadMetadata, type Metadata } from "./verify/metadata.ts";
import { checkArchive, checkLoneModule } from "./verify/module.ts";
import { checkPeriodExtensions } from "./verify/period-extensions.ts";
import { checkSums } from "./verify/sums.ts";

export interface VerifyReport {
  readonly dir: string;
  /** Undefined when the metadata does not say. */
  readonly arch: string | undefined;
  readonly kernel: string | undefined;
  /** No finding is an error. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  readonly checked: readonly Checked[];
}

/**
 * Judges an artifact directory by itself alone. Every check ends as a finding or in `checked`;
 * what could not be checked is a finding of severity `unchecked`.
 */
export async function verifyArtifacts(
  request: { readonly dir: string },
  ports: Ports,
): Promise<VerifyReport> {
  const dir = await locateArtifacts(request.dir, ports);
  const report = new Report();
  const metadata = await loadMetadata(dir, report, ports);
  const known = metadata && (await knownArch(metadata, report, ports));
  if (metadata && known?.generation)
    await checkOlderBuild(dir, known.arch, known.generation, metadata, report, ports);
  else if (metadata && known) await checkBuild(dir, known.arch, metadata, report, ports);
  else report.skipped("everything but the checksums", "metadata.json", "no-metadata");
  await checkSums(dir, report, ports);
  const { findings, checked } = report;
  return {
    dir,
    arch: metadata?.arch,
    kernel: metadata?.release,
    ok: !hasErrors(findings),
    findings,
    checked,
  };
}

async function knownArch(
  metadata: Metadata,
  report: Report,
  ports: Ports,
): Promise<{ readonly arch: Arch; readonly generation: Generation | undefined } | undefined> {
  try {
    const generation =
      metadata.generation === undefined
        ? undefined
        : await namedGeneration(metadata.generation, ports);
    return { arch: archFor(await loadArch(metadata.arch, ports), generation), generation };
  } catch (error) {
    if (!(error instanceof TarpitError)) throw error;
    report.judged(
      "metadata",
      "metadata.json",
      finding("metadata.bad", { file: "metadata.json", reason: error.message }),
    );
    return undefined;
  }
}

async function checkOlderBuild(
  dir: string,
  arch: Arch,
  generation: Generation,
  metadata: Metadata,
  report: Report,
  ports: Ports,
): Promise<void> {
  await checkOlder(dir, arch, generation, metadata, report, ports);
  const abis = wantedAbis(arch, metadata, report);
  await checkPeriodExtensions({ dir, arch: arch.name }, abis, report, ports);
  if ((await ports.files.list(join(dir, "extensions"))).length === 0)
    report.skipped("extension", "extensions", "own-iptables");
}

async function checkBuild(
  dir: string,
  arch: Arch,
  metadata: Metadata,
  report: Report,
  ports: Ports,
): Promise<void> {
  const abis = wantedAbis(arch, metadata, report);
  const config = await checkConfig(dir, arch, abis, metadata, report, ports);
  const expected = expectation(metadata, config);
  if (metadata.scope === "kernel") {
    await checkKernel(dir, arch, metadata, report, ports);
    await checkArchive(dir, arch, expected, report, ports);
  } else {
    await checkLoneModule(dir, arch, expected, report, ports);
    report.skipped("kernel.release", "xt_TARPIT.ko", "module-only");
  }
  await checkExtensions({ dir, arch: arch.name }, abis, metadata, report, ports);
  await checkPeriodExtensions({ dir, arch: arch.name }, abis, report, ports);
}

function wantedAbis(arch: Arch, metadata: Metadata, report: Report): readonly Abi[] {
  const unknown = metadata.abis.filter((name) => !arch.abis.some((abi) => abi.name === name));
  for (const name of unknown) {
    const reason = `${arch.name} has no ABI ${name}`;
    report.judged(
      "metadata",
      "metadata.json",
      finding("metadata.bad", { file: "metadata.json", reason }),
    );
  }
  return arch.abis.filter((abi) => metadata.abis.includes(abi.name));
}

async function checkConfig(
  dir: string,
  arch: Arch,
  abis: readonly Abi[],
  metadata: Metadata,
  report: Report,
  ports: Ports,
): Promise<Settings | undefined> {
  const config = await readConfig(dir, report, ports);
  if (!config) return undefined;
  const narrow = abis.some((abi) => abi.bits === 32);
  const question = {
    config,
    scope: metadata.scope,
    bits: arch.elf.bits,
    narrow,
    release: metadata.release,
  };
  report.judged("config.symbol", configFile, ...judgeConfig(question));
  return config;
}

/** Against the headers of an installed kernel its config knows nothing of the target: IPv6 follows IPV6. */
function expectation(metadata: Metadata, config: Settings | undefined): ModuleExpectation {
  const isOn = (symbol: string): boolean => (config?.get(symbol) ?? "n") !== "n";
  const told = isOn("IP_NF_TARGET_TARPIT") || isOn("IP6_NF_TARGET_TARPIT");
  return {
    release: metadata.release,
    config,
    ipv4: told ? isOn("IP_NF_TARGET_TARPIT") : true,
    ipv6: told ? isOn("IP6_NF_TARGET_TARPIT") : isOn("IPV6"),
  };
}

import { join } from "node:path";
import { judgeOlderModule, readOlderModule } from "../../core/abi/older-module.ts";
import { target } from "../../core/abi/judge.ts";
import type { Arch } from "../../core/arch.ts";
import { ElfError } from "../../core/elf/bytes.ts";
import { parseElf } from "../../core/elf/file.ts";
import { loadImage } from "../../core/elf/load.ts";
import { finding, type Report } from "../../core/findings.ts";
import type { Generation } from "../../core/generation.ts";
import type { Settings } from "../../core/kconfig/dotconfig.ts";
import type { Ports } from "../../ports.ts";
import { readModuleArchive } from "./archive.ts";
import { configFile, readConfig } from "./config.ts";
import { checkKernel } from "./kernel.ts";
import type { Metadata } from "./metadata.ts";
import { judgeClass } from "./module.ts";

/** Everything about a kernel of before kbuild, or its one module, but the checksums and the extensions. */
export async function checkOlder(
  dir: string,
  arch: Arch,
  generation: Generation,
  metadata: Metadata,
  report: Report,
  ports: Ports,
): Promise<void> {
  const config = await checkConfig(dir, generation, report, ports);
  const name = generation.module.object.split("/").at(-1) ?? "";
  if (metadata.scope === "module") {
    await checkFile(join(dir, name), name, arch, metadata, report, ports);
    report.skipped("kernel.release", name, "module-only");
    return;
  }
  await checkKernel(dir, arch, metadata, report, ports);
  if (config?.get(generation.module.symbol) === "y") await checkBuiltIn(dir, report, ports);
  if (config?.get("MODULES") === "y")
    await checkArchive(dir, name, arch, config, generation, metadata, report, ports);
}

async function checkConfig(
  dir: string,
  generation: Generation,
  report: Report,
  ports: Ports,
): Promise<Settings | undefined> {
  const config = await readConfig(dir, report, ports);
  if (!config) return undefined;
  const wanted = [generation.module.symbol, "IP_NF_IPTABLES", "IP_NF_FILTER"];
  const missing = wanted.filter((symbol) => (config.get(symbol) ?? "n") === "n");
  report.judged(
    "config.symbol",
    configFile,
    ...missing.map((symbol) =>
      finding("config.symbol", {
        symbol: `CONFIG_${symbol}`,
        value: config.get(symbol) ?? "n",
        wanted: "y or m",
        why: "target",
      }),
    ),
  );
  return config;
}

/** `struct ipt_target` of the target is a static of its file; System.map names those too. */
async function checkBuiltIn(dir: string, report: Report, ports: Ports): Promise<void> {
  const file = "System.map";
  const map = await ports.files.readText(join(dir, file)).catch(() => "");
  const linked = /^[0-9a-f]+ \w \w*tarpit\w*$/m.test(map);
  report.judged(
    "module.builtin",
    file,
    linked ? undefined : finding("kernel.no-target", { file, symbol: "tarpit" }),
  );
}

async function checkArchive(
  dir: string,
  name: string,
  arch: Arch,
  config: Settings,
  generation: Generation,
  metadata: Metadata,
  report: Report,
  ports: Ports,
): Promise<void> {
  const file = "modules.tar.gz";
  try {
    const archive = await readModuleArchive(join(dir, file), ports, name);
    const wrong = archive.releases.find((release) => release !== metadata.release);
    report.judged(
      "module.release",
      file,
      wrong === undefined
        ? undefined
        : finding("kernel.release", {
            file: `${file}: lib/modules`,
            expected: metadata.release,
            actual: wrong,
          }),
    );
    report.skipped("module.depmod", file, "modutils");
    if (config.get(generation.module.symbol) !== "m") return;
    if (archive.modules.length === 0)
      report.judged(
        "module.present",
        file,
        finding("module.missing", { where: file, module: name }),
      );
    for (const one of archive.modules)
      judgeBytes(one.name, one.bytes ?? Buffer.alloc(0), arch, metadata, report);
  } catch (error) {
    report.judged(
      "module.archive",
      file,
      finding("file.unreadable", { file, reason: (error as Error).message }),
    );
  }
}

async function checkFile(
  path: string,
  name: string,
  arch: Arch,
  metadata: Metadata,
  report: Report,
  ports: Ports,
): Promise<void> {
  if (await ports.files.stat(path))
    judgeBytes(name, await ports.files.readBytes(path), arch, metadata, report);
  else
    report.judged(
      "module.present",
      name,
      finding("module.missing", { where: "the artifact directory", module: name }),
    );
}

function judgeBytes(
  file: string,
  bytes: Buffer,
  arch: Arch,
  metadata: Metadata,
  report: Report,
): void {
  try {
    const elf = parseElf(bytes);
    if (!report.judged("module.class", file, judgeClass(file, elf.header, arch))) return;
    const facts = readOlderModule(elf, loadImage(elf), target.name);
    const judged = judgeOlderModule(file, facts, metadata.release);
    report.judged("module.target", file, ...judged.target);
    report.judged("module.modinfo", file, ...judged.modinfo);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    report.judged("module", file, finding("module.unreadable", { file, reason: error.message }));
  }
}

import { join } from "node:path";
import { describeIdentity, sameIdentity } from "../../core/abi/identity.ts";
import {
  judgeModinfo,
  judgeTargets,
  judgeVermagic,
  target,
  type ModuleExpectation,
} from "../../core/abi/judge.ts";
import { readModule } from "../../core/abi/module.ts";
import type { Arch } from "../../core/arch.ts";
import { ElfError } from "../../core/elf/bytes.ts";
import { elfType, parseElf } from "../../core/elf/file.ts";
import { loadImage } from "../../core/elf/load.ts";
import { finding, type Finding, type Report } from "../../core/findings.ts";
import type { Ports } from "../../ports.ts";
import { readModuleArchive, type FoundModule, type ModuleArchive } from "./archive.ts";

const archiveName = "modules.tar.gz";
const moduleName = "xt_TARPIT.ko";

/** The module of a whole kernel: in modules.tar.gz, or no module because it is built in. */
export async function checkArchive(
  dir: string,
  arch: Arch,
  expected: ModuleExpectation,
  report: Report,
  ports: Ports,
): Promise<void> {
  if ((await ports.files.stat(join(dir, archiveName))) === undefined) {
    report.judged("present", archiveName, finding("file.missing", { file: archiveName }));
    return;
  }
  let archive: ModuleArchive;
  try {
    archive = await readModuleArchive(join(dir, archiveName), ports);
  } catch (error) {
    report.judged(
      "module.archive",
      archiveName,
      finding("file.unreadable", { file: archiveName, reason: (error as Error).message }),
    );
    return;
  }
  const wrong = archive.releases.find((release) => release !== expected.release);
  report.judged(
    "module.release",
    archiveName,
    wrong === undefined
      ? undefined
      : finding("kernel.release", {
          file: `${archiveName}: lib/modules`,
          expected: expected.release,
          actual: wrong,
        }),
  );
  if (isBuiltIn(expected)) await checkBuiltIn(dir, archive, expected, report, ports);
  else checkModules(archive, arch, expected, report);
}

/** The one module is built in when either family asks for that; a kernel's config says so best itself. */
function isBuiltIn({ config }: ModuleExpectation): boolean {
  const hidden = config?.get("NETFILTER_XT_TARGET_TARPIT");
  if (hidden !== undefined) return hidden === "y";
  return ["IP_NF_TARGET_TARPIT", "IP6_NF_TARGET_TARPIT"].some(
    (symbol) => config?.get(symbol) === "y",
  );
}

function checkModules(
  archive: ModuleArchive,
  arch: Arch,
  expected: ModuleExpectation,
  report: Report,
): void {
  if (archive.modules.length === 0) {
    report.judged("module.present", archiveName, finding("module.missing", { where: archiveName }));
    return;
  }
  for (const one of archive.modules) {
    checkFound(one, arch, expected, report);
    const path = one.name.replace(/^lib\/modules\/[^/]+\//, "");
    const known = archive.dep?.split("\n").some((line) => line.startsWith(`${path}:`));
    const file = `${archiveName}: modules.dep`;
    report.judged(
      "module.depmod",
      file,
      known === true ? undefined : finding("module.depmod", { file, module: path }),
    );
  }
}

function checkFound(
  one: FoundModule,
  arch: Arch,
  expected: ModuleExpectation,
  report: Report,
): void {
  if (one.bytes) judgeModuleBytes(one.name, one.bytes, arch, expected, report);
  else
    report.judged(
      "module",
      one.name,
      finding("module.packed", { file: one.name, format: one.packed ?? "" }),
    );
}

async function checkBuiltIn(
  dir: string,
  archive: ModuleArchive,
  { config }: ModuleExpectation,
  report: Report,
  ports: Ports,
): Promise<void> {
  const named = archive.builtin?.includes("/xt_TARPIT.ko") ?? false;
  const map = await ports.files.readText(join(dir, "System.map")).catch(() => "");
  const symbol = "tarpit_tg_reg";
  const linked = new RegExp(`^[0-9a-f]+ \\w ${symbol}$`, "m").test(map);
  report.judged(
    "module.builtin",
    "System.map",
    linked ? undefined : finding("kernel.no-target", { file: "System.map", symbol }),
  );
  // Without MODULES there is no modules_install that would bring the list along.
  if (config !== undefined && config.get("MODULES") !== "y") return;
  const file = `${archiveName}: modules.builtin`;
  report.judged(
    "module.builtin",
    file,
    named ? undefined : finding("kernel.no-target", { file, symbol: moduleName }),
  );
}

/** The lone module of `--scope module`. */
export async function checkLoneModule(
  dir: string,
  arch: Arch,
  expected: ModuleExpectation,
  report: Report,
  ports: Ports,
): Promise<void> {
  const path = join(dir, moduleName);
  if ((await ports.files.stat(path)) === undefined) {
    report.judged(
      "module.present",
      moduleName,
      finding("module.missing", { where: "the artifact directory" }),
    );
    return;
  }
  judgeModuleBytes(moduleName, await ports.files.readBytes(path), arch, expected, report);
}

export function judgeModuleBytes(
  file: string,
  bytes: Buffer,
  arch: Arch,
  expected: ModuleExpectation,
  report: Report,
): void {
  try {
    const elf = parseElf(bytes);
    const wrong = judgeClass(file, elf.header, arch);
    if (!report.judged("module.class", file, wrong)) return;
    const facts = readModule(elf, loadImage(elf), target.name);
    report.judged("module.target", file, ...judgeTargets(file, facts, expected));
    report.judged("module.modinfo", file, ...judgeModinfo(file, facts, expected));
    report.judged("module.vermagic", file, ...judgeVermagic(file, facts.vermagic, expected));
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    report.judged("module", file, finding("module.unreadable", { file, reason: error.message }));
  }
}

export function judgeClass(
  file: string,
  header: Parameters<typeof sameIdentity>[0],
  arch: Arch,
): Finding | undefined {
  const expected = describeIdentity(arch.elf);
  if (!sameIdentity(header, arch.elf))
    return finding("module.class", { file, expected, actual: describeIdentity(header) });
  if (header.type === elfType.relocatable) return undefined;
  return finding("module.class", {
    file,
    expected,
    actual: `${describeIdentity(header)}, but no module`,
  });
}

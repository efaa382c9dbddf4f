import { join } from "node:path";
import type { Abi } from "../core/arch.ts";
import { environment, failure, type TarpitError } from "../core/errors.ts";
import {
  abiCompiler,
  extensionCommand,
  extensionHeaderPackage,
  extensionHeaders,
  extensionNames,
  extensionSource,
} from "../core/extension.ts";
import type { Command, Ports } from "../ports.ts";
import { withScratch } from "./scratch.ts";

export interface ExtensionResult {
  readonly abi: string;
  /** Below outDir: `sparc64/libipt_TARPIT.so`, `sparc64/libxt_TARPIT.so`; one build, two names. */
  readonly files: readonly string[];
  readonly sha256: string;
  readonly command: Command;
  readonly durationMs: number;
}

interface Target {
  readonly outDir: string;
  readonly archName: string;
}

/** Where the distribution puts libxtables' headers; first hit wins. */
const headerDirs = ["/usr/include", "/usr/local/include"] as const;

/** Where one of libxtables' headers is on this machine. */
export async function headerPath(name: string, ports: Ports): Promise<string> {
  for (const dir of headerDirs) if (await ports.files.stat(join(dir, name))) return join(dir, name);
  throw environment("extension.headers", {
    what: `${name} is missing (package ${extensionHeaderPackage})`,
    where: headerDirs.join(", "),
    next: "tarpit-kit doctor --install",
    data: { packages: [extensionHeaderPackage] },
  });
}

async function copyHeaders(to: string, ports: Ports): Promise<void> {
  for (const name of extensionHeaders)
    await ports.files.copy(await headerPath(name, ports), join(to, name));
}

async function requireCompilers(
  abis: readonly Abi[],
  archName: string,
  ports: Ports,
): Promise<void> {
  for (const abi of abis) {
    if (await ports.processes.which(abiCompiler(abi))) continue;
    throw environment("extension.compiler", {
      what: `${abiCompiler(abi)} is missing, the compiler of the ${abi.name} extension`,
      where: "PATH",
      next: `tarpit-kit doctor --arch ${archName} --install`,
      data: { packages: abi.packages },
    });
  }
}

/** A compiler without its C library is the machine's trouble; anything else is ours. */
function compileTrouble(abi: Abi, archName: string, stderr: string): TarpitError {
  const evidence = stderr
    .split("\n")
    .filter((line) => line !== "")
    .slice(0, 20);
  const next = `tarpit-kit doctor --arch ${archName} --install`;
  const data = { packages: abi.packages };
  if (/fatal error: .*No such file|cannot find /.test(stderr)) {
    const what = `the C library for ${abi.name} is missing (packages ${abi.packages.join(", ")})`;
    return environment("extension.libc", { what, where: abiCompiler(abi), next, evidence, data });
  }
  const what = `the ${abi.name} extension does not compile`;
  return failure("extension.compile", { what, where: extensionSource, evidence });
}

async function compile(
  abi: Abi,
  work: string,
  target: Target,
  ports: Ports,
): Promise<ExtensionResult> {
  const output = join(work, `${abi.name}.so`);
  const source = join(ports.packageRoot, extensionSource);
  const command = extensionCommand(abi, { source, includeDir: join(work, "include"), output });
  const run = await ports.processes.run(command);
  if (run.code !== 0) throw compileTrouble(abi, target.archName, run.stderr);
  const bytes = await ports.files.readBytes(output);
  const files = extensionNames.map((name) => join(abi.name, name));
  for (const file of files) await ports.files.write(join(target.outDir, file), bytes, 0o644);
  const sha256 = await ports.files.sha256(output);
  return { abi: abi.name, files, sha256, command, durationMs: run.durationMs };
}

/**
 * Compiles the iptables extension for each ABI and writes outDir/ABI/libipt_TARPIT.so
 * and libxt_TARPIT.so. `archName` is for the doctor's command in messages.
 */
export async function buildExtensions(
  abis: readonly Abi[],
  outDir: string,
  ports: Ports,
  archName: string = abis[0]?.name ?? "",
): Promise<readonly ExtensionResult[]> {
  await requireCompilers(abis, archName, ports);
  return withScratch("extension", ports, async (work) => {
    await copyHeaders(join(work, "include"), ports);
    const results: ExtensionResult[] = [];
    for (const abi of abis) results.push(await compile(abi, work, { outDir, archName }, ports));
    return results;
  });
}

import { join, resolve } from "node:path";
import { type Abi } from "../core/arch.ts";
import { badInput, failure } from "../core/errors.ts";
import { abiCompiler } from "../core/extension.ts";
import {
  periodCommand,
  periodDirectory,
  periodName,
  periodSource,
  versionOfDirectory,
  versionOfIptables,
} from "../core/period-extension.ts";
import type { Command, Ports } from "../ports.ts";
import { withScratch } from "./scratch.ts";

/** Names source trees of iptables 1.2 or 1.3, with `:` between them. */
export const periodVariable = "TARPIT_KIT_IPTABLES";

interface IptablesTree {
  readonly dir: string;
  readonly version: string;
}

export interface PeriodExtension {
  readonly abi: string;
  /** Of iptables; no other one loads it. */
  readonly version: string;
  /** Below outDir: `sparc/iptables-1.2.9/libipt_TARPIT.so`. */
  readonly file: string;
  readonly sha256: string;
  readonly command: Command;
}

/** The trees the user names; badInput for one that is none. */
export async function periodTrees(ports: Ports): Promise<readonly IptablesTree[]> {
  const named = (ports.host.env[periodVariable] ?? "").split(":").filter(Boolean);
  const trees: IptablesTree[] = [];
  for (const name of named) {
    const dir = resolve(ports.host.cwd, name);
    const makefile = await ports.files.readText(join(dir, "Makefile")).catch(() => "");
    const version = versionOfIptables(makefile);
    const header = await ports.files.stat(join(dir, "include", "iptables.h"));
    if (version === undefined || header === undefined) throw noTree(dir);
    const twin = trees.find((tree) => tree.version === version);
    if (twin === undefined) trees.push({ dir, version });
    else if (twin.dir !== dir) throw sameVersion(version, [twin.dir, dir]);
  }
  return trees;
}

const noTree = (dir: string): Error =>
  badInput("extension.iptables-tree", {
    what: "this is no source tree of iptables 1.2 or 1.3",
    where: `${dir} (${periodVariable})`,
    next: "name the directory that holds iptables' Makefile and include/iptables.h; iptables 1.4 and later load the extensions that are built anyway",
  });

const sameVersion = (version: string, dirs: readonly string[]): Error =>
  badInput("extension.iptables-twice", {
    what: `two trees are iptables ${version}`,
    where: `${dirs.join(", ")} (${periodVariable})`,
    next: "name one of them",
  });

/** What decides about these extensions, for the key of a build. */
export async function periodIdentity(ports: Ports): Promise<readonly string[]> {
  const trees = await periodTrees(ports);
  if (trees.length === 0) return [];
  const source = await ports.files.sha256(join(ports.packageRoot, periodSource));
  const headers = await Promise.all(
    trees.map(({ dir }) => ports.files.sha256(join(dir, "include", "iptables.h"))),
  );
  return [source, ...trees.map(({ version }, index) => `${version} ${headers[index]}`)];
}

async function compile(
  abi: Abi,
  tree: IptablesTree,
  work: string,
  outDir: string,
  ports: Ports,
): Promise<PeriodExtension> {
  const output = join(work, `${abi.name}-${tree.version}.so`);
  const command = periodCommand(abi, tree.version, {
    source: join(ports.packageRoot, periodSource),
    includeDir: join(tree.dir, "include"),
    output,
  });
  const run = await ports.processes.run(command);
  if (run.code !== 0) {
    throw failure("extension.period", {
      what: `the ${abi.name} extension for iptables ${tree.version} does not compile`,
      where: `${tree.dir}, ${abiCompiler(abi)}`,
      next: "the lines above are the compiler's own words",
      evidence: run.stderr.split("\n").filter(Boolean).slice(0, 20),
    });
  }
  const file = join(abi.name, periodDirectory(tree.version), periodName);
  await ports.files.write(join(outDir, file), await ports.files.readBytes(output), 0o644);
  const sha256 = await ports.files.sha256(output);
  return { abi: abi.name, version: tree.version, file, sha256, command };
}

/**
 * Compiles the extension for each ABI and each iptables 1.2 or 1.3 that TARPIT_KIT_IPTABLES names,
 * to outDir/ABI/iptables-VERSION/libipt_TARPIT.so; nothing when it names none.
 */
export async function buildPeriodExtensions(
  abis: readonly Abi[],
  outDir: string,
  ports: Ports,
): Promise<readonly PeriodExtension[]> {
  const trees = await periodTrees(ports);
  if (trees.length === 0) return [];
  return withScratch("period-extension", ports, async (work) => {
    const results: PeriodExtension[] = [];
    for (const abi of abis)
      for (const tree of trees) results.push(await compile(abi, tree, work, outDir, ports));
    return results;
  });
}

/** The sha256 of each of them in an artifact directory, for its metadata. */
export async function periodSums(
  abis: readonly Abi[],
  dir: string,
  ports: Ports,
): Promise<Record<string, string>> {
  const sums: Record<string, string> = {};
  for (const abi of abis) {
    for (const name of await ports.files.list(join(dir, "extensions", abi.name))) {
      if (versionOfDirectory(name) === undefined) continue;
      const path = join("extensions", abi.name, name, periodName);
      sums[path] = await ports.files.sha256(join(dir, path));
    }
  }
  return sums;
}

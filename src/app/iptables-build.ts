import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import type { Abi } from "../core/arch.ts";
import { environment, failure } from "../core/errors.ts";
import { iptablesCommands, iptablesFiles, iptablesKey } from "../core/prove/iptables.ts";
import type { Ports } from "../ports.ts";
import { downloadIptables, iptablesVersion } from "./prove/iptables-source.ts";

export interface IptablesBuild {
  readonly abi: string;
  readonly version: string;
  /** Holds the files of `iptablesFiles`, by their last name. */
  readonly dir: string;
  readonly cached: boolean;
}

async function compilerVersion(abi: Abi, archName: string, ports: Ports): Promise<string> {
  const program = `${abi.crossPrefix}gcc`;
  const result = await ports.processes.run({ program, args: ["--version"], env: { LC_ALL: "C" } });
  if (result.code === 0) return result.stdout.split("\n")[0] ?? "";
  throw environment("prove.compiler", {
    what: `${program} is missing: it compiles iptables for the ${abi.name} guest`,
    where: "PATH",
    next: `tarpit-kit doctor --arch ${archName} --install`,
    data: { packages: abi.packages },
  });
}

/** One ABI's build, in a directory of its own, then renamed to its place in the cache. */
async function compile(
  abi: Abi,
  source: string,
  work: string,
  place: string,
  ports: Ports,
): Promise<void> {
  const build = join(work, abi.name);
  const install = join(work, `${abi.name}-install`);
  const log = join(work, `${abi.name}.log`);
  await ports.files.mkdir(build);
  for (const command of iptablesCommands(abi, { source, build, install, jobs: ports.host.cpus })) {
    const result = await ports.processes.run(command, { logFile: log, capture: false });
    if (result.code === 0) continue;
    throw failure("prove.iptables-build", {
      what: `iptables does not build for ${abi.name}: ${basename(command.program)} ${command.args[0] ?? ""} failed`,
      where: abi.name,
      evidence: (await ports.files.readText(log)).trimEnd().split("\n").slice(-15),
    });
  }
  const result = join(work, `${abi.name}-result`);
  for (const file of iptablesFiles) {
    const path = await ports.files.realpath(join(install, "usr", file));
    await ports.files.write(join(result, basename(file)), await ports.files.readBytes(path), 0o755);
  }
  // Another run may have been faster; its build is as good.
  if (!(await ports.files.stat(place))) await ports.files.rename(result, place);
}

async function unpack(tarball: string, to: string, ports: Ports): Promise<void> {
  await ports.files.mkdir(to);
  const result = await ports.processes.run({
    program: "tar",
    args: ["-xf", tarball, "-C", to, "--strip-components=1", "--no-same-owner"],
  });
  if (result.code === 0) return;
  throw environment("prove.iptables-unpack", {
    what: "the iptables source cannot be unpacked",
    where: tarball,
    evidence: [result.stderr.trim()],
  });
}

/** A real iptables for each ABI, from Debian's source package; built once, then from the cache. */
export async function buildIptables(
  abis: readonly Abi[],
  archName: string,
  ports: Ports,
): Promise<readonly IptablesBuild[]> {
  const version = await iptablesVersion(ports);
  const home = join(ports.cacheDir, "iptables");
  const wanted: { abi: Abi; build: IptablesBuild }[] = [];
  for (const abi of abis) {
    const parts = iptablesKey(abi, version, await compilerVersion(abi, archName, ports));
    const key = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
    const dir = join(home, `${version}-${abi.name}-${key}`);
    const cached = (await ports.files.stat(dir)) !== undefined;
    wanted.push({ abi, build: { abi: abi.name, version, dir, cached } });
  }
  const missing = wanted.filter(({ build }) => !build.cached);
  if (missing.length > 0) {
    await ports.files.mkdir(home);
    const work = await ports.files.makePrivateDirectory(join(home, ".work-"));
    try {
      ports.log.stage(
        "iptables",
        `${version} for ${missing.map(({ abi }) => abi.name).join(", ")}`,
      );
      const source = join(work, "source");
      await unpack(await downloadIptables(work, version, ports), source, ports);
      for (const { abi, build } of missing) await compile(abi, source, work, build.dir, ports);
    } finally {
      await ports.files.remove(work);
    }
  }
  return wanted.map(({ build }) => build);
}

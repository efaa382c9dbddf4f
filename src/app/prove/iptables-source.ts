import { join } from "node:path";
import { environment } from "../../core/errors.ts";
import { parseAptSources, sourceStanzas, type AptFile } from "../../core/prove/apt.ts";
import type { Command, Ports } from "../../ports.ts";

const binaryPackage = "libxtables-dev";
const sourcePackage = "iptables";

/** A source package, by a binary package of it that the machine knows. */
export interface DebianSource {
  readonly source: string;
  readonly binary: string;
  readonly version: string;
}

/** Version of the iptables source the machine's own headers come from, e.g. `1.8.9-2`. */
export async function iptablesVersion(ports: Ports): Promise<string> {
  const query: Command = {
    program: "dpkg-query",
    args: ["-W", "-f", "${source:Version}", binaryPackage],
    env: { LC_ALL: "C" },
  };
  const result = await ports.processes.run(query);
  if (result.code === 0 && result.stdout.trim() !== "") return result.stdout.trim();
  throw environment("prove.iptables-version", {
    what: `${binaryPackage} is not installed; prove builds the iptables it comes from`,
    where: "dpkg-query",
    next: "tarpit-kit doctor --install",
    data: { packages: [binaryPackage] },
  });
}

async function configuredSources(ports: Ports): Promise<readonly AptFile[]> {
  const parts = await ports.files.list("/etc/apt/sources.list.d");
  const names = [
    "/etc/apt/sources.list",
    ...parts.map((name) => join("/etc/apt/sources.list.d", name)),
  ];
  const files: AptFile[] = [];
  for (const name of names) {
    if (!/\.(list|sources)$/.test(name) || !(await ports.files.stat(name))) continue;
    files.push({ name, text: await ports.files.readText(name) });
  }
  return files;
}

/** Runs one of apt's programs with everything it writes inside `work`; the system's own configuration is only read. */
async function apt(work: string, args: readonly string[], ports: Ports): Promise<boolean> {
  const own = [
    `Dir::Etc::sourcelist=${join(work, "deb-src.sources")}`,
    "Dir::Etc::sourceparts=-",
    `Dir::State::lists=${join(work, "lists")}`,
    `Dir::Cache=${join(work, "cache")}`,
    "Acquire::Languages=none",
    // The directory is private to this user; apt need not try another one.
    "APT::Sandbox::User=root",
  ];
  const options = own.flatMap((option) => ["-o", option]);
  const logFile = join(work, "apt.log");
  const result = await ports.processes.run(
    { program: "apt-get", args: ["-q", ...options, ...args], cwd: work, env: { LC_ALL: "C" } },
    { logFile },
  );
  return result.code === 0;
}

async function aptTrouble(work: string, what: string, ports: Ports) {
  const log = await ports.files.readText(join(work, "apt.log")).catch(() => "");
  return environment("prove.iptables-source", {
    what,
    where: "apt-get",
    next: "look at the lines above; `apt-get update` must work on this machine",
    evidence: log.trim().split("\n").slice(-12),
  });
}

export const downloadIptables = (work: string, version: string, ports: Ports): Promise<string> =>
  downloadSource(work, { source: sourcePackage, binary: binaryPackage, version }, ports);

/**
 * Downloads a source package of Debian's into `work`, verified by apt
 * (InRelease signature, then hashes), and returns the path of the upstream tarball.
 */
export async function downloadSource(
  work: string,
  { source, binary, version }: DebianSource,
  ports: Ports,
): Promise<string> {
  const policy = await ports.processes.run({
    program: "apt-cache",
    args: ["policy", binary],
    env: { LC_ALL: "C" },
  });
  const stanzas = sourceStanzas(parseAptSources(await configuredSources(ports)), policy.stdout);
  if (stanzas === "")
    throw await aptTrouble(work, `no configured apt source offers ${binary}`, ports);
  await ports.files.write(join(work, "deb-src.sources"), stanzas);
  for (const dir of ["lists/partial", "cache/archives/partial"])
    await ports.files.mkdir(join(work, dir));
  if (!(await apt(work, ["update"], ports)))
    throw await aptTrouble(work, "apt cannot read the package lists", ports);
  const download = (what: string) => apt(work, ["source", "--download-only", what], ports);
  // A point release may have replaced the version the headers are from: then the newest will do.
  if (!(await download(`${source}=${version}`)) && !(await download(source))) {
    throw await aptTrouble(work, `apt cannot download the source package ${source}`, ports);
  }
  const tarball = (await ports.files.list(work)).find((name) =>
    /\.orig\.tar\.[a-z0-9]+$/.test(name),
  );
  if (tarball) return join(work, tarball);
  throw await aptTrouble(work, `the source package ${source} holds no upstream tarball`, ports);
}

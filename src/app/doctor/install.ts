import { environment, type TarpitError } from "../../core/errors.ts";
import { installCommand } from "../../core/requirements.ts";
import type { Command, Ports, RunResult } from "../../ports.ts";

const lists = "/var/lib/apt/lists";

/** Installs Debian packages with apt-get(8), or says exactly what keeps us from it. */
export async function installPackages(packages: readonly string[], ports: Ports): Promise<void> {
  const command = installCommand(packages);
  if ((await ports.processes.which("apt-get")) === undefined) throw noApt(packages);
  if (!ports.host.isRoot) throw notRoot(command);
  const fresh = !(await hasLists(ports));
  if (fresh) await update(ports);
  let result = await install(packages, ports);
  // Lists older than the archive name files that are gone: fetch them once more.
  if (result.code !== 0 && !fresh) {
    await update(ports);
    result = await install(packages, ports);
  }
  if (result.code !== 0) throw refused("doctor.install", command, result);
}

/** Images for containers come with the lists taken out. */
async function hasLists(ports: Ports): Promise<boolean> {
  const names = await ports.files.list(lists);
  return names.some((name) => /_(Packages(\.\w+)?|InRelease|Release)$/.test(name));
}

async function update(ports: Ports): Promise<void> {
  ports.log.stage("install", "apt-get update");
  const result = await apt(["update"], ports);
  if (result.code !== 0) throw refused("doctor.update", "apt-get update", result);
}

async function install(packages: readonly string[], ports: Ports): Promise<RunResult> {
  ports.log.stage("install", packages.join(" "));
  const count = new InstallCount();
  return apt(["install", "-y", "--no-install-recommends", ...packages], ports, (line) => {
    const step = count.line(line);
    if (step) ports.log.progress({ stage: "install", unit: "cases", ...step });
  });
}

function apt(
  args: readonly string[],
  ports: Ports,
  onLine?: (line: string) => void,
): Promise<RunResult> {
  const command: Command = {
    program: "apt-get",
    args,
    env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
  };
  return ports.processes.run(command, {
    onLine: (line) => {
      ports.log.detail(line);
      onLine?.(line);
    },
  });
}

/** apt-get says how many packages are to come, then unpacks and sets up each. */
class InstallCount {
  #total: number | undefined;
  #done = 0;
  line(text: string): { done: number; total?: number; item?: string } | undefined {
    const coming = /^(\d+) upgraded, (\d+) newly installed/.exec(text);
    if (coming) this.#total = 2 * (Number(coming[1]) + Number(coming[2]));
    const step = /^(?:Unpacking|Setting up) (\S+)/.exec(text);
    if (!step) return undefined;
    this.#done += 1;
    const item = step[1] ?? "";
    return { done: this.#done, item, ...(this.#total === undefined ? {} : { total: this.#total }) };
  }
}

const noApt = (packages: readonly string[]): TarpitError =>
  environment("doctor.no-apt", {
    what: "this machine has no apt to install with",
    where: "PATH",
    next: `install what these Debian packages hold: ${packages.join(" ")}`,
    data: { packages },
  });

const notRoot = (command: string): TarpitError =>
  environment("doctor.root", {
    what: "only root can install packages",
    next: `sudo ${command}`,
    data: { command },
  });

const refused = (code: string, command: string, result: RunResult): TarpitError =>
  environment(code, {
    what: `${command.split(" ").slice(0, 2).join(" ")} failed`,
    where: `exit code ${result.code}`,
    next: `run it yourself and see: ${command}`,
    evidence: result.stderr.trim().split("\n").slice(-10),
  });

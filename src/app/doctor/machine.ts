import { dirname } from "node:path";
import { finding, type Finding } from "../../core/findings.ts";
import type { Ports } from "../../ports.ts";

/** An unpacked tree is 1.5 GB, ours is a second one, objects and artifacts 0.4 GB, the archive 0.2 GB [measured, 6.1]. */
const diskMiB = 4096;
/** Linking vmlinux and two compilers side by side. */
const memoryMiB = 1024;
const nodeMajor = 20;

/** What slows or ends a build and no package brings. */
export async function judgeMachine(ports: Ports, nodeVersion: string): Promise<readonly Finding[]> {
  const all = [judgeNode(nodeVersion), await judgeDisk(ports), await judgeMemory(ports)];
  return all.flatMap((one) => one ?? []);
}

function judgeNode(version: string): Finding | undefined {
  if (Number(/^v?(\d+)/.exec(version)?.[1]) >= nodeMajor) return undefined;
  return finding("host.node", { version, wanted: `${nodeMajor}` });
}

/** df -Pk, whose form POSIX fixes: size, used, available in KiB, in one line. */
async function judgeDisk(ports: Ports): Promise<Finding | undefined> {
  const path = await nearestDirectory(ports.cacheDir, ports);
  const { stdout } = await ports.processes.run({
    program: "df",
    args: ["-Pk", path],
    env: { LC_ALL: "C" },
  });
  const free = /\s\d+\s+\d+\s+(\d+)\s+\d+%\s/.exec(stdout.split("\n")[1] ?? "")?.[1];
  if (free === undefined)
    return finding("host.unchecked", {
      what: `free space at ${path}`,
      reason: "df gave no number",
    });
  const freeMiB = Math.floor(Number(free) / 1024);
  return freeMiB < diskMiB
    ? finding("host.disk", { path, freeMiB, wantedMiB: diskMiB })
    : undefined;
}

async function nearestDirectory(path: string, ports: Ports): Promise<string> {
  let at = path;
  while (at !== dirname(at) && (await ports.files.stat(at)) === undefined) at = dirname(at);
  return at;
}

async function judgeMemory(ports: Ports): Promise<Finding | undefined> {
  const text = await ports.files.readText("/proc/meminfo").catch(() => "");
  const total = /^MemTotal:\s+(\d+) kB$/m.exec(text)?.[1];
  if (total === undefined)
    return finding("host.unchecked", { what: "memory", reason: "/proc/meminfo cannot be read" });
  const totalMiB = Math.floor(Number(total) / 1024);
  return totalMiB < memoryMiB
    ? finding("host.memory", { totalMiB, wantedMiB: memoryMiB })
    : undefined;
}

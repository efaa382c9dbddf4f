import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { buildIptables } from "../../src/app/iptables-build.ts";
import { openArtifacts, type ProvableArtifacts } from "../../src/app/prove/artifacts.ts";
import { Guest } from "../../src/app/prove/guest.ts";
import { makeInitramfs } from "../../src/app/prove/initramfs.ts";
import { loadArch } from "../../src/app/data.ts";
import { cpioArchive, type CpioEntry } from "../../src/core/cpio.ts";
import { qemuCommand } from "../../src/core/prove/qemu.ts";
import type { Ports } from "../../src/ports.ts";
import { root } from "./artifacts.ts";
import { tool } from "./cli.ts";
import { busybox, busyboxLinks } from "./guest-busybox.ts";

/**
 * Guests that record facts of a sparc64 machine: the kernel and iptables of `prove`, and a busybox of
 * Debian's source for its shell and its utilities, which is what the probe runs on.
 */
const program = "busybox";

const file = (path: string, data: Buffer | string, mode = 0o644): CpioEntry => ({
  kind: "file",
  path,
  data: Buffer.from(data),
  mode,
});

/** What a machine has and `prove` leaves out: the modules where modprobe looks, the configuration, a shell. */
async function machineEntries(
  artifacts: ProvableArtifacts,
  work: string,
  ports: Ports,
): Promise<CpioEntry[]> {
  const tree = join(work, "tree");
  mkdirSync(tree, { recursive: true });
  tool("tar", ["-xzf", artifacts.modules, "-C", tree, "--no-same-owner"]);
  const [release = ""] = readdirSync(join(tree, "lib/modules"));
  const modules = readdirSync(join(tree, "lib/modules", release), {
    recursive: true,
    withFileTypes: true,
  }).filter((entry) => entry.isFile());
  return [
    file(`bin/${program}`, await busybox(ports, { width: "sparc64", old: false }), 0o755),
    ...busyboxLinks
      .split(" ")
      .map((name): CpioEntry => ({ kind: "symlink", path: `bin/${name}`, target: program })),
    ...modules.map(({ parentPath, name }) =>
      file(join(parentPath, name).slice(tree.length + 1), readFileSync(join(parentPath, name))),
    ),
    file(`boot/config-${release}`, readFileSync(join(artifacts.dir, "config"))),
    file("etc/os-release", 'PRETTY_NAME="a guest of the tests"\n'),
    file("facts/modules.dep", readFileSync(join(tree, "lib/modules", release, "modules.dep"))),
    file("facts/probe.sh", readFileSync(join(root, "data/probe/probe.sh"))),
    file("facts/scenario.sh", readFileSync(join(root, "test/guest/facts.sh"))),
    file("facts/stale.so", staleExtension(work)),
  ];
}

/** An extension as iptables 1.3 had it, for the 32-bit userland: it sends no data. */
function staleExtension(work: string): Buffer {
  const to = join(work, "stale.so");
  const source = join(root, "test/fixtures/elf/old-extension.c");
  const flags = ["-m32", "-shared", "-fPIC", "-nostdlib", "-DSIZE=0"];
  execFileSync("sparc64-linux-gnu-gcc", [...flags, "-o", to, source], { stdio: "inherit" });
  return readFileSync(to);
}

export interface Scenario {
  readonly name: string;
  readonly abi: "sparc64" | "sparc";
}

const most = 4 * 60_000;

/** Boots the artifacts once and records each scenario; a guest that stalls or garbles is booted again. */
export async function recordFacts(
  dir: string,
  scenarios: readonly Scenario[],
  work: string,
  ports: Ports,
): Promise<ReadonlyMap<string, string>> {
  mkdirSync(work, { recursive: true });
  const artifacts = await openArtifacts(dir, ports);
  // Of both widths, whatever the kernel was built for: that is what is tried.
  const { abis } = await loadArch("sparc64", ports);
  const iptables = await buildIptables(abis, "sparc64", ports);
  const both = { ...artifacts, abis };
  const initramfs = await makeInitramfs(both, iptables, work, ports);
  // The kernel unpacks one archive behind the other.
  appendFileSync(
    initramfs,
    gzipSync(cpioArchive(await machineEntries(artifacts, work, ports)), { level: 1 }),
  );
  const found = new Map<string, string>();
  for (let left = 3; ; left -= 1) {
    try {
      await inGuest(artifacts, initramfs, scenarios, found, work, ports);
      return found;
    } catch (error) {
      if (left === 0) throw error;
      process.stderr.write(`booting again: ${String((error as Error).message).slice(0, 200)}\n`);
    }
  }
}

async function inGuest(
  artifacts: ProvableArtifacts,
  initramfs: string,
  scenarios: readonly Scenario[],
  found: Map<string, string>,
  work: string,
  ports: Ports,
): Promise<void> {
  const command = qemuCommand(artifacts.machine, {
    role: "target",
    kernel: artifacts.image,
    initramfs,
    directory: work,
  });
  const guest = new Guest("target", command, join(work, "console.log"), most, ports);
  try {
    await guest.ready();
    await guest.must("up", "lo");
    for (const { name, abi } of scenarios) {
      const id = `${name}-${abi}`;
      if (found.has(id)) continue;
      const run = ["run", "LC_ALL=C", "/bin/busybox", "sh", "/facts/scenario.sh", name, abi];
      const [answer] = await guest.batch([run], 120_000);
      if (answer === undefined) throw new Error(`${id}: no answer`);
      const text = answer.text("out");
      if (answer.number("rc") !== 0) throw new Error(`${id}: ${text}${answer.text("err")}`);
      found.set(id, gunzipSync(Buffer.from(text, "base64")).toString("utf8"));
    }
    await guest.powerOff();
  } finally {
    await guest.stop();
  }
}

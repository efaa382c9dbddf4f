import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { openArtifacts, type ProvableArtifacts } from "../../src/app/prove/artifacts.ts";
import { qemuCommand } from "../../src/core/prove/qemu.ts";
import type { Ports } from "../../src/ports.ts";
import { root } from "./artifacts.ts";
import { tool } from "./cli.ts";
import { busybox, initLinks, oldKernelProgram, type Width } from "./guest-busybox.ts";

/**
 * A guest with Linux 2.4 that records facts: PID 1 is busybox's shell with test/guest/facts-2.4.sh, on a C
 * library that asks the kernel as those of its time did (test/guest/old-kernel.c).
 */
export interface OldScenario {
  readonly name: string;
  readonly width: Width;
  /** The directory of `iptables` that it runs with; none when there is none. */
  readonly iptables: string;
}

/** Where `iptables` and `iptables-save` are that run on 2.4, in a directory for each kind. */
const iptablesVariable = "TARPIT_KIT_IPTABLES_2_4";
export const oldIptables = process.env[iptablesVariable] ?? "";

const executable = (path: string, data: Buffer | string): void =>
  writeFileSync(path, data, { mode: 0o755 });

async function makeDisk(
  artifacts: ProvableArtifacts,
  scenarios: readonly OldScenario[],
  work: string,
  ports: Ports,
): Promise<string> {
  const disk = join(work, "disk");
  for (const name of ["bin", "dev", "facts/extensions", "facts/iptables", "lib", "proc", "tmp"])
    mkdirSync(join(disk, name), { recursive: true });
  for (const width of ["sparc64", "sparc"] as const)
    executable(join(disk, `bin/busybox-${width}`), await busybox(ports, { width, old: true }));
  symlinkSync("busybox-sparc64", join(disk, "bin/busybox"));
  for (const name of initLinks.split(" ")) symlinkSync("busybox", join(disk, "bin", name));
  const loader = join(root, "test/guest/insmod-2.4.c");
  executable(join(disk, "bin/insmod"), oldKernelProgram(loader, "sparc64", work));
  executable(join(disk, "init"), readFileSync(join(root, "test/guest/facts-2.4.sh")));
  copyFileSync(join(root, "data/probe/probe.sh"), join(disk, "facts/probe.sh"));
  copyFileSync(join(artifacts.dir, "config"), join(disk, "facts/config"));
  const lines = scenarios.map((one) => `${one.name} ${one.width} ${one.iptables}\n`);
  writeFileSync(join(disk, "facts/scenarios"), lines.join(""));
  putModule(artifacts, disk, work);
  putIptables(artifacts, scenarios, disk);
  return imageOf(disk, work);
}

function putModule(artifacts: ProvableArtifacts, disk: string, work: string): void {
  const tree = join(work, "modules");
  mkdirSync(tree);
  tool("tar", ["-xzf", artifacts.modules, "-C", tree, "--no-same-owner"]);
  const found = readdirSync(tree, { recursive: true, encoding: "utf8" });
  const file = found.find((name) => name.endsWith("/ipt_TARPIT.o"));
  if (file !== undefined) copyFileSync(join(tree, file), join(disk, "facts/ipt_TARPIT.o"));
}

/** The iptables that were given, and the extensions that the build made for iptables of that age. */
function putIptables(
  artifacts: ProvableArtifacts,
  scenarios: readonly OldScenario[],
  disk: string,
): void {
  if (oldIptables === "") return;
  for (const kind of new Set(scenarios.map((one) => one.iptables))) {
    mkdirSync(join(disk, "facts/iptables", kind));
    for (const name of ["iptables", "iptables-save"])
      executable(
        join(disk, "facts/iptables", kind, name),
        readFileSync(join(oldIptables, kind, name)),
      );
  }
  for (const width of ["sparc64", "sparc"]) {
    const from = join(artifacts.dir, "extensions", width);
    mkdirSync(join(disk, "facts/extensions", width));
    for (const version of existsSync(from) ? readdirSync(from) : [])
      copyFileSync(
        join(from, version, "libipt_TARPIT.so"),
        join(disk, "facts/extensions", width, `${version}.so`),
      );
  }
}

/** KiB of the RAM disk, and how many bytes it may be packed: what lies behind it the kernel needs below 12 MiB. */
const size = 16_384;
const largest = 4_400_000;

/** An ext2 image, packed: a RAM disk of this size the kernel takes no other way. */
function imageOf(disk: string, work: string): string {
  const image = join(work, "disk.img");
  const env = { PATH: `${process.env["PATH"] ?? ""}:/sbin:/usr/sbin` };
  const options = ["-q", "-F", "-t", "ext2", "-O", "none", "-I", "128", "-b", "1024", "-N", "512"];
  tool("mke2fs", [...options, "-d", disk, image, String(size)], { env });
  const script = join(work, "debugfs.txt");
  writeFileSync(script, "cd /dev\nmknod console c 5 1\nmknod null c 1 3\n");
  tool("debugfs", ["-w", "-f", script, image], { env });
  const packed = gzipSync(readFileSync(image));
  if (packed.length > largest) throw new Error(`the packed disk has ${packed.length} bytes`);
  writeFileSync(`${image}.gz`, packed);
  return `${image}.gz`;
}

/** For all scenarios together. */
const timeoutMs = 5 * 60_000;

/** Boots the artifacts once and records each scenario, by `NAME-2.4-WIDTH`. */
export async function recordOldFacts(
  dir: string,
  scenarios: readonly OldScenario[],
  work: string,
  ports: Ports,
): Promise<ReadonlyMap<string, string>> {
  mkdirSync(work, { recursive: true });
  const artifacts = await openArtifacts(dir, ports);
  const initramfs = await makeDisk(artifacts, scenarios, work, ports);
  const command = qemuCommand(artifacts.machine, {
    role: "target",
    kernel: artifacts.image,
    initramfs,
    directory: work,
  });
  const args = command.args.map((one) =>
    one.startsWith("console=") ? `${one} ramdisk_size=${size}` : one,
  );
  const console = new Console();
  const session = ports.processes.start(
    { ...command, args },
    { onLine: (line) => console.line(line), capture: false, logFile: join(work, "log"), timeoutMs },
  );
  try {
    await Promise.race([console.done, session.finished]);
  } finally {
    await session.stop();
  }
  if (console.trouble.length > 0) throw new Error(console.trouble.join("\n"));
  return console.found;
}

/** What the script of PID 1 prints. */
class Console {
  readonly found = new Map<string, string>();
  readonly trouble: string[] = [];
  readonly done: Promise<void>;
  #finish: () => void = () => undefined;
  #name: string | undefined;
  #packed = "";
  #said: string[] = [];

  constructor() {
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  line(raw: string): void {
    const [mark, word, name] = raw.trim().split(" ");
    if (mark === "@said") this.#said.push(raw.trim());
    else if (mark === "@probe") this.trouble.push(raw.trim());
    else if (mark !== "@facts") this.#packed += this.#name === undefined ? "" : raw.trim();
    else if (word === "begin") [this.#name, this.#packed] = [name, ""];
    else if (word === "end") this.#end();
    else if (word === "failed") this.#said.push("@facts failed");
    else if (word === "done") this.#finish();
  }

  #end(): void {
    const name = this.#name ?? "?";
    if (this.#said.includes("@facts failed"))
      this.trouble.push(`${name}: ${this.#said.join("\n")}`);
    this.found.set(name, gunzipSync(Buffer.from(this.#packed, "base64")).toString("utf8"));
    [this.#name, this.#said] = [undefined, []];
  }
}

import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { buildIptables } from "../../src/app/iptables-build.ts";
import type { ProvableArtifacts } from "../../src/app/prove/artifacts.ts";
import { Guest } from "../../src/app/prove/guest.ts";
import { makeInitramfs } from "../../src/app/prove/initramfs.ts";
import { mustRule } from "../../src/app/prove/lab.ts";
import { cpioArchive, type CpioEntry } from "../../src/core/cpio.ts";
import type { Abi } from "../../src/core/arch.ts";
import type { Command } from "../../src/core/command.ts";
import type { Family } from "../../src/core/prove/types.ts";
import type { Ports } from "../../src/ports.ts";
import { fileEntry, nativeEntry } from "./lab-guest.ts";

/**
 * What a reply costs, in guest instructions: DROP, the stock TARPIT and ours, in turn, in one guest.
 * Frames come out of a namespace; replies are routed into a dummy device, which counts them.
 */
export interface CostKernel {
  /** What boots, with our extension; of one width. */
  readonly artifacts: ProvableArtifacts;
  /** Asked for by name once the guest is up. */
  readonly modules: readonly string[];
  readonly stock: Buffer | undefined;
}

export interface Cost {
  readonly round: number;
  readonly target: string;
  readonly family: Family;
  readonly kind: string;
  readonly instructions: number;
  readonly count: number;
  readonly replies: number;
}

export interface Costs {
  readonly costs: readonly Cost[];
  /** Nanoseconds of the guest's clock for an instruction. */
  readonly scale: number;
}

export interface Settings {
  readonly frames: number;
  readonly rounds: number;
  /** With a connection tracker. */
  readonly conntrack: boolean;
  /** Behind the kernel's command line. */
  readonly append: string;
}

const flows = 256;
const port = "80";
const gateway = "02:00:00:00:01:01";
const namespace = "/run/source";
const families: readonly (readonly [Family, string, string])[] = [
  ["ipv4", "10.78.0.1", "10.77.0.1"],
  ["ipv6", "fd78::1", "fd77::1"],
];
const ourFile = "/modules/kernel/net/netfilter/xt_TARPIT.ko";
const stockFile = "stock.ko";
const longest = 10 * 60_000;

/**
 * One nanosecond of guest time an instruction, one processor. sun4u's counter goes by tens of them, and
 * its kernel runs through its idle time, which is what waiting costs there; x86_64 skips it. That model
 * is pinned: with ERMS one string instruction copies any number of bytes.
 */
function countingCommand(
  { machine, arch, image }: ProvableArtifacts,
  initramfs: string,
  append: string,
): Command {
  return {
    program: machine.program,
    args: [
      ...machine.args,
      ...["-icount", "shift=0,sleep=off", "-accel", "tcg,thread=single", "-smp", "1"],
      ...(arch.name === "x86_64" ? ["-cpu", "max,-erms,-fsrm"] : []),
      ...["-m", String(machine.memoryMiB), "-nographic", "-monitor", "none", "-serial", "stdio"],
      ...["-nic", "none", "-no-reboot", "-kernel", image, "-initrd", initramfs],
      ...["-append", `console=${machine.console} panic=-1 quiet ${append}`],
    ],
  };
}

async function pack(kernel: CostKernel, work: string, ports: Ports): Promise<string> {
  mkdirSync(work, { recursive: true });
  const { artifacts } = kernel;
  const { abis, arch } = artifacts;
  const iptables = await buildIptables(abis, arch.name, ports);
  const initramfs = await makeInitramfs(artifacts, iptables, work, ports);
  const entries: CpioEntry[] = [
    ...["cost", "flood"].map((name) => nativeEntry(name, work, `${arch.crossPrefix}gcc`)),
    ...(kernel.stock ? [fileEntry(stockFile, kernel.stock)] : []),
  ];
  // The kernel unpacks one archive behind the other.
  appendFileSync(initramfs, gzipSync(cpioArchive(entries), { level: 1 }));
  return initramfs;
}

/** The guest that is measured. */
class Bench {
  readonly #guest: Guest;
  readonly #abi: Abi;
  readonly costs: Cost[] = [];

  constructor(guest: Guest, abi: Abi) {
    this.#guest = guest;
    this.#abi = abi;
  }

  /** A program's exit code and output. */
  async #run(...command: readonly string[]): Promise<{ code: number; out: string; err: string }> {
    const [answer] = await this.#guest.batch([["run", ...command]], longest);
    return {
      code: answer?.number("rc") ?? -1,
      out: answer?.text("out") ?? "",
      err: answer?.text("err") ?? "",
    };
  }

  async #need(...command: readonly string[]): Promise<string> {
    const { code, out, err } = await this.#run(...command);
    if (code !== 0) throw new Error(`${command.join(" ")}: ${code} ${out}${err}`);
    return out;
  }

  async prepare(modules: readonly string[]): Promise<void> {
    const must = (...words: readonly string[]) => this.#guest.must(...words);
    const sysctl = (name: string, value: number) =>
      must("write", `/proc/sys/net/${name}`, `${value}`);
    for (const name of modules) await this.#need("/sbin/modprobe", name);
    for (const key of ["all", "default"]) {
      await sysctl(`ipv6/conf/${key}/accept_dad`, 0);
      await sysctl(`ipv4/conf/${key}/rp_filter`, 0);
    }
    await must("up", "lo");
    await this.#need("/usr/bin/cost", "cable", "t0", "p0", gateway, namespace);
    await must("addr", "t0", "10.77.0.1", "24");
    await must("addr", "t0", "fd77::1", "64");
    await must("up", "t0");
    // No address, so that nothing but replies leaves by it.
    await sysctl("ipv6/conf/dummy0/addr_gen_mode", 1);
    await must("up", "dummy0");
    await must("route", "10.78.0.0", "16", "-", "dummy0");
    await must("route", "fd78::", "64", "-", "dummy0");
  }

  /** How long the guest's clock takes for instructions that were counted beforehand. */
  async scale(): Promise<number> {
    const instructions = 60_000_000;
    return Number(await this.#need("/usr/bin/cost", "loop", String(instructions))) / instructions;
  }

  async #replies(): Promise<number> {
    const counter = "/sys/class/net/dummy0/statistics/tx_packets";
    return Number((await this.#guest.must("read", counter)).text("line"));
  }

  /** One flood, timed from its first to its last frame. */
  async #flood(
    kind: string,
    [, source, target]: (typeof families)[number],
    count: number,
  ): Promise<Pick<Cost, "instructions" | "count" | "replies">> {
    const words = [kind, namespace, "p0", gateway, "dummy0", source, target, port];
    const flood = (frames: number) =>
      this.#need("/usr/bin/flood", ...words, String(frames), String(flows));
    await flood(2 * flows); // routes, caches
    const before = await this.#replies();
    const [took = 0, handshakes = 0] = (await flood(count)).split(" ").map(Number);
    const replies = (await this.#replies()) - before - handshakes;
    return { instructions: took / count, count, replies };
  }

  async #everyFamily(...rule: readonly string[]): Promise<void> {
    for (const [family] of families) await mustRule(this.#guest, this.#abi, family, rule);
  }

  async trackConnections(): Promise<void> {
    for (const name of ["nf_conntrack", "xt_conntrack"]) await this.#need("/sbin/modprobe", name);
    await this.#everyFamily("-A", "OUTPUT", "-m", "conntrack", "--ctstate", "NEW");
  }

  async #rules(target: string): Promise<void> {
    await this.#everyFamily("-F", "INPUT");
    await this.#everyFamily("-A", "INPUT", "-p", "tcp", "--dport", port, "-j", target);
  }

  async #unload(): Promise<void> {
    await this.#everyFamily("-F", "INPUT");
    for (let left = 100; ; left -= 1) {
      const { code, err } = await this.#run("/usr/bin/cost", "rmmod", "xt_TARPIT");
      if (code === 0) return;
      if (left === 0) throw new Error(`xt_TARPIT does not go: ${err}`);
      await this.#guest.must("sleep", "100");
    }
  }

  /** The order is the same in every round; the clock does not care who else is busy. */
  async round(round: number, frames: number, stock: boolean): Promise<void> {
    const counts = { syn: frames, probe: frames, large: Math.floor(frames / 8) };
    const floods = async (target: string, of = families): Promise<void> => {
      for (const family of of)
        for (const [kind, count] of Object.entries(counts)) {
          const measured = await this.#flood(kind, family, count);
          this.costs.push({ round, target, family: family[0], kind, ...measured });
        }
    };
    const loaded = async (name: string, file: string, options = "", of = families) => {
      await this.#need("/usr/bin/cost", "insmod", file, options);
      await this.#rules("TARPIT");
      await floods(name, of);
      await this.#unload();
    };
    await this.#rules("DROP");
    await floods("DROP");
    // It has never answered IPv6 in this mode.
    if (stock) await loaded("stock", `/${stockFile}`, "", families.slice(0, 1));
    // The highest ceiling.
    await loaded("ours", ourFile, "reply_rate=1000000");
    await loaded("ours, peers=0", ourFile, "reply_rate=1000000 peers=0");
  }
}

/** Boots the kernel and measures. */
export async function measureCosts(
  kernel: CostKernel,
  settings: Settings,
  work: string,
  ports: Ports,
): Promise<Costs> {
  const initramfs = await pack(kernel, work, ports);
  const command = countingCommand(kernel.artifacts, initramfs, settings.append);
  const guest = new Guest("cost", command, join(work, "console.log"), 30 * 60_000, ports);
  const bench = new Bench(guest, kernel.artifacts.abis[0] as Abi);
  try {
    await guest.ready();
    await bench.prepare(kernel.modules);
    const scale = await bench.scale();
    if (settings.conntrack) await bench.trackConnections();
    for (let round = 0; round < settings.rounds; round += 1)
      await bench.round(round, settings.frames, kernel.stock !== undefined);
    await guest.powerOff();
    return { costs: bench.costs, scale };
  } finally {
    await guest.stop();
  }
}

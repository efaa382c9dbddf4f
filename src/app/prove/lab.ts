import type { Abi } from "../../core/arch.ts";
import { programOf } from "../../core/prove/rule-cases.ts";
import { addresses, networks } from "../../core/prove/scenarios.ts";
import type { Family, ProveCase } from "../../core/prove/types.ts";
import { failure } from "../../core/errors.ts";
import type { ProvableArtifacts } from "./artifacts.ts";
import type { Guest } from "./guest.ts";
import { guestDir } from "./initramfs.ts";

/** The two guests, and what has been found so far. */
export interface Lab {
  readonly artifacts: ProvableArtifacts;
  readonly families: readonly Family[];
  readonly target: Guest;
  readonly peer: Guest;
  readonly results: ProveCase[];
  /** Everything the kernels have logged, as far as it was read. */
  readonly log: { readonly target: string[]; readonly peer: string[] };
  /** Numbers for connections: each is used once. */
  nextConnection: number;
}

export interface Ran {
  readonly rc: number;
  readonly out: string;
  readonly err: string;
}

/** One of iptables' programs of an ABI in a guest; `extensions` false hides our extension from it. */
export async function iptables(guest: Guest, abi: Abi, program: string, args: readonly string[], extensions = true): Promise<Ran> {
  const home = guestDir(abi);
  const env = [`LD_LIBRARY_PATH=${home}/lib`, `XTABLES_LIBDIR=${extensions ? `${home}/xtables` : "/nowhere"}`];
  const answer = await guest.must("run", ...env, `${home}/bin/${program}`, ...args);
  return { rc: answer.number("rc") ?? -1, out: answer.text("out"), err: answer.text("err") };
}

/** The same for what a later case depends on. */
export async function mustRule(guest: Guest, abi: Abi, family: Family, args: readonly string[]): Promise<void> {
  const ran = await iptables(guest, abi, programOf(family), args);
  if (ran.rc === 0) return;
  throw failure("prove.rule", {
    what: `${programOf(family)} (${abi.name}) refuses a rule that is needed: ${args.join(" ")}`,
    where: `${guest.name} guest`,
    next: "see what iptables says below; `tarpit-kit verify --artifacts DIR` checks the files themselves",
    evidence: [`exit code ${ran.rc}`, ...ran.err.split("\n")],
  });
}

/** What a guest's kernel has logged since the last time. */
export async function newKernelLines(lab: Lab, which: "target" | "peer"): Promise<readonly string[]> {
  const lines = (await lab[which].must("dmesg")).all("line");
  lab.log[which].push(...lines);
  return lines;
}

async function setUp(guest: Guest, own: { readonly ipv4: string; readonly ipv6: string }, families: readonly Family[]): Promise<void> {
  const six = families.includes("ipv6");
  if (six) {
    for (const name of ["all", "default", "eth0"]) {
      await guest.ask("write", `/proc/sys/net/ipv6/conf/${name}/accept_dad`, "0");
      await guest.ask("write", `/proc/sys/net/ipv6/conf/${name}/accept_redirects`, "0");
    }
  }
  await guest.must("up", "lo");
  await guest.must("addr", "eth0", own.ipv4, String(networks.ipv4.prefix));
  await guest.must("up", "eth0");
  if (six) await guest.must("addr", "eth0", own.ipv6, String(networks.ipv6.prefix));
}

/** Addresses on both; the target forwards for a network behind it, which only the peer's routes know of. */
export async function setUpNetwork(lab: Lab): Promise<void> {
  const { target, peer, families } = lab;
  await setUp(target, addresses.target, families);
  await setUp(peer, addresses.peer, families);
  for (const name of ["all", "eth0"]) {
    // Else the target tells the peer that what is behind it is next to it.
    await target.ask("write", `/proc/sys/net/ipv4/conf/${name}/send_redirects`, "0");
    await peer.ask("write", `/proc/sys/net/ipv4/conf/${name}/accept_redirects`, "0");
  }
  await target.must("write", "/proc/sys/net/ipv4/ip_forward", "1");
  if (families.includes("ipv6")) await target.must("write", "/proc/sys/net/ipv6/conf/all/forwarding", "1");
  for (const family of families) {
    const { behind, prefix } = networks[family];
    await target.must("route", behind, String(prefix), "-", "eth0");
    await peer.must("route", behind, String(prefix), addresses.target[family], "eth0");
  }
}

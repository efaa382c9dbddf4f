import type { Abi } from "../../core/arch.ts";
import { programOf } from "../../core/prove/rule-cases.ts";
import { addresses, networks, reachPort } from "../../core/prove/scenarios.ts";
import type { Family, ProveCase } from "../../core/prove/types.ts";
import { failure } from "../../core/errors.ts";
import type { ProvableArtifacts } from "./artifacts.ts";
import type { Guest } from "./guest.ts";
import { guestDir } from "./initramfs.ts";
import { TableGuest } from "./tables.ts";

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
export async function iptables(
  guest: Guest,
  abi: Abi,
  program: string,
  args: readonly string[],
  extensions = true,
): Promise<Ran> {
  const home = guestDir(abi);
  const env = [
    `LD_LIBRARY_PATH=${home}/lib`,
    `XTABLES_LIBDIR=${extensions ? `${home}/xtables` : "/nowhere"}`,
  ];
  const answer = await guest.must("run", ...env, `${home}/bin/${program}`, ...args);
  return { rc: answer.number("rc") ?? -1, out: answer.text("out"), err: answer.text("err") };
}

/** The same for what a later case depends on. */
export async function mustRule(
  guest: Guest,
  abi: Abi,
  family: Family,
  args: readonly string[],
): Promise<void> {
  if (guest instanceof TableGuest) return guest.addRule(abi, args);
  const ran = await iptables(guest, abi, programOf(family), args);
  if (ran.rc === 0) return;
  throw failure("prove.rule", {
    what: `${programOf(family)} (${abi.name}) refuses a rule that is needed: ${args.join(" ")}`,
    where: `${guest.name} guest`,
    next: "see what iptables says above; `tarpit-kit verify --artifacts DIR` checks the files themselves",
    evidence: [`exit code ${ran.rc}`, ...ran.err.split("\n")],
  });
}

/** What a guest's kernel has logged since the last time. */
export async function newKernelLines(
  lab: Lab,
  which: "target" | "peer",
): Promise<readonly string[]> {
  const lines = (await lab[which].must("dmesg")).all("line");
  lab.log[which].push(...lines);
  return lines;
}

/** A link takes seconds to come up; on a machine that is busy, longer. */
export const reachSeconds = "15";

type Requests = readonly (readonly string[])[];

function ownNetwork(own: Addresses, families: readonly Family[]): Requests {
  const six = families.includes("ipv6");
  const quiet = ["all", "default", "eth0"].flatMap((name) =>
    ["accept_dad", "accept_redirects"].map((key) => [
      "write",
      `/proc/sys/net/ipv6/conf/${name}/${key}`,
      "0",
    ]),
  );
  return [
    ...(six ? quiet : []),
    ["up", "lo"],
    ["addr", "eth0", own.ipv4, String(networks.ipv4.prefix)],
    ["up", "eth0"],
    ...(six ? [["addr", "eth0", own.ipv6, String(networks.ipv6.prefix)]] : []),
  ];
}

type Addresses = Readonly<Record<Family, string>>;

/** The peer's side; it is taken up and down with each batch, so that console and card are never busy at once. */
export function peerNetwork(families: readonly Family[]): Requests {
  return [
    ...["all", "eth0"].map((name) => [
      "write",
      `/proc/sys/net/ipv4/conf/${name}/accept_redirects`,
      "0",
    ]),
    ...ownNetwork(addresses.peer, families),
    ...families.map((family) => [
      "route",
      networks[family].behind,
      String(networks[family].prefix),
      addresses.target[family],
      "eth0",
    ]),
    ...families.map((family) => [
      "reach",
      addresses.target[family],
      String(reachPort),
      reachSeconds,
    ]),
  ];
}

export const peerDown: readonly string[] = ["down", "eth0"];

/** The target's side; it forwards for a network behind it, which only the peer's routes know of. */
export async function setUpTarget({ target, families, artifacts }: Lab): Promise<void> {
  // Before 2.6 nobody gives the loopback interface its address.
  if (artifacts.generation) await target.must("addr", "lo", addresses.loopback.ipv4, "8");
  // Else the target tells the peer that what is behind it is next to it.
  for (const name of ["all", "eth0"])
    await target.ask("write", `/proc/sys/net/ipv4/conf/${name}/send_redirects`, "0");
  for (const request of ownNetwork(addresses.target, families)) await target.must(...request);
  await target.must("write", "/proc/sys/net/ipv4/ip_forward", "1");
  if (families.includes("ipv6"))
    await target.must("write", "/proc/sys/net/ipv6/conf/all/forwarding", "1");
  for (const family of families) {
    const { behind, prefix } = networks[family];
    await target.must("route", behind, String(prefix), "-", "eth0");
  }
}

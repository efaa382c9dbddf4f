import { join } from "node:path";
import { environment, TarpitError } from "../core/errors.ts";
import { captureName, qemuCommand, type GuestMachine } from "../core/prove/qemu.ts";
import { badKernelLines } from "../core/prove/rule-cases.ts";
import type { Family, ProveCase } from "../core/prove/types.ts";
import type { Ports } from "../ports.ts";
import { withLease } from "./cache/lease.ts";
import { buildIptables } from "./iptables-build.ts";
import type { Abi } from "../core/arch.ts";
import { openArtifacts, type ProvableArtifacts } from "./prove/artifacts.ts";
import { proveConntrack, watchConnections } from "./prove/conntrack.ts";
import { Guest } from "./prove/guest.ts";
import { makeInitramfs } from "./prove/initramfs.ts";
import { makeInitrd } from "./prove/initrd.ts";
import { iptables, type Lab, newKernelLines, setUpTarget } from "./prove/lab.ts";
import { proveOlderConntrack, proveOlderRules } from "./prove/older.ts";
import { proveRules } from "./prove/rules.ts";
import { TableGuest } from "./prove/tables.ts";
import { proveBefore, proveTraffic } from "./prove/traffic.ts";

export interface ProveRequest {
  readonly artifacts: string;
  /** Keep captures and console logs of a run that went well, too. */
  readonly keep?: boolean;
  /** For the guests, from power on to power off. */
  readonly timeoutSeconds?: number;
}

export interface ProveResult {
  readonly ok: boolean;
  readonly arch: string;
  readonly kernel: string;
  readonly results: readonly ProveCase[];
  readonly durationMs: number;
  /** Where captures (pcap) and console logs were left; only when something failed, or with `keep`. */
  readonly evidence?: string;
}

const defaultTimeoutSeconds = 300;

/** Boots the artifacts twice, target and peer, and proves on real connections what TARPIT does with them. */
export const prove = (request: ProveRequest, ports: Ports): Promise<ProveResult> =>
  withLease(ports, () => proveArtifacts(request, ports));

async function proveArtifacts(request: ProveRequest, ports: Ports): Promise<ProveResult> {
  const started = ports.clock.monotonic();
  const artifacts = await openArtifacts(request.artifacts, ports);
  await requireQemu(artifacts, ports);
  const work = await ports.files.makePrivateDirectory(
    join(ports.cacheDir, "prove", `${artifacts.arch.name}-`),
  );
  let keep = true;
  try {
    const run = artifacts.generation ? proveWidths : proveOnce;
    const { kernel, results } = await run(artifacts, work, request, ports);
    const ok = results.length > 0 && results.every((result) => result.ok);
    keep = !ok || (request.keep ?? false);
    const durationMs = ports.clock.monotonic() - started;
    return {
      ok,
      arch: artifacts.arch.name,
      kernel,
      results,
      durationMs,
      ...(keep ? { evidence: work } : {}),
    };
  } finally {
    for (const name of keep ? ["init", "modules", "initramfs.gz"] : [""])
      await ports.files.remove(join(work, name));
  }
}

/** Every width's programs in one boot of each guest. */
async function proveOnce(
  artifacts: ProvableArtifacts,
  work: string,
  request: ProveRequest,
  ports: Ports,
): Promise<Proved> {
  const iptablesBuilds = await buildIptables(artifacts.abis, artifacts.arch.name, ports);
  ports.log.stage("initramfs");
  const initramfs = await makeInitramfs(artifacts, iptablesBuilds, work, ports);
  return withRetry(() => inGuests(artifacts, initramfs, work, request, ports), ports);
}

/** A kernel of before kbuild: PID 1 does all of it, so the guests boot once for each width. */
async function proveWidths(
  artifacts: ProvableArtifacts,
  work: string,
  request: ProveRequest,
  ports: Ports,
): Promise<Proved> {
  const all: ProveCase[] = [];
  let kernel = "";
  for (const abi of artifacts.abis) {
    ports.log.stage("initrd", abi.name);
    const initrd = await makeInitrd(artifacts, abi, work, ports);
    const only = { ...artifacts, abis: [abi] };
    const proved = await withRetry(() => inGuests(only, initrd, work, request, ports), ports);
    kernel = proved.kernel;
    all.push(...proved.results.map((one) => ofWidth(one, abi)));
  }
  return { kernel, results: all };
}

const ofWidth = (one: ProveCase, abi: Abi): ProveCase =>
  one.abi === "all" ? { ...one, abi: abi.name } : one;

interface Proved {
  readonly kernel: string;
  readonly results: readonly ProveCase[];
}

/** How often a run is tried whose guest stopped answering: QEMU's sun4u loses an interrupt now and then. */
const tries = 3;

/** Only a guest that stalls is tried again: what was proved wrong stays wrong. */
async function withRetry<T>(attempt: () => Promise<T>, ports: Ports): Promise<T> {
  for (let left = tries - 1; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TarpitError) || error.code !== "prove.stalled" || left === 0)
        throw error;
      ports.log.warn(`${error.trouble.what}; trying again from the start`);
    }
  }
}

async function requireQemu(artifacts: ProvableArtifacts, ports: Ports): Promise<void> {
  const { program, package: name } = artifacts.machine;
  if (await ports.processes.which(program)) return;
  throw environment("prove.qemu-missing", {
    what: `${program} is missing`,
    where: "PATH",
    next: `tarpit-kit doctor --arch ${artifacts.arch.name} --install`,
    data: { packages: [name] },
  });
}

async function inGuests(
  artifacts: ProvableArtifacts,
  initramfs: string,
  work: string,
  request: ProveRequest,
  ports: Ports,
) {
  const timeoutMs = (request.timeoutSeconds ?? defaultTimeoutSeconds) * 1000;
  ports.log.stage("boot", `two guests of ${artifacts.release || artifacts.arch.name}`);
  const boot = (role: GuestMachine["role"]): Guest => {
    const command = qemuCommand(artifacts.machine, {
      role,
      kernel: artifacts.image,
      initramfs,
      directory: work,
    });
    const kind = artifacts.generation ? TableGuest : Guest;
    return new kind(role, command, join(work, `${role}.log`), timeoutMs, ports);
  };
  const guests = [boot("target"), boot("peer")] as const;
  try {
    const [target, peer] = guests;
    const [kernel] = await Promise.all([target.ready(), peer.ready()]);
    const lab: Lab = {
      artifacts,
      families: familiesOf(artifacts),
      target,
      peer,
      results: [],
      log: { target: [], peer: [] },
      nextConnection: 1,
    };
    await everything(lab, work, ports);
    await Promise.all(guests.map((guest) => guest.powerOff()));
    return { kernel: kernel.split(" ")[0] ?? "", results: lab.results };
  } catch (error) {
    // Ctrl-C ends the guests first; then this rejects with Interrupted, which is the true reason.
    await ports.processes.run({ program: "true", args: [] });
    throw error;
  } finally {
    await Promise.all(guests.map((guest) => guest.stop()));
  }
}

const familiesOf = (artifacts: ProvableArtifacts): readonly Family[] =>
  artifacts.symbols.has("IP6_NF_TARGET_TARPIT") ? ["ipv4", "ipv6"] : ["ipv4"];

/** The order matters: nothing has a rule at first, and conntrack counts before loopback fills its table. */
async function everything(lab: Lab, work: string, ports: Ports): Promise<void> {
  ports.log.stage("before", "without a rule");
  await setUpTarget(lab);
  await proveBefore(lab, "wire", work, ports);
  await proveBefore(lab, "loopback", work, ports);
  ports.log.stage("rules", lab.artifacts.abis.map((abi) => abi.name).join(", "));
  if (lab.artifacts.generation) await proveOlderRules(lab);
  else await proveRules(lab);
  ports.log.stage("wire", captureName("peer"));
  await watchConnections(lab);
  await proveTraffic(lab, "wire", work, ports);
  if (lab.artifacts.generation) await proveOlderConntrack(lab);
  else await proveConntrack(lab);
  await forgetRules(lab);
  ports.log.stage("loopback");
  await proveTraffic(lab, "loopback", work, ports);
  await proveQuietKernel(lab);
}

async function forgetRules(lab: Lab): Promise<void> {
  if (lab.target instanceof TableGuest) return lab.target.clear();
  const [abi] = lab.artifacts.abis;
  if (!abi) return;
  for (const program of lab.families.map((family) =>
    family === "ipv4" ? "iptables" : "ip6tables",
  ))
    await iptables(lab.target, abi, program, ["-F"]);
}

/** No warning, no oops, no lost counters in either kernel's log. */
async function proveQuietKernel(lab: Lab): Promise<void> {
  for (const which of ["target", "peer"] as const) {
    await newKernelLines(lab, which);
    const bad = badKernelLines(lab.log[which]);
    lab.results.push({
      abi: "all",
      path: "kernel",
      family: "both",
      variant: "any",
      case: `quiet-log-${which}`,
      ok: bad.length === 0 && lab.log[which].length > 0,
      detail: `${lab.log[which].length} lines in the ${which}'s kernel log, ${bad.length} of them bad`,
      ...(bad.length === 0 ? {} : { packets: bad }),
    });
  }
}

import { join } from "node:path";
import type { Abi } from "../../core/arch.ts";
import { describeFlow, type Flow, flowOf } from "../../core/prove/flow.ts";
import { judgeBefore, type PeerView } from "../../core/prove/judge.ts";
import { parseGuestPacket, readPcap } from "../../core/prove/pcap.ts";
import { captureName } from "../../core/prove/qemu.ts";
import { stateInProc, tcpStateName } from "../../core/prove/report.ts";
import { addresses, beforePorts, portOf, type Scenario, scenarios } from "../../core/prove/scenarios.ts";
import { decodeSegment, type Segment } from "../../core/prove/segment.ts";
import { type Family, type ProveCase, type Verdict, verdict } from "../../core/prove/types.ts";
import type { Ports } from "../../ports.ts";
import type { Guest } from "./guest.ts";
import { type Lab, mustRule } from "./lab.ts";

type Way = "loopback" | "wire";

/** Linux probes at about 0.2, 0.4, 0.8, 1.6 s (RFC 9293 section 3.8.6.1); a SYN is sent again after 1 and 3 s. */
const watchMs = 3600;
/** For segments on their way before the peer ends a connection. */
const settleMs = 300;
/** For what close() may still set off. */
const afterCloseMs = 1200;
/** A SYN that must be answered, and one that must not. */
const connectMs = 5000;
const silentMs = 1000;

/** One connection of one scenario, with one ABI's rules. */
interface Attempt {
  readonly abi: Abi;
  readonly family: Family;
  readonly scenario: Scenario;
  readonly port: number;
  readonly number: string;
  view: PeerView;
}

const callerOf = (lab: Lab, way: Way): Guest => (way === "wire" ? lab.peer : lab.target);

function addressOf(way: Way, family: Family, chain: Scenario["chain"]): string {
  if (way === "loopback") return addresses.loopback[family];
  return chain === "FORWARD" ? addresses.behind[family] : addresses.target[family];
}

const fits = (way: Way, scenario: Scenario): boolean => way === "wire" || scenario.chain === "INPUT";

function attemptsOf(lab: Lab, way: Way): Attempt[] {
  return lab.artifacts.abis.flatMap((abi, index) =>
    lab.families.flatMap((family) =>
      scenarios
        .filter((scenario) => fits(way, scenario))
        .map((scenario) => ({ abi, family, scenario, port: portOf(index, scenario), number: String(lab.nextConnection++), view: { connect: "untried" } })),
    ),
  );
}

/** The rules of the target, and those that make the peer deaf. */
async function makeRules(lab: Lab, way: Way, attempts: readonly Attempt[]): Promise<void> {
  for (const { abi, family, scenario, port } of attempts) {
    const match = (direction: string) => ["-p", "tcp", direction, String(port)];
    if (scenario.variant) {
      await mustRule(lab.target, abi, family, ["-A", scenario.chain, ...match("--dport"), "-j", "TARPIT", `--${scenario.variant}`]);
    }
    if (scenario.deaf) {
      const flags = scenario.deaf === "acks" ? "ACK" : "SYN,ACK";
      await mustRule(callerOf(lab, way), abi, family, ["-A", "INPUT", ...match("--sport"), "--tcp-flags", "SYN,ACK", flags, "-j", "DROP"]);
    }
  }
}

async function open(lab: Lab, way: Way, attempt: Attempt): Promise<void> {
  const { family, scenario, port, number } = attempt;
  const address = addressOf(way, family, scenario.chain);
  if (!scenario.variant) await lab.target.must("listen", String(lab.nextConnection++), address, String(port));
  const wait = scenario.deaf === "syn-acks" ? 0 : connectMs;
  const connected = await callerOf(lab, way).must("connect", number, address, String(port), String(wait));
  attempt.view = { ...attempt.view, connect: connected.text("state") };
}

async function send(lab: Lab, way: Way, attempt: Attempt): Promise<void> {
  if (attempt.scenario.send === 0 || attempt.view.connect !== "connected") return;
  const answer = await callerOf(lab, way).must("send", attempt.number, String(attempt.scenario.send));
  attempt.view = { ...attempt.view, sent: answer.number("sent") ?? 0 };
}

async function look(lab: Lab, way: Way, attempt: Attempt): Promise<void> {
  const info = await callerOf(lab, way).ask("info", attempt.number);
  const queued = info.number("queued");
  const probes = info.number("probes");
  attempt.view = {
    ...attempt.view,
    state: tcpStateName(info.number("state")),
    ...(queued === undefined ? {} : { queued }),
    ...(probes === undefined ? {} : { probes }),
  };
}

async function end(lab: Lab, way: Way, attempts: readonly Attempt[], how: Scenario["end"]): Promise<void> {
  for (const { number } of attempts.filter(({ scenario }) => scenario.end === how)) {
    await callerOf(lab, way).ask(how === "abort" ? "abort" : "close", number);
  }
}

/** After close() the socket is no longer ours to ask, but /proc/net/tcp still shows it. */
async function statesAfterClose(lab: Lab, way: Way, attempts: readonly Attempt[]): Promise<void> {
  const caller = callerOf(lab, way);
  for (const family of lab.families) {
    const table = (await caller.must("read", `/proc/net/${family === "ipv4" ? "tcp" : "tcp6"}`)).all("line");
    for (const attempt of attempts) {
      if (attempt.family !== family || attempt.scenario.end !== "close-late") continue;
      attempt.view = { ...attempt.view, state: stateInProc(table, attempt.port) };
    }
  }
}

/** Opens them all, then lets them all wait at once: many connections cost no more time than one. */
async function run(lab: Lab, way: Way, attempts: readonly Attempt[]): Promise<void> {
  const caller = callerOf(lab, way);
  for (const attempt of attempts) await open(lab, way, attempt);
  for (const attempt of attempts) await send(lab, way, attempt);
  await caller.must("sleep", String(settleMs));
  for (const attempt of attempts.filter(({ scenario }) => scenario.end === "close-now")) await look(lab, way, attempt);
  await end(lab, way, attempts, "abort");
  await end(lab, way, attempts, "close-now");
  await caller.must("sleep", String(watchMs));
  for (const attempt of attempts.filter(({ scenario }) => scenario.end !== "abort" && scenario.end !== "close-now")) await look(lab, way, attempt);
  await end(lab, way, attempts, "close-late");
  await caller.must("sleep", String(afterCloseMs));
  await statesAfterClose(lab, way, attempts);
}

/** What passed: on the wire from QEMU's capture of the peer's card, on loopback from the guest itself. */
async function segmentsOf(lab: Lab, way: Way, directory: string, ports: Ports): Promise<readonly Segment[]> {
  const frames =
    way === "wire"
      ? readPcap(await ports.files.readBytes(join(directory, captureName("peer"))))
      : (await lab.target.must("packets")).all("packet").map(parseGuestPacket);
  return frames.map(decodeSegment).filter((segment) => segment !== undefined);
}

function record(lab: Lab, base: Pick<ProveCase, "abi" | "path" | "family" | "variant">, found: Verdict, flow: Flow): void {
  lab.results.push({ ...base, ...found, ...(found.ok ? {} : { packets: describeFlow(flow) }) });
}

/** Before any rule: the port is reachable and closed, and nobody answers for what is behind. */
export async function proveBefore(lab: Lab, way: Way, directory: string, ports: Ports): Promise<void> {
  if (way === "loopback") await lab.target.must("capture", "lo");
  const views = new Map<string, PeerView>();
  const chains = way === "wire" ? (["INPUT", "FORWARD"] as const) : (["INPUT"] as const);
  for (const family of lab.families) {
    for (const chain of chains) {
      const wait = String(chain === "INPUT" ? connectMs : silentMs);
      const number = String(lab.nextConnection++);
      const answer = await callerOf(lab, way).must("connect", number, addressOf(way, family, chain), String(beforePorts[chain]), wait);
      views.set(`${family} ${chain}`, { connect: answer.text("state") });
      await callerOf(lab, way).ask("close", number);
    }
  }
  const segments = await segmentsOf(lab, way, directory, ports);
  for (const family of lab.families) {
    for (const chain of chains) {
      const flow = flowOf(segments, family, beforePorts[chain]);
      const view = views.get(`${family} ${chain}`) ?? { connect: "untried" };
      const found = chain === "INPUT" ? judgeBefore(flow, view) : judgeNobody(flow, view);
      record(lab, { abi: "all", path: way, family, variant: "any" }, found, flow);
    }
  }
}

const judgeNobody = (flow: Flow, view: PeerView): Verdict =>
  verdict(
    "forward-before-rule",
    view.connect !== "connected" && flow.fromPeer.length > 0 && flow.fromTarget.length === 0,
    `without the rule connect() gives ${view.connect}, ${flow.fromPeer.length} SYN, ${flow.fromTarget.length} answers`,
  );

/** Every scenario with every ABI's rules, on loopback or over the emulated network. */
export async function proveTraffic(lab: Lab, way: Way, directory: string, ports: Ports): Promise<void> {
  const attempts = attemptsOf(lab, way);
  await makeRules(lab, way, attempts);
  if (way === "loopback") await lab.target.must("capture", "lo");
  await run(lab, way, attempts);
  const segments = await segmentsOf(lab, way, directory, ports);
  for (const { abi, family, scenario, port, view } of attempts) {
    const flow = flowOf(segments, family, port);
    const base = { abi: abi.name, path: way, family, variant: scenario.variant ?? "any" } as const;
    for (const found of scenario.judge(flow, view)) record(lab, base, found, flow);
  }
}

import { join } from "node:path";
import { describeFlow, type Flow, flowOf } from "../../core/prove/flow.ts";
import { judgeBefore, type PeerView } from "../../core/prove/judge.ts";
import { parseGuestPacket, readPcap } from "../../core/prove/pcap.ts";
import { captureName } from "../../core/prove/qemu.ts";
import type { Answer } from "../../core/prove/report.ts";
import { beforePorts, reachPort } from "../../core/prove/scenarios.ts";
import { checksumsRight } from "../../core/prove/checksum.ts";
import { decodeSegment, type Frame, type Segment } from "../../core/prove/segment.ts";
import { type ProveCase, type Verdict, verdict } from "../../core/prove/types.ts";
import type { Ports } from "../../ports.ts";
import { type Lab, mustRule, peerDown, peerNetwork, reachSeconds } from "./lab.ts";

import {
  addressOf,
  type Attempt,
  attemptsOf,
  callerOf,
  connectMs,
  silentMs,
  type Step,
  stepsOf,
  type Way,
} from "./steps.ts";

/** Refused by a rule, the calls that wait for the network leave nothing in conntrack's table. */
async function makeReachable(lab: Lab): Promise<void> {
  const [abi] = lab.artifacts.abis;
  if (!abi) return;
  const rule = [
    "-A",
    "INPUT",
    "-p",
    "tcp",
    "--dport",
    String(reachPort),
    "-j",
    "TARPIT",
    "--reset",
  ];
  for (const family of lab.families) await mustRule(lab.target, abi, family, rule);
}

/** The rules of the target, and those that make the peer deaf. */
async function makeRules(lab: Lab, way: Way, attempts: readonly Attempt[]): Promise<void> {
  for (const { abi, family, scenario, port } of attempts) {
    const match = (direction: string) => ["-p", "tcp", direction, String(port)];
    if (scenario.variant) {
      await mustRule(lab.target, abi, family, [
        "-A",
        scenario.chain,
        ...match("--dport"),
        "-j",
        "TARPIT",
        `--${scenario.variant}`,
      ]);
    }
    if (scenario.deaf) {
      const flags = scenario.deaf === "acks" ? "ACK" : "SYN,ACK";
      await mustRule(callerOf(lab, way), abi, family, [
        "-A",
        "INPUT",
        ...match("--sport"),
        "--tcp-flags",
        "SYN,ACK",
        flags,
        "-j",
        "DROP",
      ]);
    }
  }
}

/** Listeners for the ports beside the rules. */
async function listen(lab: Lab, way: Way, attempts: readonly Attempt[]): Promise<void> {
  for (const { family, scenario, port } of attempts) {
    if (scenario.variant) continue;
    await lab.target.must(
      "listen",
      String(lab.nextConnection++),
      addressOf(way, family, scenario.chain),
      String(port),
    );
  }
}

/** Runs the steps where the connections are opened; the peer is on the network only meanwhile. */
async function run(lab: Lab, way: Way, steps: readonly Step[], last = false): Promise<void> {
  const plain = (requests: readonly (readonly string[])[]): readonly Step[] =>
    requests.map((request) => ({ request }));
  // The driver of 2.4 does not survive that QEMU's HME has an interrupt waiting when it is taken up
  // again: there the card goes down once, for good.
  const after = lab.artifacts.generation && !last ? [] : plain([peerDown]);
  const all = way === "wire" ? [...plain(peerNetwork(lab.families)), ...steps, ...after] : steps;
  const reaching = lab.families.length * Number(reachSeconds) * 1000;
  const longest = all.reduce((sum, { ms }) => sum + (ms ?? 0), reaching);
  const answers = await callerOf(lab, way).batch(
    all.map(({ request }) => request),
    longest,
  );
  for (const [index, { learn: tell }] of all.entries()) tell?.(answers[index] as Answer);
}

/** What passed: on the wire from QEMU's capture of the peer's card, on loopback from the guest itself. */
async function framesOf(
  lab: Lab,
  way: Way,
  directory: string,
  ports: Ports,
): Promise<readonly Frame[]> {
  return way === "wire"
    ? readPcap(await ports.files.readBytes(join(directory, captureName("peer"))))
    : (await lab.target.must("packets")).all("packet").map(parseGuestPacket);
}

const segmentsIn = (frames: readonly Frame[]): readonly Segment[] =>
  frames.map(decodeSegment).filter((segment) => segment !== undefined);

function record(
  lab: Lab,
  base: Pick<ProveCase, "abi" | "path" | "family" | "variant">,
  found: Verdict,
  flow: Flow,
): void {
  lab.results.push({ ...base, ...found, ...(found.ok ? {} : { packets: describeFlow(flow) }) });
}

/** Before any rule: the port is reachable and closed, and nobody answers for what is behind. */
export async function proveBefore(
  lab: Lab,
  way: Way,
  directory: string,
  ports: Ports,
): Promise<void> {
  if (way === "loopback") await lab.target.must("capture", "lo");
  const views = new Map<string, PeerView>();
  const chains = way === "wire" ? (["INPUT", "FORWARD"] as const) : (["INPUT"] as const);
  const steps = lab.families.flatMap((family) =>
    chains.map((chain): Step => {
      const wait = String(chain === "INPUT" ? connectMs : silentMs);
      const number = String(lab.nextConnection++);
      return {
        request: [
          "connect",
          number,
          addressOf(way, family, chain),
          String(beforePorts[chain]),
          wait,
        ],
        learn: (answer) => void views.set(`${family} ${chain}`, { connect: answer.text("state") }),
      };
    }),
  );
  // A SYN that is still being sent again would be one more connection later on.
  const ends = steps.map(({ request }): Step => ({ request: ["close", request[1] ?? ""] }));
  await run(lab, way, [...steps, ...ends]);
  const segments = segmentsIn(await framesOf(lab, way, directory, ports));
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
export async function proveTraffic(
  lab: Lab,
  way: Way,
  directory: string,
  ports: Ports,
): Promise<void> {
  const attempts = attemptsOf(lab, way);
  await makeReachable(lab);
  await makeRules(lab, way, attempts);
  await listen(lab, way, attempts);
  if (way === "loopback") await lab.target.must("capture", "lo");
  await run(lab, way, stepsOf(lab, way, attempts), true);
  const frames = await framesOf(lab, way, directory, ports);
  const segments = segmentsIn(frames);
  if (lab.artifacts.generation) proveChecksums(lab, way, attempts, frames);
  for (const { abi, family, scenario, port, view } of attempts) {
    const flow = flowOf(segments, family, port);
    const base = { abi: abi.name, path: way, family, variant: scenario.variant ?? "any" } as const;
    for (const found of scenario.judge(flow, view)) record(lab, base, found, flow);
  }
}

/** Every answer of a rule has the checksums it should: a compiler too new for the kernel gets them wrong. */
function proveChecksums(
  lab: Lab,
  way: Way,
  attempts: readonly Attempt[],
  frames: readonly Frame[],
): void {
  const held = new Set(attempts.filter(({ scenario }) => scenario.variant).map(({ port }) => port));
  const answers = frames.filter((frame) => held.has(decodeSegment(frame)?.from.port ?? 0));
  const wrong = answers.filter((frame) => checksumsRight(frame) === false);
  lab.results.push({
    abi: "all",
    path: way,
    family: "ipv4",
    variant: "any",
    ...verdict(
      "checksums",
      answers.length > 0 && wrong.length === 0,
      `${answers.length} answers, ${wrong.length} of them with a wrong checksum`,
    ),
  });
}

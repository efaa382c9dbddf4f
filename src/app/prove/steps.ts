import type { Abi } from "../../core/arch.ts";
import type { PeerView } from "../../core/prove/judge.ts";
import { type Answer, stateInProc, tcpStateName } from "../../core/prove/report.ts";
import { addresses, portOf, type Scenario, scenarios } from "../../core/prove/scenarios.ts";
import type { Family } from "../../core/prove/types.ts";
import type { Guest } from "./guest.ts";
import type { Lab } from "./lab.ts";

export type Way = "loopback" | "wire";

/** Linux probes at about 0.2, 0.4, 0.8, 1.6 s (RFC 9293 section 3.8.6.1); a SYN is sent again after 1 and 3 s. */
const watchMs = 3600;
/** Without time stamps 2.4 begins with 3 s: it probes at about 3 and 9 s, and sends a SYN again after 3 s. */
const olderWatchMs = 10_500;
/** For segments on their way before the peer ends a connection. */
const settleMs = 300;
/** For what close() may still set off. */
const afterCloseMs = 1200;
/** A SYN that must be answered, and one that must not. */
export const connectMs = 2500;
export const silentMs = 1000;

/** One connection of one scenario, with one ABI's rules. */
export interface Attempt {
  readonly abi: Abi;
  readonly family: Family;
  readonly scenario: Scenario;
  readonly port: number;
  readonly number: string;
  view: PeerView;
}

export const callerOf = (lab: Lab, way: Way): Guest => (way === "wire" ? lab.peer : lab.target);

export function addressOf(way: Way, family: Family, chain: Scenario["chain"]): string {
  if (way === "loopback") return addresses.loopback[family];
  return chain === "FORWARD" ? addresses.behind[family] : addresses.target[family];
}

const fits = (way: Way, scenario: Scenario): boolean =>
  way === "wire" || scenario.chain === "INPUT";

export function attemptsOf(lab: Lab, way: Way): Attempt[] {
  return lab.artifacts.abis.flatMap((abi, index) =>
    lab.families.flatMap((family) =>
      scenarios
        .filter((scenario) => fits(way, scenario))
        .map((scenario) => ({
          abi,
          family,
          scenario,
          port: portOf(index, scenario),
          number: String(lab.nextConnection++),
          view: { connect: "untried" },
        })),
    ),
  );
}

/** A request, and what its answer adds to what is known of an attempt. */
export interface Step {
  readonly request: readonly string[];
  readonly learn?: (answer: Answer) => void;
  /** The longest it may take, where that is long. */
  readonly ms?: number;
}

const nap = (ms: number): Step => ({ request: ["sleep", String(ms)], ms });

function learn(attempt: Attempt, more: Partial<PeerView>): void {
  attempt.view = { ...attempt.view, ...more };
}

function open(way: Way, attempt: Attempt): Step {
  const { family, scenario, port, number } = attempt;
  const wait = scenario.deaf === "syn-acks" ? 0 : connectMs;
  return {
    request: [
      "connect",
      number,
      addressOf(way, family, scenario.chain),
      String(port),
      String(wait),
    ],
    ms: wait,
    learn: (answer) => learn(attempt, { connect: answer.text("state") }),
  };
}

function send(attempt: Attempt): Step {
  return {
    request: ["send", attempt.number, String(attempt.scenario.send)],
    learn: (answer) => {
      const sent = answer.number("sent");
      if (sent !== undefined) learn(attempt, { sent });
    },
  };
}

function look(attempt: Attempt): Step {
  return {
    request: ["info", attempt.number],
    learn: (answer) => {
      const queued = answer.number("queued");
      const probes = answer.number("probes");
      learn(attempt, {
        state: tcpStateName(answer.number("state")),
        ...(queued === undefined ? {} : { queued }),
        ...(probes === undefined ? {} : { probes }),
      });
    },
  };
}

/** After close() the socket is no longer ours to ask, but /proc/net/tcp still shows it. */
function readStates(family: Family, attempts: readonly Attempt[]): Step {
  return {
    request: ["read", `/proc/net/${family === "ipv4" ? "tcp" : "tcp6"}`],
    learn: (answer) => {
      for (const attempt of attempts.filter((one) => one.family === family)) {
        learn(attempt, { state: stateInProc(answer.all("line"), attempt.port) });
      }
    },
  };
}

/** Opens them all, then lets them all wait at once: many connections cost no more time than one. */
export function stepsOf(lab: Lab, way: Way, attempts: readonly Attempt[]): readonly Step[] {
  const ending = (...ends: readonly Scenario["end"][]) =>
    attempts.filter(({ scenario }) => ends.includes(scenario.end));
  const late = ending("close-late");
  return [
    ...attempts.map((attempt) => open(way, attempt)),
    ...attempts.filter(({ scenario }) => scenario.send > 0).map(send),
    nap(settleMs),
    ...ending("close-now").map(look),
    ...ending("abort").map(({ number }) => ({ request: ["abort", number] })),
    ...ending("close-now").map(({ number }) => ({ request: ["close", number] })),
    nap(lab.artifacts.generation ? olderWatchMs : watchMs),
    ...ending("close-late", "none").map(look),
    ...late.map(({ number }) => ({ request: ["close", number] })),
    nap(afterCloseMs),
    ...lab.families.map((family) => readStates(family, late)),
  ];
}

import type { Abi } from "../../core/arch.ts";
import {
  caseWords,
  type OlderRuleCase,
  olderRuleCases,
  trackedPorts,
} from "../../core/prove/older-rules.ts";
import { portOf, scenarios } from "../../core/prove/scenarios.ts";
import { type Lab, newKernelLines } from "./lab.ts";

/** Every rule that must be taken or refused, as a process of this width hands it over. */
export async function proveOlderRules(lab: Lab): Promise<void> {
  for (const abi of lab.artifacts.abis) {
    for (const one of olderRuleCases) await tryCase(lab, abi, one);
    await lab.target.must("rules", "filter");
  }
}

async function tryCase(lab: Lab, abi: Abi, one: OlderRuleCase): Promise<void> {
  await newKernelLines(lab, "target");
  const words = caseWords(one, abi.xtAlign);
  const answer = await lab.target.ask("rules", one.table, words);
  const log = await newKernelLines(lab, "target");
  const matched = one.refused?.exec(log.join("\n"))?.[0];
  const ok = one.refused ? answer.code !== 0 && matched !== undefined : answer.code === 0;
  const wanted = one.refused ? "refused by the kernel" : "accepted";
  lab.results.push({
    abi: abi.name,
    path: "rule",
    family: "ipv4",
    variant: one.variant,
    case: one.name,
    ok,
    detail: `${one.where}, ${words.split(" ").at(-2)} bytes: must be ${wanted}; errno ${answer.code}${matched ? `, "${matched}"` : ""}`,
    ...(ok ? {} : { packets: log }),
  });
}

/** Held connections of a remote peer leave nothing in the table of connections; the ports beside the rules are in it. */
export async function proveOlderConntrack(lab: Lab): Promise<void> {
  const answer = await lab.target.ask("read", "/proc/net/ip_conntrack");
  if (answer.code !== 0) return;
  const lines = answer.all("line");
  const ports = (held: boolean) =>
    lab.artifacts.abis.flatMap((_, index) =>
      scenarios
        .filter((scenario) => (scenario.variant !== undefined) === held)
        .map((scenario) => portOf(index, scenario)),
    );
  const held = trackedPorts(lines, ports(true));
  const others = trackedPorts(lines, ports(false));
  lab.results.push({
    abi: lab.artifacts.abis.map((abi) => abi.name).join(" "),
    path: "wire",
    family: "ipv4",
    variant: "any",
    case: "conntrack",
    ok: held.length === 0 && others.length > 0,
    detail: `${held.length} entries of ports with a rule, ${others.length} of ports without`,
    ...(held.length === 0 ? {} : { packets: held }),
  });
}

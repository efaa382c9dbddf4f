import { scenarios } from "../../core/prove/scenarios.ts";
import type { Lab } from "./lab.ts";
import { mustRule } from "./lab.ts";

const countFile = "/proc/sys/net/netfilter/nf_conntrack_count";

const available = (lab: Lab): boolean =>
  ["NF_CONNTRACK", "NETFILTER_XT_MATCH_CONNTRACK"].every((symbol) =>
    lab.artifacts.symbols.has(symbol),
  );

/** A rule that names a connection state makes conntrack watch this namespace (nf_ct_netns_get). */
export async function watchConnections(lab: Lab): Promise<void> {
  const [abi] = lab.artifacts.abis;
  if (!abi || !available(lab)) return;
  for (const family of lab.families)
    await mustRule(lab.target, abi, family, ["-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW"]);
}

/**
 * Held connections of a remote peer must leave nothing in the target's table. The
 * connections to the ports beside the rules are in it: they show that it was counting.
 */
export async function proveConntrack(lab: Lab): Promise<void> {
  if (!available(lab)) return;
  const count = Number((await lab.target.must("read", countFile)).text("line"));
  const others =
    scenarios.filter((scenario) => !scenario.variant).length *
    lab.artifacts.abis.length *
    lab.families.length;
  const held = scenarios.length * lab.artifacts.abis.length * lab.families.length - others;
  lab.results.push({
    abi: "all",
    path: "wire",
    family: "both",
    variant: "any",
    case: "conntrack",
    ok: count === others,
    detail: `${count} entries: ${others} connections to ports without a rule, ${held} to ports with one`,
  });
}

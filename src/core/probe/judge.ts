import type { Checked, Finding } from "../findings.ts";
import { lintRules } from "../rules/lint.ts";
import { Check } from "./check.ts";
import { factsVersion, type Facts } from "./facts.ts";
import { hostFacts, type HostFacts, type Unpacked } from "./host.ts";
import type { Arch } from "../arch.ts";
import { judgeExtensions } from "./judge-extension.ts";
import { judgeBackend, judgeTarget } from "./judge-kernel.ts";
import { judgeState } from "./judge-state.ts";
import { judgeWidths, rulesOf } from "./judge-width.ts";

export interface Verdict {
  readonly host: HostFacts;
  readonly findings: readonly Finding[];
  readonly checked: readonly Checked[];
}

/** Judges one machine by its facts alone. What could not be read is a finding, never a pass. */
export function judgeFacts(
  facts: Facts,
  unpacked?: Unpacked,
  arches: readonly Arch[] = [],
): Verdict {
  const check = new Check();
  if (facts.version !== factsVersion)
    check.add(
      "facts.version",
      { version: facts.version, known: factsVersion },
      { file: "facts", line: 1 },
    );
  if (!facts.whole) check.add("facts.cut", {}, { file: "facts" });
  const host = hostFacts(facts, unpacked, arches);
  const rules = rulesOf(host);
  judgeTarget(host, check);
  judgeExtensions(host, check);
  judgeWidths(host, rules, check);
  judgeBackend(host, check);
  judgeState(host, rules, check);
  for (const one of rules) {
    if (one.set.rules === 0) continue;
    const { file, family } = one;
    const { findings } = lintRules(
      one.text,
      { file, family, hours: host.hours, tracked: isTracked(facts), kernel: host.version },
      one.set,
    );
    check.findings.push(...findings);
    if (!findings.some((entry) => entry.severity === "error")) check.passed("rules", file);
  }
  unreadFacts(facts, check);
  return { host, findings: check.findings, checked: check.checked };
}

/** Connection tracking is there: the kernel counts its entries. */
const isTracked = (facts: Facts): boolean =>
  facts.records.some((one) => /^conntrack (count|slab)$/.test(one.name) && one.status === "ok");

/** Rules and counters that were there and could not be read, or were left out: said, never passed over. */
function unreadFacts(facts: Facts, check: Check): void {
  for (const one of facts.records) {
    const rules = one.name.startsWith("rules ");
    if (one.status === "skipped" && rules) check.unread(one.name, "--no-rules left them out");
    else if (one.status === "failed" && rules)
      check.unread(one.name, one.data[0]?.slice(0, 160) ?? `it ended with ${one.code}`);
    else if (one.status === "unreadable" && one.name.startsWith("tarpit"))
      check.unread(one.name, "it is for root only");
    else if (one.status === "skipped" && one.name === "extension")
      check.unread("extension", "the probe reads eight of them");
    else if (one.status === "unreadable" && one.name === "extension")
      check.required("extension", `${one.data[0] ?? "the file"} could not be read`);
    else if (one.status === "cut") check.unread(one.name, "the facts end in the middle of it");
  }
}

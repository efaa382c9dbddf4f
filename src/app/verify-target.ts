import { badInput } from "../core/errors.ts";
import type { Checked, Finding, Severity } from "../core/findings.ts";
import { factBytes } from "../core/probe/facts.ts";
import { judgeFacts, type Verdict } from "../core/probe/judge.ts";
import { atLeast } from "../core/probe/versions.ts";
import type { Ports } from "../ports.ts";
import { archNames, loadArch } from "./data.ts";
import { collectFacts, type Source } from "./verify/facts.ts";
import { packedAs, unpackModule } from "./verify/unpack-module.ts";

export interface TargetReport {
  /** What was judged: `this machine`, a host, a directory, a file. */
  readonly subject: string;
  readonly kernel: string | undefined;
  readonly machine: string | undefined;
  readonly iptables: string | undefined;
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  readonly checked: readonly Checked[];
}

export interface TargetRequest {
  readonly source: Source;
  readonly live: boolean;
  readonly rules: boolean;
  readonly failOn: Severity;
}

const rank: Readonly<Record<Severity, number>> = { error: 3, warning: 2, unchecked: 1, info: 0 };

/** Whether any finding is as bad as `failOn` or worse; `info` takes every finding. */
export const failing = (findings: readonly Finding[], failOn: Severity): boolean =>
  findings.some((one) => rank[one.severity] >= rank[failOn]);

/** Judges a machine that has, or should have, the target: by its facts, and with `live` by trying. */
export async function verifyTarget(request: TargetRequest, ports: Ports): Promise<TargetReport> {
  const { source } = request;
  if (request.live && source.kind !== "local")
    throw notLive("--live tries rules on this machine only", `--${source.kind}`);
  ports.log.stage("probe", subjectOf(source));
  const facts = await collectFacts(source, request.rules, ports);
  const arches = await Promise.all((await archNames(ports)).map((name) => loadArch(name, ports)));
  const verdict = judgeFacts(facts, await unpackAll(facts.records, ports), arches);
  const live = request.live ? await tryLive(verdict, ports) : { findings: [], checked: [] };
  const findings = [...verdict.findings, ...live.findings];
  const { host } = verdict;
  return {
    subject: subjectOf(source),
    kernel: host.release,
    machine: host.machine,
    iptables: host.iptables && `${host.iptables.version} (${host.iptables.backend})`,
    ok: !failing(findings, request.failOn),
    findings,
    checked: [...verdict.checked, ...live.checked],
  };
}

async function tryLive({ host }: Verdict, ports: Ports) {
  if (host.version !== undefined && !atLeast(host.version, "2.6.24"))
    throw notLive(`kernel ${host.version} has no network namespaces to try rules in`, "--live");
  const { liveTest } = await import("./verify/live.ts");
  return liveTest(ports);
}

const notLive = (what: string, where: string) =>
  badInput("verify.live", { what, where, next: "run it without --live" });

const subjectOf = (source: Source): string => {
  if (source.kind === "host") return source.host;
  if (source.kind === "root") return source.dir;
  return source.kind === "facts" ? source.file : "this machine";
};

async function unpackAll(
  records: Verdict["host"]["facts"]["records"],
  ports: Ports,
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const one of records) {
    if (one.name !== "module" || one.status !== "ok" || packedAs(one.data[0] ?? "") === undefined)
      continue;
    const { path, bytes } = factBytes(one);
    // A damaged file is said to be unreadable by the judge, not by an exception.
    const plain = await unpackModule(path, bytes, ports).catch(() => undefined);
    if (plain) found.set(path, plain);
  }
  return found;
}

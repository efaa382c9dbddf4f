import { join, resolve } from "node:path";
import { badInput, environment } from "../../core/errors.ts";
import { parseFacts, type Facts } from "../../core/probe/facts.ts";
import type { Command, Ports, RunResult } from "../../ports.ts";
import { readGiven } from "../given-file.ts";
import { factsOfRoot } from "./facts-root.ts";

/** Where the facts come from: one of these. */
export type Source =
  | { readonly kind: "local" }
  | { readonly kind: "host"; readonly host: string }
  | { readonly kind: "root"; readonly dir: string }
  | { readonly kind: "facts"; readonly file: string };

export const probePath = (ports: Ports): string => join(ports.packageRoot, "data/probe/probe.sh");

/** The script, for a machine that cannot be reached from here. */
export const probeScript = (ports: Ports): Promise<string> =>
  ports.files.readText(probePath(ports));

/** A probe runs for seconds; iptables-save of a slow machine for minutes. */
const patienceMs = 10 * 60_000;

export async function collectFacts(source: Source, rules: boolean, ports: Ports): Promise<Facts> {
  switch (source.kind) {
    case "root":
      return rootFacts(source.dir, ports);
    case "facts":
      return fileFacts(source.file, ports);
    case "host":
      return hostFacts(source.host, rules, ports);
    default:
      return runFacts(
        { program: "sh", args: [probePath(ports), ...(rules ? [] : ["--no-rules"])] },
        undefined,
        "this machine",
        ports,
      );
  }
}

async function rootFacts(given: string, ports: Ports): Promise<Facts> {
  const dir = resolve(ports.host.cwd, given);
  const real = await ports.files.realpath(dir).catch(() => undefined);
  const info = real === undefined ? undefined : await ports.files.stat(real);
  if (real === undefined || info?.kind !== "directory")
    throw badInput("verify.root", {
      what: "there is no such directory",
      where: given,
      next: "give the top of a tree that has etc, lib and usr",
    });
  const names = await ports.files.list(real);
  if (!["etc", "lib", "usr", "bin", "sbin"].some((name) => names.includes(name)))
    throw badInput("verify.root", {
      what: "this is no root file system: it has neither etc nor lib nor usr",
      where: given,
      next: "give the top of the tree",
    });
  return factsOfRoot(real, ports);
}

async function fileFacts(given: string, ports: Ports): Promise<Facts> {
  const text = (await readGiven(given, ports)).toString("utf8");
  const facts = parseFacts(text);
  if (facts) return facts;
  throw badInput("verify.facts", {
    what: "this is no output of the probe",
    where: given,
    next: "tarpit-kit probe > probe.sh, run it there as root: sh probe.sh > facts",
  });
}

/** `[user@]host` for ssh(1): what could be taken for an option is none. */
export function sshCommand(host: string, remote: string): Command {
  if (!/^[A-Za-z0-9_][\w.@:%[\]-]{0,254}$/.test(host))
    throw badInput("verify.host", {
      what: `"${host}" is no [user@]host`,
      where: "--host",
      next: "give it as ssh takes it; what it needs besides goes into ~/.ssh/config",
    });
  return { program: "ssh", args: ["-T", "-o", "ConnectTimeout=20", "--", host, remote] };
}

async function hostFacts(host: string, rules: boolean, ports: Ports): Promise<Facts> {
  const command = sshCommand(host, rules ? "sh -s" : "sh -s -- --no-rules");
  if ((await ports.processes.which("ssh")) === undefined)
    throw environment("verify.ssh", {
      what: "there is no ssh here",
      next: "install openssh-client, or run the probe there and use --facts",
    });
  return runFacts(command, await probeScript(ports), host, ports);
}

async function runFacts(
  command: Command,
  input: string | undefined,
  where: string,
  ports: Ports,
): Promise<Facts> {
  const result = await ports.processes.run(command, {
    timeoutMs: patienceMs,
    ...(input === undefined ? {} : { input }),
  });
  const facts = parseFacts(result.stdout);
  if (facts && (facts.whole || facts.records.length > 0)) return facts;
  throw noFacts(result, where);
}

const noFacts = (result: RunResult, where: string) =>
  environment("verify.probe", {
    what: result.timedOut
      ? "the probe did not end"
      : `the probe gave no facts (exit ${result.code})`,
    where,
    evidence: result.stderr
      .split("\n")
      .filter(Boolean)
      .slice(0, 5)
      .map((line) => line.slice(0, 200).replaceAll(/[\p{Cc}\p{Cf}]/gu, "?")),
    next:
      result.code === 255 ? `ssh ${where} true` : "run the probe there by hand, and use --facts",
  });

import { Option } from "commander";
import type { Severity } from "../../core/findings.ts";
import { badInput } from "../../core/errors.ts";
import type { Ports } from "../../ports.ts";
import type { Source } from "../../app/verify/facts.ts";
import { type Define, globalsOf, type Outcome } from "../command.ts";
import { describeReport, toldOf } from "../render/report.ts";
import { describeVerify } from "../render/verify.ts";
import { formatted, type Format } from "./formats.ts";
import { example } from "./options.ts";

interface Options {
  readonly artifacts?: string;
  readonly host?: string;
  readonly root?: string;
  readonly facts?: string;
  readonly live: boolean;
  readonly rules: boolean;
  readonly failOn: Severity;
  readonly format?: Format;
}

const sources = ["artifacts", "host", "root", "facts"] as const;

export const defineVerify: Define = (program, run) => {
  const command = program
    .command("verify")
    .option(
      "--artifacts <dir>",
      "judge what a build left: its directory, or a parent that holds exactly one",
    )
    .option(
      "--host <[user@]host>",
      "judge another machine, over your own ssh; nothing is installed there",
    )
    .option(
      "--root <dir>",
      "judge a tree that does not run: a sysroot, an NFS root, an unpacked image",
    )
    .option("--facts <file>", "judge what the probe printed on another machine")
    .option(
      "--live",
      "also try a rule and a handshake in a throw-away network namespace (root)",
      false,
    )
    .option("--no-rules", "leave the rules out")
    .addOption(
      new Option("--fail-on <severity>", "exit 1 from this severity on")
        .choices(["error", "warning", "unchecked", "info"])
        .default("error"),
    )
    .addOption(
      new Option("--format <format>", "how to print it").choices([
        "human",
        "json",
        "junit",
        "sarif",
      ]),
    )
    .description(
      "judge this machine, or another: is the target there, does its iptables reach it, do the rules hold",
    )
    .addHelpText(
      "after",
      example(
        "tarpit-kit verify --live",
        "tarpit-kit verify --host root@firewall",
        "tarpit-kit verify --artifacts ./out",
      ),
    );
  command.action(async (options: Options) => {
    const asked = globalsOf(command);
    const globals = options.format === "json" ? { ...asked, json: true } : asked;
    await run("verify", globals, async (ports) => {
      const given = sources.filter((name) => options[name] !== undefined);
      if (given.length > 1) throw twoSources(given);
      if (options.live && given.length > 0) throw notLive(given[0] ?? "");
      return options.artifacts === undefined
        ? onTarget(options, ports)
        : onArtifacts(options.artifacts, options, ports);
    });
  });
};

const twoSources = (given: readonly string[]) =>
  badInput("usage", {
    what: `${given.map((name) => `--${name}`).join(" and ")} cannot be judged at once`,
    where: "the command line",
    next: "give one of them",
  });

const notLive = (name: string) =>
  badInput("verify.live", {
    what: "--live tries rules on this machine only",
    where: `--${name}`,
    next: "run it without --live",
  });

async function onArtifacts(dir: string, options: Options, ports: Ports): Promise<Outcome> {
  const { verifyArtifacts } = await import("../../app/verify-artifacts.ts");
  const { failing } = await import("../../app/verify-target.ts");
  const report = await verifyArtifacts({ dir }, ports);
  const ok = !failing(report.findings, options.failOn);
  return {
    ok,
    json: { ...report, ok },
    ...(await formatted(options.format, dir, report, ports)),
    table: (style) => describeVerify({ ...report, ok }, style),
  };
}

async function onTarget(options: Options, ports: Ports): Promise<Outcome> {
  const { verifyTarget } = await import("../../app/verify-target.ts");
  const { live, rules, failOn } = options;
  const report = await verifyTarget({ source: sourceOf(options), live, rules, failOn }, ports);
  const title = [
    report.subject,
    report.kernel && `kernel ${report.kernel}`,
    report.machine,
    report.iptables && `iptables ${report.iptables}`,
  ]
    .filter(Boolean)
    .join(", ");
  return {
    ok: report.ok,
    json: { ...report, findings: report.findings.map((one) => ({ ...one, ...toldOf(one) })) },
    ...(await formatted(options.format, report.subject, report, ports)),
    table: (style) => describeReport({ ...report, checked: report.checked.length, title }, style),
  };
}

const sourceOf = ({ host, root, facts }: Options): Source => {
  if (host !== undefined) return { kind: "host", host };
  if (root !== undefined) return { kind: "root", dir: root };
  return facts === undefined ? { kind: "local" } : { kind: "facts", file: facts };
};

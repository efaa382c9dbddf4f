import { Argument, Option } from "commander";
import { badInput } from "../../core/errors.ts";
import type { Severity } from "../../core/findings.ts";
import type { Ports } from "../../ports.ts";
import { type Define, globalsOf, type Outcome } from "../command.ts";
import { describeReport, toldOf } from "../render/report.ts";
import { describeRules, type RulesForm } from "../render/rules.ts";
import { grouped } from "../render/target-words-rules.ts";
import { formatted, type Format } from "./formats.ts";
import { collect, example, present, wholeNumber } from "./options.ts";

interface Options {
  readonly ports: string;
  readonly own: readonly string[];
  readonly log: boolean;
  readonly as: RulesForm;
  readonly kernel?: string;
  readonly rules?: string;
  readonly hours?: number;
  readonly failOn: Severity;
  readonly format?: Format;
}

export const defineRules: Define = (program, run) => {
  const command = program
    .command("rules")
    .addArgument(
      new Argument(
        "<action>",
        "print the right rules for a chain, or lint iptables-save output",
      ).choices(["print", "lint"]),
    )
    .argument("[name]", "print: the chain; lint: a file (standard input without one)")
    .option("--ports <list>", "print: TCP ports to hold, like 23,135:139 (default: every one)", "")
    .addOption(
      new Option("--own <network>", "print: a network of yours, never held; may be given again")
        .argParser(collect)
        .default([]),
    )
    .option("--log", "print: log new peers, one line an hour each", false)
    .addOption(
      new Option("--as <form>", "print: as commands of")
        .choices(["iptables", "ip6tables", "restore", "nft"])
        .default("iptables"),
    )
    .option("--kernel <version>", "print: for an old kernel, like 2.4.37")
    .option(
      "--rules <file>",
      "print: the rules as they are (iptables-save), to find the DROP that stays",
    )
    .option("--hours <number>", "lint: hours the counters were collected over", wholeNumber(1))
    .addOption(
      new Option("--fail-on <severity>", "lint: exit 1 from this severity on")
        .choices(["error", "warning", "unchecked", "info"])
        .default("error"),
    )
    .addOption(
      new Option("--format <format>", "lint: how to print it").choices([
        "human",
        "json",
        "junit",
        "sarif",
      ]),
    )
    .description("the right TARPIT rules for a chain, and what is wrong with the rules there are")
    .addHelpText(
      "after",
      example(
        "tarpit-kit rules print INPUT --ports 23,445 --own 192.0.2.0/24 --log",
        "iptables-save -c | tarpit-kit rules lint",
      ),
    );
  command.action(async (action: "print" | "lint", name: string | undefined, options: Options) => {
    const asked = globalsOf(command);
    const globals = options.format === "json" ? { ...asked, json: true } : asked;
    await run("rules", globals, async (ports) =>
      action === "print" ? onPrint(name, options, ports) : onLint(name, options, ports),
    );
  });
};

async function onPrint(
  chain: string | undefined,
  options: Options,
  ports: Ports,
): Promise<Outcome> {
  if (chain === undefined)
    throw badInput("usage", {
      what: "no chain is given",
      where: "rules print",
      next: "tarpit-kit rules print INPUT",
    });
  if (options.kernel !== undefined && !/^\d+(\.\d+){1,3}/.test(options.kernel))
    throw badInput("usage", {
      what: `"${options.kernel.slice(0, 40)}" is no kernel version`,
      where: "--kernel",
      next: "write it like 2.4.37",
    });
  const { print } = await import("../../app/rules.ts");
  const { ports: list, own, log, as, kernel, rules } = options;
  const printed = await print(
    {
      chain,
      family: as === "ip6tables" ? 6 : 4,
      ports: list === "" ? [] : list.split(","),
      own,
      log,
      ...present({ kernel, rules }),
    },
    ports,
  );
  return { ok: true, json: { results: [printed] }, stdout: describeRules(printed, as, kernel) };
}

async function onLint(file: string | undefined, options: Options, ports: Ports): Promise<Outcome> {
  if (file === undefined && process.stdin.isTTY)
    throw badInput("usage", {
      what: "no rules are given",
      where: "rules lint",
      next: "iptables-save -c | tarpit-kit rules lint, or give a file",
    });
  const { lint } = await import("../../app/rules.ts");
  const { failing } = await import("../../app/verify-target.ts");
  const report = await lint({ ...present({ file, hours: options.hours }) }, ports);
  const ok = !failing(report.findings, options.failOn);
  const title = `${report.file}: ${grouped(report.rules)} rules, ${grouped(report.targets)} with TARPIT`;
  return {
    ok,
    json: { ...report, findings: report.findings.map((one) => ({ ...one, ...toldOf(one) })) },
    ...(await formatted(
      options.format,
      report.file,
      { findings: report.findings, checked: [] },
      ports,
    )),
    table: (style) =>
      describeReport({ findings: report.findings, checked: undefined, ok, title }, style),
  };
}

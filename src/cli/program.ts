import { readFileSync } from "node:fs";
import { Command, Help, Option } from "commander";
import type { Define, Run } from "./command.ts";
import { defineBuild } from "./commands/build.ts";
import { defineCache } from "./commands/cache.ts";
import { defineCompletion } from "./commands/completion.ts";
import { defineConfig } from "./commands/config.ts";
import { defineDoctor } from "./commands/doctor.ts";
import { defineExtract } from "./commands/extract.ts";
import { defineFetch } from "./commands/fetch.ts";
import { defineMatrix } from "./commands/matrix.ts";
import { definePatch } from "./commands/patch.ts";
import { defineProbe } from "./commands/probe.ts";
import { defineProve } from "./commands/prove.ts";
import { defineReproduce } from "./commands/reproduce.ts";
import { defineRules } from "./commands/rules.ts";
import { defineStuck } from "./commands/stuck.ts";
import { defineVerify } from "./commands/verify.ts";

const commands: readonly Define[] = [
  defineFetch,
  definePatch,
  defineExtract,
  defineConfig,
  defineBuild,
  defineVerify,
  defineProbe,
  defineRules,
  defineStuck,
  defineProve,
  defineReproduce,
  defineMatrix,
  defineDoctor,
  defineCache,
  defineCompletion,
];

export async function makeProgram(run: Run): Promise<Command> {
  const program = new Command("tarpit-kit")
    .description(
      "Fetch, patch, configure, cross-build, verify and prove a Linux kernel with the iptables TARPIT target.",
    )
    .version(packageVersion(), "--version", "print the version")
    .helpOption("-h, --help", "show help")
    .addOption(new Option("--json", "one JSON object on stdout").default(false))
    .addOption(new Option("--quiet", "only warnings and errors on stderr").default(false))
    .addOption(new Option("--verbose", "every step and command on stderr").default(false))
    .addOption(new Option("--no-color", "no colour (NO_COLOR works too)"))
    .configureHelp({ showGlobalOptions: true, optionDescription: describeOption })
    .showHelpAfterError("  next:  --help shows what can be given")
    .exitOverride();
  for (const define of commands) define(program, run);
  return program;
}

/** As commander does it, but without "(default: false)" and "(default: [])", which say nothing. */
function describeOption(option: Option): string {
  const { defaultValue: value } = option;
  const silent = value === false || (Array.isArray(value) && value.length === 0);
  const shown = silent
    ? Object.assign(new Option(option.flags, option.description), { argChoices: option.argChoices })
    : option;
  return new Help().optionDescription(shown);
}

/** dist/cli/program.js and src/cli/program.ts are both two levels below package.json. */
function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

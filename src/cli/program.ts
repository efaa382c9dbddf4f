import { readFileSync } from "node:fs";
import { Command, Help, Option } from "commander";
import type { Define, Run } from "./command.ts";

/** In the order in which help lists them. */
const commands: Readonly<Record<string, () => Promise<Define>>> = {
  fetch: async () => (await import("./commands/fetch.ts")).defineFetch,
  patch: async () => (await import("./commands/patch.ts")).definePatch,
  extract: async () => (await import("./commands/extract.ts")).defineExtract,
  config: async () => (await import("./commands/config.ts")).defineConfig,
  build: async () => (await import("./commands/build.ts")).defineBuild,
  verify: async () => (await import("./commands/verify.ts")).defineVerify,
  probe: async () => (await import("./commands/probe.ts")).defineProbe,
  rules: async () => (await import("./commands/rules.ts")).defineRules,
  stuck: async () => (await import("./commands/stuck.ts")).defineStuck,
  prove: async () => (await import("./commands/prove.ts")).defineProve,
  reproduce: async () => (await import("./commands/reproduce.ts")).defineReproduce,
  matrix: async () => (await import("./commands/matrix.ts")).defineMatrix,
  doctor: async () => (await import("./commands/doctor.ts")).defineDoctor,
  cache: async () => (await import("./commands/cache.ts")).defineCache,
  completion: async () => (await import("./commands/completion.ts")).defineCompletion,
};

/**
 * The commands that a command line needs: its own, which is all that most runs ever load. Help, the
 * completion and a word that is none of ours need them all.
 */
function needed(argv: readonly string[]): readonly (() => Promise<Define>)[] {
  if (argv[0] === "--version") return [];
  const first = argv.find((word) => !word.startsWith("-")) ?? "";
  const own = Object.hasOwn(commands, first) && first !== "completion" && commands[first];
  return own ? [own] : Object.values(commands);
}

/** The program for one command line; without one, with every command. */
export async function makeProgram(run: Run, argv: readonly string[] = []): Promise<Command> {
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
  for (const define of await Promise.all(needed(argv).map((load) => load()))) define(program, run);
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

import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import type { Ports } from "../ports.ts";
import { defineBuild } from "./commands/build.ts";
import { defineCompletion } from "./commands/completion.ts";
import { defineConfig } from "./commands/config.ts";
import { defineDoctor } from "./commands/doctor.ts";
import { defineFetch } from "./commands/fetch.ts";
import { definePatch } from "./commands/patch.ts";
import { defineProve } from "./commands/prove.ts";
import { defineVerify } from "./commands/verify.ts";
import type { Style } from "./render/style.ts";

export interface Globals {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
}

/** What a command has to say, in every form it may be asked for. */
export interface Outcome {
  readonly ok: boolean;
  readonly exit?: number;
  /** `results`, `findings`: joined with version, command and ok for --json. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Results for other programs: paths. */
  readonly stdout?: string;
  /** Results that are a table or a list for a person. */
  readonly table?: (style: Style) => string;
  /** Closing words, on stderr. */
  readonly human?: (style: Style) => string;
}

export type Work = (ports: Ports) => Promise<Outcome>;
/** Runs a command's work with the world opened, its errors rendered and its exit code kept. */
export type Run = (command: string, globals: Globals, work: Work) => Promise<void>;

/** Adds a command to the program; its options become a request, its `work` is loaded when it runs. */
export type Define = (program: Command, run: Run) => void;

const commands: readonly Define[] = [
  defineFetch,
  definePatch,
  defineConfig,
  defineBuild,
  defineVerify,
  defineProve,
  defineDoctor,
  defineCompletion,
];

export async function makeProgram(run: Run): Promise<Command> {
  const program = new Command("tarpit-kit")
    .description("Fetch, patch, configure, cross-build, verify and prove a Linux kernel with the iptables TARPIT target.")
    .version(packageVersion(), "--version", "print the version")
    .helpOption("-h, --help", "show help")
    .addOption(new Option("--json", "one JSON object on stdout").default(false))
    .addOption(new Option("--quiet", "only errors on stderr").default(false))
    .addOption(new Option("--verbose", "every step and command on stderr").default(false))
    .addOption(new Option("--no-color", "no colour (NO_COLOR works too)"))
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showHelpAfterError("(--help shows what can be given)")
    .exitOverride();
  for (const define of commands) define(program, run);
  return program;
}

export const globalsOf = (command: Command): Globals => {
  const { json, quiet, verbose, color } = command.optsWithGlobals<Globals>();
  return { json, quiet, verbose, color };
};

/** dist/cli/program.js and src/cli/program.ts are both two levels below package.json. */
function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

import { CommanderError } from "commander";
import { Interrupted, TarpitError } from "../core/errors.ts";
import type { Globals, Outcome, Work } from "./command.ts";
import { makeProgram } from "./program.ts";
import { describeError, systemTrouble } from "./render/errors.ts";
import { TerminalLog } from "./render/log.ts";
import { makeStyle } from "./render/style.ts";
import type { OpenWorld } from "./world.ts";

/** Exit codes, as docs/exit-codes.md lists them. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  badInput: 2,
  environment: 3,
  bug: 70,
  interrupted: 130,
} as const;

/** Runs one command line; gives the process's exit code. stdout gets results only, stderr every word for a person. */
export async function main(argv: readonly string[], openWorld: OpenWorld): Promise<number> {
  let code: number = exitCodes.ok;
  const program = await makeProgram(async (command, globals, work) => {
    code = await runCommand(command, globals, work, openWorld);
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.badInput;
  }
}

async function runCommand(
  command: string,
  globals: Globals,
  work: Work,
  openWorld: OpenWorld,
): Promise<number> {
  const style = makeStyle(process.stderr, process.env, globals.color);
  const log = new TerminalLog(process.stderr, style, globals);
  const world = await openWorld(log);
  const unhook = onInterrupt(() => world.interrupt());
  const started = performance.now();
  try {
    const outcome = await work(world.ports);
    log.end();
    show(command, globals, outcome);
    return outcome.exit ?? (outcome.ok ? exitCodes.ok : exitCodes.failure);
  } catch (error) {
    log.end();
    return report(command, globals, error, style);
  } finally {
    unhook();
    if (process.env["TARPIT_KIT_TRACE"]) trace(performance.now() - started, world.busyMs());
  }
}

/** What this process itself cost, for `npm run bench`: own CPU, time without a child at work, peak memory. */
function trace(wallMs: number, busyMs: number): void {
  const { user, system } = process.cpuUsage();
  const facts = {
    cpuSeconds: (user + system) / 1e6,
    outsideSeconds: (wallMs - busyMs) / 1000,
    maxRssMiB: process.resourceUsage().maxRSS / 1024,
  };
  process.stderr.write(`${JSON.stringify({ trace: facts })}\n`);
}

function show(command: string, globals: Globals, outcome: Outcome): void {
  if (globals.json) {
    write({ version: 1, command, ok: outcome.ok, ...outcome.json });
    return;
  }
  if (outcome.human && !globals.quiet)
    process.stderr.write(outcome.human(makeStyle(process.stderr, process.env, globals.color)));
  if (outcome.stdout !== undefined) process.stdout.write(outcome.stdout);
  else if (outcome.table)
    process.stdout.write(outcome.table(makeStyle(process.stdout, process.env, globals.color)));
}

const write = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

function report(
  command: string,
  globals: Globals,
  thrown: unknown,
  style: ReturnType<typeof makeStyle>,
): number {
  if (thrown instanceof Interrupted) {
    process.stderr.write("interrupted; run the same command again to go on where it stopped\n");
    if (globals.json) write({ version: 1, command, ok: false, error: { code: "interrupted" } });
    return exitCodes.interrupted;
  }
  const error = thrown instanceof TarpitError ? thrown : systemTrouble(thrown);
  if (!error) return bug(thrown, globals, command);
  process.stderr.write(describeError(error, style));
  if (globals.json)
    write({ version: 1, command, ok: false, error: { code: error.code, ...error.trouble } });
  return error.exit;
}

function bug(thrown: unknown, globals: Globals, command: string): number {
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  process.stderr.write(
    `this is a bug in tarpit-kit; please report it with these lines:\n${text}\n`,
  );
  if (globals.json) write({ version: 1, command, ok: false, error: { code: "bug", what: text } });
  return exitCodes.bug;
}

/** The first Ctrl-C ends the children and lets the run end in order; a second one ends us at once. */
function onInterrupt(interrupt: () => Promise<void>): () => void {
  let asked = false;
  const handler = (): void => {
    if (asked) process.exit(exitCodes.interrupted);
    asked = true;
    void interrupt();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, handler);
  return () => signals.forEach((signal) => process.off(signal, handler));
}

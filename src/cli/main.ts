import { type Command, CommanderError } from "commander";
import { Interrupted, TarpitError } from "../core/errors.ts";
import type { Globals, Outcome, Work } from "./command.ts";
import { makeProgram } from "./program.ts";
import { TerminalLog } from "./render/log.ts";
import { makeStyle } from "./render/style.ts";
import type { OpenWorld, World } from "./world.ts";

/** Exit codes, as docs/architecture.md lists them. */
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
  // A reader that has gone, a full disk: `emit` reports it where it matters. Unheard, it would end us with a stack.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  let code: number = exitCodes.ok;
  const program = await makeProgram(async (command, globals, work) => {
    code = await runCommand(command, globals, work, openWorld);
  }, argv);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.ok : await misused(error, program, argv);
  }
}

/** Usage that the parser refused: it has said so on stderr; --json gets its one object all the same. */
async function misused(
  error: CommanderError,
  program: Command,
  argv: readonly string[],
): Promise<number> {
  if (!argv.includes("--json")) return exitCodes.badInput;
  const names = new Set(program.commands.map((one) => one.name()));
  const command = argv.find((word) => names.has(word));
  const what =
    error.code === "commander.help" ? "no command is given" : error.message.replace(/^error: /, "");
  const next = `tarpit-kit ${command === undefined ? "" : `${command} `}--help`;
  const told = { code: "usage", what, where: "the command line", next };
  await emitJson({ version: 1, command: command ?? "tarpit-kit", ok: false, error: told });
  return exitCodes.badInput;
}

async function runCommand(
  command: string,
  globals: Globals,
  work: Work,
  openWorld: OpenWorld,
): Promise<number> {
  const style = makeStyle(process.stderr, process.env, globals.color);
  const log = new TerminalLog(process.stderr, style, globals);
  try {
    const outcome = await inWorld(work, await openWorld(log));
    log.end();
    await show(command, globals, outcome);
    return outcome.exit ?? (outcome.ok ? exitCodes.ok : exitCodes.failure);
  } catch (error) {
    log.end();
    return report(command, globals, error, style);
  }
}

async function inWorld(work: Work, world: World): Promise<Outcome> {
  const interrupt = onInterrupt(() => world.interrupt());
  const started = performance.now();
  try {
    return await work(world.ports);
  } catch (error) {
    // Whatever fails after Ctrl-C fails because of it: a download cut off, a program that was ended.
    throw interrupt.asked() ? new Interrupted() : error;
  } finally {
    interrupt.unhook();
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

async function show(command: string, globals: Globals, outcome: Outcome): Promise<void> {
  if (globals.json) return emitJson({ version: 1, command, ok: outcome.ok, ...outcome.json });
  if (outcome.human && !globals.quiet)
    process.stderr.write(outcome.human(makeStyle(process.stderr, process.env, globals.color)));
  if (outcome.stdout !== undefined) await emit(outcome.stdout);
  else if (outcome.table)
    await emit(outcome.table(makeStyle(process.stdout, process.env, globals.color)));
}

/** Writes to stdout. A reader that has read enough (EPIPE: `| head`) is fine; any other trouble rejects. */
const emit = (text: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (!error || (error as NodeJS.ErrnoException).code === "EPIPE") resolve();
      else reject(Object.assign(error, { path: "standard output" }));
    });
  });

const emitJson = (value: unknown): Promise<void> => emit(`${JSON.stringify(value)}\n`);

async function report(
  command: string,
  globals: Globals,
  thrown: unknown,
  style: ReturnType<typeof makeStyle>,
): Promise<number> {
  const tell = async (error: object): Promise<void> => {
    // stdout itself may be what failed; stderr has the words.
    if (globals.json)
      await emitJson({ version: 1, command, ok: false, error }).catch(() => undefined);
  };
  if (thrown instanceof Interrupted) {
    process.stderr.write("interrupted; run the same command again to go on where it stopped\n");
    await tell({ code: "interrupted" });
    return exitCodes.interrupted;
  }
  const { describeError, systemTrouble } = await import("./render/errors.ts");
  const error = thrown instanceof TarpitError ? thrown : systemTrouble(thrown);
  if (!error) return bug(thrown, tell);
  process.stderr.write(describeError(error, style));
  await tell({ code: error.code, ...error.trouble });
  return error.exit;
}

async function bug(thrown: unknown, tell: (error: object) => Promise<void>): Promise<number> {
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  process.stderr.write(
    `this is a bug in tarpit-kit; please report it with these lines:\n${text}\n`,
  );
  await tell({ code: "bug", what: text });
  return exitCodes.bug;
}

/** The first Ctrl-C ends the children and lets the run end in order; a second one ends us at once. */
function onInterrupt(interrupt: () => Promise<void>) {
  let asked = false;
  const handler = (): void => {
    if (asked) process.exit(exitCodes.interrupted);
    asked = true;
    void interrupt();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, handler);
  return {
    asked: () => asked,
    unhook: () => signals.forEach((signal) => process.off(signal, handler)),
  };
}

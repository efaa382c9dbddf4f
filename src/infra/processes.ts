import { execa, type ResultPromise } from "execa";
import { accessSync, constants, createWriteStream, statSync, type WriteStream } from "node:fs";
import { delimiter, join } from "node:path";
import { Interrupted } from "../core/errors.ts";
import type {
  Command,
  FanResult,
  Gate,
  Processes,
  RunOptions,
  RunResult,
  Session,
} from "../ports.ts";
import { fanOut } from "./streams.ts";

type Child = ResultPromise<{ buffer: false; reject: false; encoding: "buffer" }>;

/** Time a child has between SIGTERM and SIGKILL. */
const graceMs = 3000;

/** Longest line handed on in one piece; a program that prints no newline must not fill our memory. */
const maxLine = 64 * 1024;

/** Splits a byte stream into lines (latin1: one character a byte, nothing is lost). */
class LineSplitter {
  #rest = "";
  readonly #emit: (line: string) => void;
  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }
  push(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString("latin1")).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#emit(line);
    if (this.#rest.length > maxLine) this.end();
  }
  end(): void {
    if (this.#rest !== "") this.#emit(this.#rest);
    this.#rest = "";
  }
}

/** Keeps what a stream says: in memory, in the log file, and line by line. */
function collect(
  stream: NodeJS.ReadableStream | null,
  name: "stdout" | "stderr",
  options: RunOptions,
  log: WriteStream | undefined,
): { text(): string } {
  const chunks: Buffer[] = [];
  const splitter = new LineSplitter((line) => options.onLine?.(line, name));
  stream?.on("data", (chunk: Buffer) => {
    if (options.capture !== false) chunks.push(chunk);
    log?.write(chunk);
    if (options.onLine) splitter.push(chunk);
  });
  stream?.on("end", () => splitter.end());
  return { text: () => Buffer.concat(chunks).toString("utf8") };
}

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGPIPE: 13,
  SIGTERM: 15,
};

function exitCode(result: Awaited<Child>): number {
  if (result.exitCode !== undefined) return result.exitCode;
  if (result.signal !== undefined) return 128 + (signalNumbers[result.signal] ?? 0);
  return 127;
}

/** Signals a whole process group: make's compilers end with make. */
function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: it has ended already.
  }
}

/**
 * Child processes through execa, each in a process group of its own, so that
 * an interrupt ends all of them and what they started.
 */
export class NodeProcesses implements Processes {
  readonly #running = new Map<number, Child>();
  #busyMs = 0;
  #busySince = 0;
  #interrupted = false;
  /**
   * Should this process be killed outright (SIGKILL), its children get SIGTERM from the kernel:
   * setpriv(1) --pdeathsig, prctl(2) PR_SET_PDEATHSIG. make then ends its compilers itself.
   */
  readonly #tied: readonly string[] = onPath("setpriv") ? ["setpriv", "--pdeathsig", "TERM"] : [];

  async run(command: Command, options: RunOptions = {}): Promise<RunResult> {
    const [result] = await this.pipe([command], options);
    return result as RunResult;
  }

  async pipe(
    commands: readonly Command[],
    options: RunOptions = {},
  ): Promise<readonly RunResult[]> {
    this.#refuseAfterInterrupt();
    const log =
      options.logFile === undefined
        ? undefined
        : createWriteStream(options.logFile, { flags: "a" });
    const jobs = this.#launch(commands, options, log);
    const timer = this.#deadline(
      jobs.map((job) => job.child),
      options.timeoutMs,
    );
    const results = await Promise.all(jobs.map((job) => job.done));
    clearTimeout(timer.handle);
    if (log) await new Promise<void>((resolve) => log.end(resolve));
    if (this.#interrupted) throw new Interrupted();
    return results.map((result) => ({ ...result, timedOut: timer.fired }));
  }

  start(command: Command, options: RunOptions = {}): Session {
    this.#refuseAfterInterrupt();
    const log =
      options.logFile === undefined
        ? undefined
        : createWriteStream(options.logFile, { flags: "a" });
    const child = this.#spawn(command, options, "pipe");
    const timer = this.#deadline([child], options.timeoutMs);
    const done = this.#finish(child, options, log).then((result) => {
      clearTimeout(timer.handle);
      log?.end();
      return { ...result, timedOut: timer.fired };
    });
    return {
      write: (text) => void child.stdin?.write(text),
      stop: async () => {
        await this.#stop(child);
      },
      finished: done,
    };
  }

  async fan(
    sources: readonly Command[],
    gate: Gate,
    sinks: readonly Command[],
  ): Promise<FanResult> {
    this.#refuseAfterInterrupt();
    const result = fanOut(sources, gate, sinks, {
      spawn: (command, stdin) => this.#spawn(command, {}, stdin),
      finish: (child, keepOutput) => this.#finish(child, {}, undefined, keepOutput),
      stop: (child) => this.#stop(child),
    });
    await result.catch(() => this.#refuseAfterInterrupt());
    this.#refuseAfterInterrupt();
    return result;
  }

  async which(program: string): Promise<string | undefined> {
    return onPath(program);
  }

  /** Ends every child, kindly and then not; what waits on them rejects with Interrupted. */
  async interrupt(): Promise<void> {
    this.#interrupted = true;
    await Promise.all([...this.#running.values()].map((child) => this.#stop(child)));
  }

  /** Milliseconds in which at least one child ran: the rest of a run's time is our own. */
  busyMs(): number {
    return this.#busyMs;
  }

  #begun(pid: number, child: Child): void {
    if (this.#running.size === 0) this.#busySince = performance.now();
    this.#running.set(pid, child);
  }

  #ended(pid: number): void {
    if (!this.#running.delete(pid) || this.#running.size > 0) return;
    this.#busyMs += performance.now() - this.#busySince;
  }

  #refuseAfterInterrupt(): void {
    if (this.#interrupted) throw new Interrupted();
  }

  #launch(commands: readonly Command[], options: RunOptions, log: WriteStream | undefined) {
    const jobs: { child: Child; done: Promise<RunResult> }[] = [];
    for (const [index, command] of commands.entries()) {
      const last = index === commands.length - 1;
      const child = this.#spawn(
        command,
        index === 0 ? options : {},
        index === 0 ? "ignore" : "pipe",
      );
      const before = jobs.at(-1)?.child;
      if (before) connect(before, child);
      jobs.push({ child, done: this.#finish(child, options, log, last) });
    }
    return jobs;
  }

  #spawn(command: Command, options: RunOptions, stdin: "pipe" | "ignore"): Child {
    const [program, ...args] = [...this.#tied, command.program, ...command.args] as [
      string,
      ...string[],
    ];
    const child = execa(program, args, {
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      env: { ...command.env },
      stdin: options.input === undefined ? stdin : "pipe",
      stdout: "pipe",
      stderr: "pipe",
      buffer: false,
      reject: false,
      encoding: "buffer",
      detached: true,
      cleanup: true,
      stripFinalNewline: false,
    }) as unknown as Child;
    if (options.input !== undefined) {
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(options.input);
    }
    if (child.pid !== undefined) this.#begun(child.pid, child);
    return child;
  }

  async #finish(
    child: Child,
    options: RunOptions,
    log: WriteStream | undefined,
    last = true,
  ): Promise<RunResult> {
    const started = performance.now();
    const out = last ? collect(child.stdout, "stdout", options, log) : undefined;
    const err = collect(child.stderr, "stderr", options, log);
    const result = await child;
    if (child.pid !== undefined) this.#ended(child.pid);
    const missing = result.code === "ENOENT" ? `${result.originalMessage}\n` : "";
    return {
      code: exitCode(result),
      stdout: out?.text() ?? "",
      stderr: err.text() + missing,
      durationMs: performance.now() - started,
      timedOut: false,
    };
  }

  #deadline(children: readonly Child[], timeoutMs: number | undefined) {
    const timer: { fired: boolean; handle: NodeJS.Timeout | undefined } = {
      fired: false,
      handle: undefined,
    };
    if (timeoutMs === undefined) return timer;
    timer.handle = setTimeout(() => {
      timer.fired = true;
      for (const child of children) void this.#stop(child);
    }, timeoutMs);
    return timer;
  }

  async #stop(child: Child): Promise<void> {
    signalGroup(child.pid, "SIGTERM");
    const kill = setTimeout(() => signalGroup(child.pid, "SIGKILL"), graceMs);
    await child;
    clearTimeout(kill);
  }
}

/** A reader that closes early ends its writer, as SIGPIPE does in a shell's pipeline. */
function connect(writer: Child, reader: Child): void {
  if (!writer.stdout || !reader.stdin) return;
  writer.stdout.pipe(reader.stdin);
  reader.stdin.on("error", () => undefined);
  reader.stdin.on("close", () => {
    // A writer that has said everything may still be on its way out: that is no broken pipe.
    if (!writer.stdout || writer.stdout.readableEnded) return;
    writer.stdout.destroy();
    signalGroup(writer.pid, "SIGPIPE");
  });
}

/** Absolute path of a program, as execvp(3) looks for it. */
function onPath(program: string): string | undefined {
  const candidates = program.includes("/")
    ? [program]
    : (process.env["PATH"] ?? "").split(delimiter).map((directory) => join(directory, program));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return statSync(candidate).isFile();
    } catch {
      return false;
    }
  });
}

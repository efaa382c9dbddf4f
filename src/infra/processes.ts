import { execa, type ResultPromise } from "execa";
import { accessSync, constants, statSync } from "node:fs";
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
import { closePipes, kernelPipes } from "./kernel-pipes.ts";
import { type LogFile, openLog } from "./log-file.ts";
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
  log: LogFile | undefined,
): { text(): string; bytes(): Buffer } {
  const chunks: Buffer[] = [];
  const splitter = new LineSplitter((line) => options.onLine?.(line, name));
  stream?.on("data", (chunk: Buffer) => {
    if (options.capture !== false) chunks.push(chunk);
    log?.write(chunk);
    if (options.onLine) splitter.push(chunk);
  });
  stream?.on("end", () => splitter.end());
  const bytes = (): Buffer => Buffer.concat(chunks);
  return { text: () => bytes().toString("utf8"), bytes };
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
    const log = options.logFile === undefined ? undefined : openLog(options.logFile);
    const jobs = await this.#launch(commands, options, log);
    const children = jobs.map((job) => job.child);
    const timer = this.#deadline(children, options.timeoutMs);
    const stop = () => void children.map((child) => this.#stop(child));
    options.signal?.addEventListener("abort", stop, { once: true });
    if (options.signal?.aborted) stop();
    log?.onTrouble(stop);
    const results = await Promise.all(jobs.map((job) => job.done));
    options.signal?.removeEventListener("abort", stop);
    clearTimeout(timer.handle);
    if (this.#interrupted) throw new Interrupted();
    await log?.end();
    return results.map((result) => ({ ...result, timedOut: timer.fired }));
  }

  start(command: Command, options: RunOptions = {}): Session {
    this.#refuseAfterInterrupt();
    const log = options.logFile === undefined ? undefined : openLog(options.logFile);
    const child = this.#spawn(command, options, "pipe");
    const timer = this.#deadline([child], options.timeoutMs);
    const done = this.#finish(child, options, log).then((result) => {
      clearTimeout(timer.handle);
      // What a guest said is in the result as well.
      void log?.end().catch(() => undefined);
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

  async #launch(commands: readonly Command[], options: RunOptions, log: LogFile | undefined) {
    const pipes = await kernelPipes(commands.length - 1);
    try {
      this.#refuseAfterInterrupt();
      return commands.map((command, index) => {
        const last = index === commands.length - 1;
        const stdin = pipes[index - 1]?.read ?? "ignore";
        const first = index === 0 ? options : {};
        const child = this.#spawn(command, first, stdin, pipes[index]?.write);
        return { child, done: this.#finish(child, options, log, last) };
      });
    } finally {
      closePipes(pipes);
    }
  }

  #spawn(
    command: Command,
    options: RunOptions,
    stdin: "pipe" | "ignore" | number,
    stdout: "pipe" | number = "pipe",
  ): Child {
    const [program, ...args] = [...this.#tied, command.program, ...command.args] as [
      string,
      ...string[],
    ];
    const child = execa(program, args, {
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      env: { ...command.env },
      // Any descriptor is handed to the child as it is; execa's types only name the standard ones.
      stdin: options.input === undefined ? (stdin as 0) : "pipe",
      stdout: stdout as 1,
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
    log: LogFile | undefined,
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
      stdout: options.bytes ? "" : (out?.text() ?? ""),
      stderr: err.text() + missing,
      ...(options.bytes && out ? { bytes: out.bytes() } : {}),
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

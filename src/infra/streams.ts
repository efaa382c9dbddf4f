import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { Command, FanResult, Gate, RunResult } from "../ports.ts";

/** What of a child process is used here. */
interface Piped {
  readonly stdin: Writable | null | undefined;
  readonly stdout: Readable | null | undefined;
}

/** How a child is started and waited for; NodeProcesses knows, so that an interrupt reaches it. */
export interface Starter<Child extends Piped> {
  spawn(command: Command, stdin: "pipe" | "ignore"): Child;
  /** `keepOutput`: collect its standard output; otherwise somebody else reads it. */
  finish(child: Child, keepOutput: boolean): Promise<RunResult>;
  stop(child: Child): Promise<void>;
}

/** Files.append: each chunk is in the file before the next is asked for. */
export async function appendChunks(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "a");
  try {
    for await (const chunk of chunks) await file.appendFile(chunk);
  } finally {
    await file.close();
  }
}

/** Starts a shell-free pipeline; what the last one prints is for the caller to read. */
function startSources<Child extends Piped>(commands: readonly Command[], starter: Starter<Child>) {
  const jobs: { child: Child; done: Promise<RunResult> }[] = [];
  for (const command of commands) {
    const before = jobs.at(-1)?.child;
    const child = starter.spawn(command, before ? "pipe" : "ignore");
    if (before?.stdout && child.stdin) {
      before.stdout.pipe(child.stdin);
      child.stdin.on("error", () => before.stdout?.destroy());
    }
    jobs.push({ child, done: starter.finish(child, false) });
  }
  return jobs;
}

/** Resolves when a stream has room again, or will never have. */
const roomIn = (stream: Writable): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("close", done);
  });

/** Processes.fan: see there for what it promises. */
export async function fanOut<Child extends Piped>(
  sources: readonly Command[],
  gate: Gate,
  sinks: readonly Command[],
  starter: Starter<Child>,
): Promise<FanResult> {
  const before = startSources(sources, starter);
  const after = sinks.map((command) => {
    const child = starter.spawn(command, "pipe");
    // EPIPE: its exit code tells why it stopped reading.
    child.stdin?.on("error", () => undefined);
    return { child, done: starter.finish(child, true) };
  });
  const everyone = [...before, ...after];
  const stopAll = () => Promise.all(everyone.map(({ child }) => starter.stop(child)));
  // Not the sinks after the first: they only listen.
  for (const { done } of everyone.slice(0, before.length + 1)) {
    void done.then((result) => (result.code === 0 ? undefined : stopAll()));
  }
  try {
    await carry(
      before.at(-1)?.child,
      gate,
      after.map(({ child }) => child),
    );
    if ((await Promise.all(before.map(({ done }) => done))).every(({ code }) => code === 0))
      gate.end();
  } catch (error) {
    await stopAll();
    await Promise.all(everyone.map(({ done }) => done));
    throw error;
  }
  for (const { child } of after) child.stdin?.end();
  const results = await Promise.all(everyone.map(({ done }) => done));
  return { sources: results.slice(0, before.length), sinks: results.slice(before.length) };
}

/**
 * Judges and hands on until the source's output ends. Events, not `for await`:
 * a kernel is 20,000 chunks, and an iterator's promises cost as much as the judging.
 */
function carry(from: Piped | undefined, gate: Gate, sinks: readonly Piped[]): Promise<void> {
  const out = from?.stdout;
  if (!out) return Promise.resolve();
  return new Promise((resolve, reject) => {
    out.on("data", (chunk: Buffer) => {
      try {
        gate.push(chunk);
      } catch (error) {
        out.destroy();
        reject(error as Error);
        return;
      }
      const full = sinks.filter(({ stdin }) => stdin?.writable && !stdin.write(chunk));
      if (full.length === 0) return;
      out.pause();
      void Promise.all(full.map(({ stdin }) => roomIn(stdin as Writable))).then(() => out.resume());
    });
    out.on("error", reject).on("end", resolve).on("close", resolve);
  });
}

import type { Command } from "./core/command.ts";

export type { Command } from "./core/command.ts";

/**
 * Everything the use cases need from the outside world. src/infra implements
 * it for real, tests implement it in memory; only src/bin.ts joins the two.
 */

export interface FileInfo {
  readonly kind: "file" | "directory" | "symlink" | "other";
  readonly size: number;
  /** Permission bits, as in st_mode & 0o7777. */
  readonly mode: number;
  readonly mtimeMs: number;
  /** Hard link count. */
  readonly links: number;
  /** Device and inode, to recognise one file under two names. */
  readonly id: string;
}

export interface Files {
  /** UTF-8 text. Rejects with ENOENT and friends as node:fs does. */
  readText(path: string): Promise<string>;
  readBytes(path: string): Promise<Buffer>;
  /** Standard input to its end, whatever it is: a file, a pipe, a socket, a terminal. */
  readInput(): Promise<Buffer>;
  /** Up to `length` bytes from `offset`. */
  readSlice(path: string, offset: number, length: number): Promise<Buffer>;
  /** Writes beside and renames, so a reader sees the old bytes or the new ones. Makes the directory. */
  write(path: string, data: string | Uint8Array, mode?: number): Promise<void>;
  /** Writes a new file of these pieces in a directory that is there, for many at once: its name is not synced, its bytes are if asked. */
  create(path: string, pieces: readonly Uint8Array[], options: CreateOptions): Promise<void>;
  /** Adds chunks to the end of a file as they come; what came before a failure stays. Makes the directory. */
  append(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  mkdir(path: string, mode?: number): Promise<void>;
  /** Removes a file or a whole directory; nothing there is fine. */
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A second name for one file (link(2)); not every file system has that. */
  link(from: string, to: string): Promise<void>;
  copy(from: string, to: string): Promise<void>;
  /** Of the name itself: a symbolic link is not followed. Undefined when nothing is there. */
  stat(path: string): Promise<FileInfo | undefined>;
  /** Names in a directory, sorted; empty when there is no such directory. */
  list(path: string): Promise<readonly string[]>;
  realpath(path: string): Promise<string>;
  readlink(path: string): Promise<string>;
  symlink(target: string, path: string): Promise<void>;
  /** A new private (0700) directory whose name starts with `prefix`; the parent is made. */
  makePrivateDirectory(prefix: string): Promise<string>;
  /** Lower-case hex. */
  sha256(path: string): Promise<string>;
  /**
   * Takes the lock file `path` or rejects with EEXIST naming the live holder.
   * A lock whose holder is dead (killed run) is taken over.
   */
  lock(path: string): Promise<Lock>;
}

export interface CreateOptions {
  /** Default: as the umask says. */
  readonly mode?: number | undefined;
  readonly sync: boolean;
}

export interface Lock {
  release(): Promise<void>;
}

export interface RunOptions {
  /** Each complete line as it comes, without its newline (latin1, so no byte is lost). */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** Both streams are appended here as they come. */
  readonly logFile?: string;
  /** Keep stdout and stderr in the result (default true; false for builds with large output). */
  readonly capture?: boolean;
  /** Keep stdout as bytes: `bytes` of the result, whose `stdout` is empty. */
  readonly bytes?: boolean;
  /** Bytes for standard input; default: empty. */
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
  /** Ends the programs when it fires, as an interrupt would; the results tell of it. */
  readonly signal?: AbortSignal;
}

export interface RunResult {
  /** Exit code; 128 + signal number when killed, 127 when the program was not found. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as it came, when RunOptions.bytes asked for it. */
  readonly bytes?: Buffer;
  readonly durationMs: number;
  readonly timedOut: boolean;
}

/** A started program that is talked to while it runs (a QEMU guest's console). */
export interface Session {
  write(text: string): void;
  /** Sends SIGTERM, then SIGKILL after a grace time, to the whole process group. */
  stop(): Promise<void>;
  readonly finished: Promise<RunResult>;
}

/** Looks at bytes on their way from one program to the next; throws to stop them all. */
export interface Gate {
  push(chunk: Uint8Array): void;
  end(): void;
}

export interface FanResult {
  readonly sources: readonly RunResult[];
  readonly sinks: readonly RunResult[];
}

export interface Processes {
  /** Never rejects for a program's own failure; rejects with Interrupted once the user has interrupted. */
  run(command: Command, options?: RunOptions): Promise<RunResult>;
  /** A shell-free pipeline: stdout of each feeds stdin of the next, past this process. Results in order. */
  pipe(commands: readonly Command[], options?: RunOptions): Promise<readonly RunResult[]>;
  /**
   * `sources` as a pipeline; what comes out passes `gate` and then goes into each of `sinks`. A chunk is
   * handed on only after `gate.push` returned, the end only after `gate.end`. When the gate throws, every
   * program is ended first and then this rejects with what it threw. A source or the first sink that
   * fails ends the others; further sinks only listen.
   */
  fan(sources: readonly Command[], gate: Gate, sinks: readonly Command[]): Promise<FanResult>;
  start(command: Command, options?: RunOptions): Session;
  /** Absolute path of a program as PATH finds it. */
  which(program: string): Promise<string | undefined>;
}

export interface HttpResponse {
  readonly status: number;
  /** The address after redirects. */
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface HttpOptions {
  /** First byte wanted; the answer is 206 when the server could do that (RFC 9110 section 14). */
  readonly from?: number;
  /** Validator the first part came with: another content is sent whole (RFC 9110 section 13.1.5). */
  readonly ifRange?: string;
  /** Gives up when nothing came for so long. */
  readonly stallMs?: number;
}

export interface Http {
  /** GET, following redirects (never from https to http). Rejects on network trouble, not on a status. */
  get(url: string, options?: HttpOptions): Promise<HttpResponse>;
}

export interface Clock {
  now(): Date;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
  sleep(ms: number): Promise<void>;
}

export interface Progress {
  readonly stage: string;
  /** Units done, and all of them when known. */
  readonly done: number;
  readonly total?: number;
  readonly unit: "files" | "bytes" | "cases";
  /** What is being worked on right now. */
  readonly item?: string;
}

/** Words for a person. The CLI decides what is shown, and how. */
export interface Log {
  /** A new stage of the run begins: `fetch`, `patch`, `config`, `kernel`, … */
  stage(name: string, detail?: string): void;
  info(text: string): void;
  warn(text: string): void;
  /** Only shown with --verbose. */
  detail(text: string): void;
  progress(progress: Progress): void;
}

/** The machine this process runs on. */
export interface Host {
  readonly cpus: number;
  readonly isRoot: boolean;
  /** uname -m as Node gives it, e.g. `x64`. */
  readonly arch: string;
  readonly kernelRelease: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export interface Ports {
  readonly files: Files;
  readonly processes: Processes;
  readonly http: Http;
  readonly clock: Clock;
  readonly log: Log;
  readonly host: Host;
  /** Where the package's own data, patches and C sources are (the package root). */
  readonly packageRoot: string;
  /** $TARPIT_KIT_CACHE, else $XDG_CACHE_HOME/tarpit-kit, else ~/.cache/tarpit-kit. */
  readonly cacheDir: string;
}

import { createHash } from "node:crypto";
import { dirname, join, posix } from "node:path";
import type {
  Command,
  FileInfo,
  Files,
  Host,
  Log,
  Ports,
  Processes,
  RunOptions,
  RunResult,
} from "../../src/ports.ts";

const failure = (code: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${path}`), { code, path });

/** Files in memory: names to bytes; directories are implied by the names below them. */
export class MemoryFiles implements Files {
  readonly content = new Map<string, Buffer>();
  readonly directories = new Set<string>(["/"]);
  readonly locks = new Set<string>();
  #private = 0;

  constructor(files: Readonly<Record<string, string | Uint8Array>> = {}) {
    for (const [path, data] of Object.entries(files)) this.put(path, data);
  }
  put(path: string, data: string | Uint8Array): void {
    const name = posix.normalize(path);
    this.content.set(name, Buffer.from(data as Uint8Array));
    for (let at = dirname(name); !this.directories.has(at); at = dirname(at))
      this.directories.add(at);
  }
  #bytes(path: string): Buffer {
    const found = this.content.get(posix.normalize(path));
    if (found) return found;
    throw failure(this.directories.has(posix.normalize(path)) ? "EISDIR" : "ENOENT", path);
  }
  async readText(path: string): Promise<string> {
    return this.#bytes(path).toString("utf8");
  }
  async readBytes(path: string): Promise<Buffer> {
    return Buffer.from(this.#bytes(path));
  }
  async readInput(): Promise<Buffer> {
    return Buffer.from(this.#bytes("standard input"));
  }
  async readSlice(path: string, offset: number, length: number): Promise<Buffer> {
    return Buffer.from(this.#bytes(path).subarray(offset, offset + length));
  }
  async write(path: string, data: string | Uint8Array): Promise<void> {
    this.put(path, data);
  }
  create(path: string, pieces: readonly Uint8Array[]): Promise<void> {
    return this.write(path, Buffer.concat(pieces));
  }
  async append(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      this.put(
        path,
        Buffer.concat([this.content.get(posix.normalize(path)) ?? Buffer.alloc(0), chunk]),
      );
    }
  }
  async mkdir(path: string): Promise<void> {
    for (let at = posix.normalize(path); !this.directories.has(at); at = dirname(at))
      this.directories.add(at);
  }
  async remove(path: string): Promise<void> {
    const name = posix.normalize(path);
    for (const known of [...this.content.keys(), ...this.directories]) {
      if (known !== name && !known.startsWith(`${name}/`)) continue;
      this.content.delete(known);
      this.directories.delete(known);
    }
  }
  async rename(from: string, to: string): Promise<void> {
    for (const [known, data] of this.content) {
      if (known !== from && !known.startsWith(`${from}/`)) continue;
      this.put(to + known.slice(from.length), data);
    }
    await this.remove(from);
  }
  link(from: string, to: string): Promise<void> {
    return this.copy(from, to);
  }
  async copy(from: string, to: string): Promise<void> {
    this.put(to, this.#bytes(from));
  }
  async stat(path: string): Promise<FileInfo | undefined> {
    const name = posix.normalize(path);
    const data = this.content.get(name);
    const shared = { mode: 0o644, mtimeMs: 0, links: 1, id: `1:${name}` };
    if (data) return { ...shared, kind: "file", size: data.length };
    return this.directories.has(name) ? { ...shared, kind: "directory", size: 0 } : undefined;
  }
  async list(path: string): Promise<readonly string[]> {
    const prefix = posix.join(path, "/");
    const below = [...this.content.keys(), ...this.directories].filter((name) =>
      name.startsWith(prefix),
    );
    return [...new Set(below.map((name) => name.slice(prefix.length).split("/")[0] ?? ""))]
      .filter(Boolean)
      .toSorted();
  }
  async realpath(path: string): Promise<string> {
    return posix.normalize(path);
  }
  async readlink(path: string): Promise<string> {
    throw failure("EINVAL", path);
  }
  async symlink(_target: string, path: string): Promise<void> {
    throw failure("ENOSYS", path);
  }
  async makePrivateDirectory(prefix: string): Promise<string> {
    this.#private += 1;
    const path = `${prefix}${this.#private}`;
    await this.mkdir(path);
    return path;
  }
  async sha256(path: string): Promise<string> {
    return createHash("sha256").update(this.#bytes(path)).digest("hex");
  }
  async lock(path: string): Promise<{ release(): Promise<void> }> {
    if (this.locks.has(path)) throw failure("EEXIST", path);
    this.locks.add(path);
    return { release: async () => void this.locks.delete(path) };
  }
}

export type Answer = Partial<RunResult> | undefined;

/** Programs as a table: who is there, and what each call answers. Calls are kept. */
export class FakeProcesses implements Processes {
  readonly calls: Command[] = [];
  programs: Set<string>;
  answer: (command: Command) => Answer;
  constructor(
    programs: Iterable<string> = [],
    answer: (command: Command) => Answer = () => undefined,
  ) {
    this.programs = new Set(programs);
    this.answer = answer;
  }
  async run(command: Command, options: RunOptions = {}): Promise<RunResult> {
    this.calls.push(command);
    const result = {
      code: 0,
      stdout: "",
      stderr: "",
      durationMs: 1,
      timedOut: false,
      ...this.answer(command),
    };
    for (const line of result.stdout.split("\n").filter(Boolean)) options.onLine?.(line, "stdout");
    return result;
  }
  async pipe(
    commands: readonly Command[],
    options: RunOptions = {},
  ): Promise<readonly RunResult[]> {
    return Promise.all(commands.map((command) => this.run(command, options)));
  }
  fan(): never {
    throw new Error("no fans here");
  }
  start(): never {
    throw new Error("no sessions here");
  }
  async which(program: string): Promise<string | undefined> {
    if (!this.programs.has(program)) return undefined;
    return program.startsWith("/") ? program : join("/usr/bin", program);
  }
}

/** Keeps every word, one line each. */
export class MemoryLog implements Log {
  readonly lines: string[] = [];
  stage = (name: string, detail?: string): void =>
    void this.lines.push(`${name}${detail ? ` ${detail}` : ""}`);
  info = (text: string): void => void this.lines.push(text);
  warn = (text: string): void => void this.lines.push(`warning: ${text}`);
  detail = (text: string): void => void this.lines.push(text);
  progress = (): void => undefined;
}

export interface FakePorts extends Ports {
  readonly files: MemoryFiles;
  readonly processes: FakeProcesses;
  readonly log: MemoryLog;
}

/** Ports with nothing behind them; give what the test is about. */
export function fakePorts(
  parts: Partial<Omit<FakePorts, "host">> & { readonly host?: Partial<Host> } = {},
): FakePorts {
  let time = 0;
  return {
    files: new MemoryFiles(),
    processes: new FakeProcesses(),
    log: new MemoryLog(),
    http: { get: async (url) => Promise.reject(new Error(`no network for ${url}`)) },
    clock: { now: () => new Date(0), monotonic: () => (time += 1), sleep: async () => undefined },
    packageRoot: "/kit",
    cacheDir: "/cache",
    ...parts,
    host: {
      cpus: 2,
      isRoot: false,
      arch: "x64",
      kernelRelease: "6.1.0",
      env: {},
      cwd: "/work",
      ...parts.host,
    },
  };
}

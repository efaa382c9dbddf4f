import { dirname, join } from "node:path";
import { ArchiveRefused } from "../../core/archive-names.ts";
import { badInput, environment } from "../../core/errors.ts";
import { TarJudge } from "../../core/fetch-tar-walker.ts";
import type { Command, Gate, Ports, RunResult } from "../../ports.ts";

/** Bytes of a tar archive, as a pipeline prints them. */
export interface TarStream {
  readonly commands: readonly Command[];
  /** What messages call it. */
  readonly shown: string;
  /** Its compressed size. */
  readonly size: number;
  /** Options of tar that leave out members nobody asked for. */
  readonly leaveOut?: readonly string[];
}

/** The user's defaults must not change what is unpacked. */
export const env = {
  LC_ALL: "C",
  TAR_OPTIONS: undefined,
  POSIXLY_CORRECT: undefined,
  XZ_OPT: undefined,
  XZ_DEFAULTS: undefined,
  GZIP: undefined,
  BZIP2: undefined,
  ZSTD_CLEVEL: undefined,
};

interface Format {
  readonly magic: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly package: string;
}

/** By the first bytes, not by the name. `-T0`: all cores, where the format allows it. */
const formats: readonly Format[] = [
  { magic: "fd377a585a00", program: "xz", args: ["-dc", "-T0"], package: "xz-utils" },
  { magic: "1f8b", program: "gzip", args: ["-dc"], package: "gzip" },
  { magic: "425a68", program: "bzip2", args: ["-dc"], package: "bzip2" },
  { magic: "28b52ffd", program: "zstd", args: ["-dcq"], package: "zstd" },
];

/** The tar inside a compressed file. */
export async function tarIn(file: string, shown: string, ports: Ports): Promise<TarStream> {
  const start = await ports.files.readSlice(file, 0, 512);
  const size = (await ports.files.stat(await ports.files.realpath(file)))?.size ?? 0;
  const format = formats.find(({ magic }) => start.toString("hex").startsWith(magic));
  if (!format && start.toString("latin1", 257, 262) !== "ustar") {
    throw badInput("fetch.archive", {
      what: `${shown} is no archive that is understood`,
      where: file,
      next: "give a tar archive as it is or compressed with xz, gzip, bzip2 or zstd",
    });
  }
  if (!format) return { commands: [{ program: "cat", args: ["--", file], env }], shown, size };
  await requireProgram(format.program, format.package, ports);
  return {
    commands: [{ program: format.program, args: [...format.args, "--", file], env }],
    shown,
    size,
  };
}

export async function requireProgram(
  program: string,
  fromPackage: string,
  ports: Ports,
): Promise<void> {
  if (await ports.processes.which(program)) return;
  throw environment("fetch.tool", {
    what: `${program} is not installed`,
    where: "PATH",
    next: `sudo apt-get install ${fromPackage}`,
  });
}

/** Judges the stream, and tells how far it is. */
class ProgressGate implements Gate {
  readonly judge = new TarJudge();
  readonly #ports: Ports;
  readonly #shown: string;
  #told = 0;
  constructor(ports: Ports, shown: string) {
    this.#ports = ports;
    this.#shown = shown;
  }
  push(chunk: Uint8Array): void {
    this.judge.push(chunk);
    if (this.judge.bytes - this.#told < 8 << 20) return;
    this.#told = this.judge.bytes;
    this.#ports.log.progress({
      stage: "fetch",
      unit: "bytes",
      done: this.#told,
      item: `unpacking ${this.#shown}`,
    });
  }
  end(): void {
    this.judge.end();
  }
}

/** Ended by us because another one failed; that one has the reason. */
const endedByUs: ReadonlySet<number> = new Set([128 + 13, 128 + 15, 128 + 9]);

/** The one of a pipeline's programs whose failure is the reason for the others'. */
export function causeOf(results: readonly RunResult[]): RunResult | undefined {
  const failed = results.filter(({ code }) => code !== 0);
  return (
    failed.find(({ stderr }) => isDiskFull(stderr)) ??
    failed.find(({ code }) => !endedByUs.has(code)) ??
    failed[0]
  );
}

const lastWords = (result: RunResult): string =>
  result.stderr.trim().split("\n").slice(-3).join("; ");

/** An unpacked kernel takes about eleven times the room of its .tar.xz. */
const growth = 11;

export const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;

export function diskFull(directory: string, bytes: number): Error {
  return environment("fetch.disk-full", {
    what: `the disk is full: fetching needs about ${megabytes(bytes)} there`,
    where: directory,
    next: "make room (`tarpit-kit cache gc`), or set TARPIT_KIT_CACHE to a directory on a larger disk",
  });
}

const isDiskFull = (text: string): boolean =>
  /No space left on device|Disk quota exceeded/.test(text);

export function unpackTrouble(
  stream: TarStream,
  into: string,
  failed: RunResult,
  seen: number,
): Error {
  const said = lastWords(failed);
  if (isDiskFull(failed.stderr))
    return diskFull(dirname(dirname(into)), Math.max(seen * 1.15, stream.size * growth));
  return badInput("fetch.archive", {
    what: `${stream.shown} cannot be unpacked: ${said || `exit code ${failed.code}`}`,
    where: stream.shown,
    next: "it is damaged or cut off: bring it again from where it came",
  });
}

export const refused = (stream: TarStream, error: ArchiveRefused): Error =>
  badInput("fetch.archive", {
    what: `${stream.shown} is refused: ${JSON.stringify(error.entry)}: ${error.reason}`,
    where: stream.shown,
    next: "nothing was kept of it; take the kernel from another source",
    data: { entry: error.entry, reason: error.reason },
  });

/** tar without -P: it refuses names that lead out, and makes links that do only at its end. */
export const extractInto = (into: string, more: readonly string[] = []): Command => ({
  program: "tar",
  args: [
    "--extract",
    "--file=-",
    `--directory=${into}`,
    "--no-same-owner",
    "--no-same-permissions",
    ...more,
  ],
  env,
});

/**
 * Unpacks into `work`/unpack. Each entry is judged before tar gets to see it;
 * `alsoRead` (gpgv) gets the same bytes. Returns the tree and that program's result.
 */
export async function unpack(
  stream: TarStream,
  work: string,
  ports: Ports,
  alsoRead?: Command,
): Promise<{ readonly tree: string; readonly reader: RunResult | undefined }> {
  await requireProgram("tar", "tar", ports);
  const into = join(work, "unpack");
  await ports.files.mkdir(into, 0o700);
  const gate = new ProgressGate(ports, stream.shown);
  const sinks: Command[] = [extractInto(into, stream.leaveOut), ...(alsoRead ? [alsoRead] : [])];
  const results = await ports.processes
    .fan(stream.commands, gate, sinks)
    .catch((error: unknown) => {
      throw error instanceof ArchiveRefused ? refused(stream, error) : error;
    });
  const [tar, reader] = results.sinks;
  // gpgv's exit code is its verdict, which the caller reads.
  const cause = causeOf([...results.sources, tar as RunResult]);
  if (cause) throw unpackTrouble(stream, into, cause, gate.judge.bytes);
  return { tree: join(into, gate.judge.names.top as string), reader };
}

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { fetchSource } from "../../src/app/fetch.ts";
import type { FetchRequest } from "../../src/app/fetch/types.ts";
import { TarpitError } from "../../src/core/errors.ts";
import { createFiles } from "../../src/infra/files.ts";
import { createHttp } from "../../src/infra/http.ts";
import { NodeProcesses } from "../../src/infra/processes.ts";
import type { Ports } from "../../src/ports.ts";
import { MemoryLog } from "../support/ports.ts";

export interface Entry {
  readonly path: string;
  /** node-tar's name of the type: File, SymbolicLink, … */
  readonly type?: string;
  readonly link?: string;
  readonly body?: string | Buffer;
  readonly mode?: number;
  /** Last word on the header block, before its checksum. */
  readonly edit?: (block: Buffer) => void;
}

const pad = (data: Buffer): Buffer =>
  Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);

/** Puts the right checksum into a header block. */
export function sum(block: Buffer): Buffer {
  block.fill(" ", 148, 156);
  const total = block.reduce((all, byte) => all + byte, 0);
  block.write(`${total.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** One entry, its header by node-tar. */
export function tarEntry({
  path,
  type = "File",
  link = "",
  body = "",
  mode = 0o644,
  edit,
}: Entry): Buffer {
  const data = Buffer.from(body as Buffer);
  const header = new Header({
    path,
    type: type as "File",
    linkpath: link,
    size: data.length,
    mode,
    mtime: new Date(0),
  });
  header.encode();
  const block = header.block as Buffer;
  edit?.(block);
  return Buffer.concat([sum(block), pad(data)]);
}

export const tarEnd = Buffer.alloc(1024);

export const tarOf = (...entries: Entry[]): Buffer =>
  Buffer.concat([...entries.map(tarEntry), tarEnd]);

const makefile = (version: string): string => {
  const [major, minor, patch = "0"] = version.split(".");
  return `VERSION = ${major}\nPATCHLEVEL = ${minor}\nSUBLEVEL = ${patch}\nEXTRAVERSION =\n`;
};

/** What is just enough to be taken for a kernel tree. */
export const kernelEntries = (version = "6.1.5", top = `linux-${version}`): Entry[] => [
  { path: `${top}/`, type: "Directory", mode: 0o755 },
  { path: `${top}/Makefile`, body: makefile(version) },
  { path: `${top}/Kconfig`, body: "mainmenu x\n" },
  { path: `${top}/net/ipv4/netfilter/Makefile`, body: "obj-y :=\n" },
  { path: `${top}/net/netfilter/xt_TCPMSS.c`, body: "/* target */\n" },
  { path: `${top}/net/netfilter/xt_tcpmss.c`, body: "/* match */\n" },
  { path: `${top}/link`, type: "SymbolicLink", link: "net/netfilter" },
];

export const kernelTarGz = (version?: string): Buffer => gzipSync(tarOf(...kernelEntries(version)));
export const compress = (program: string, data: Buffer): Buffer =>
  execFileSync(program, ["-c"], { input: data, maxBuffer: 1 << 28 });

export interface Bench {
  readonly root: string;
  readonly ports: Ports;
  readonly log: MemoryLog;
  fetch(spec: string, more?: Partial<FetchRequest>): ReturnType<typeof fetchSource>;
  /** The error of a fetch that must fail, and then must have left nothing. */
  refusal(spec: string, more?: Partial<FetchRequest>): Promise<TarpitError>;
  /** Everything below the cache but locks and empty directories. */
  cached(): string[];
  file(name: string, data: string | Buffer): string;
  close(): void;
}

/** Real files, programs and http; a cache and a package root of its own. */
export function bench(): Bench {
  const root = mkdtempSync(join(tmpdir(), "tarpit-fetch-"));
  const log = new MemoryLog();
  const cacheDir = join(root, "cache");
  const packageRoot = join(root, "kit");
  mkdirSync(join(packageRoot, "data", "keys"), { recursive: true });
  cpSync("data/kernels", join(packageRoot, "data", "kernels"), { recursive: true });
  const ports: Ports = {
    files: createFiles(),
    processes: new NodeProcesses(),
    http: createHttp(),
    clock: {
      now: () => new Date(),
      monotonic: () => performance.now(),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 20))),
    },
    log,
    host: { cpus: 2, isRoot: false, arch: "x64", kernelRelease: "6.1.0", env: {}, cwd: root },
    packageRoot,
    cacheDir,
  };
  const fetch = (spec: string, more: Partial<FetchRequest> = {}) =>
    fetchSource({ spec, insecureSkipVerify: false, ...more }, ports);
  const cached = () => walk(cacheDir);
  return {
    root,
    ports,
    log,
    fetch,
    cached,
    file(name, data) {
      const path = join(root, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, data);
      return path;
    },
    async refusal(spec, more) {
      try {
        await fetch(spec, more);
      } catch (error) {
        if (error instanceof TarpitError) return error;
        throw error;
      }
      throw new Error(`${spec} was taken`);
    },
    close: () => rmSync(root, { recursive: true, force: true }),
  };
}

function walk(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
    (entry) => !entry.isDirectory() && !/\.lock|^\.lock/.test(entry.name),
  );
  return entries
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}

export interface Site {
  readonly base: string;
  /** Requests so far, `PATH RANGE`. */
  readonly seen: string[];
  close(): Promise<void>;
}

/** A web server on the loopback address. */
export async function site(
  answer: (request: IncomingMessage, response: ServerResponse, number: number) => void,
): Promise<Site> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.url} ${request.headers.range ?? ""}`.trim());
    answer(request, response, seen.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    base: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Serves a file with ranges, as a proper server does. */
export function serve(
  data: Buffer,
  etag: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
  const same = request.headers["if-range"] === undefined || request.headers["if-range"] === etag;
  if (from !== undefined && same && Number(from) < data.length) {
    const rest = data.subarray(Number(from));
    const range = `bytes ${from}-${data.length - 1}/${data.length}`;
    response
      .writeHead(206, { "content-length": rest.length, "content-range": range, etag })
      .end(rest);
    return;
  }
  response.writeHead(200, { "content-length": data.length, etag }).end(data);
}

export const sha256 = (data: Buffer): string => createHash("sha256").update(data).digest("hex");

/**
 * A linux-source package in the cache, made by dpkg-deb, and an apt-get first in PATH that names it and
 * brings nothing. The test puts PATH back. Gives the package's path.
 */
export function debianPackage(b: Bench, tarXz: Buffer, hash?: string): string {
  b.file("deb/usr/src/linux-source-6.1.tar.xz", tarXz);
  const control = `Package: linux-source-6.1\nVersion: 6.1.5-1\nArchitecture: all\nMaintainer: t <t@test.invalid>\nDescription: t\n`;
  b.file("deb/DEBIAN/control", control);
  const name = "linux-source-6.1_6.1.5-1_all.deb";
  mkdirSync(join(b.root, "cache", "downloads"), { recursive: true });
  const deb = join(b.root, "cache", "downloads", name);
  execFileSync("dpkg-deb", ["--build", join(b.root, "deb"), deb], { stdio: "ignore" });
  const sum = hash ?? sha256(readFileSync(deb));
  const line = `'http://test.invalid/${name}' ${name} ${statSync(deb).size} SHA256:${sum}`;
  const script = `#!/bin/sh\ncase "$*" in *--print-uris*) echo "${line}" ;; *) echo "E: no network" >&2; exit 100 ;; esac\n`;
  chmodSync(b.file("bin/apt-get", script), 0o755);
  process.env["PATH"] = `${join(b.root, "bin")}:${process.env["PATH"]}`;
  rmSync(join(b.root, "deb"), { recursive: true });
  return deb;
}

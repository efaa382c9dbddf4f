import { Parser } from "tar";
import type { Ports } from "../../ports.ts";
import { largestModule, packedAs, unpackModule } from "./unpack-module.ts";

/** A module found in modules.tar.gz, unpacked unless its compression is one we cannot undo here. */
export interface FoundModule {
  readonly name: string;
  readonly bytes?: Buffer;
  readonly packed?: string;
}

export interface ModuleArchive {
  readonly modules: readonly FoundModule[];
  /** Directories below lib/modules/. */
  readonly releases: readonly string[];
  /** modules.dep, where there is one. */
  readonly dep: string | undefined;
  /** modules.builtin names the modules that are in the kernel itself. */
  readonly builtin: string | undefined;
}

const chunk = 1 << 20;
const largest = largestModule;
const wantedOf = (module: string): RegExp =>
  new RegExp(
    String.raw`(^|/)(${module.replaceAll(".", "\\.")}(\.gz|\.xz|\.zst)?|modules\.dep|modules\.builtin)$`,
  );

/** Streams the archive; only the files that are judged are kept. Rejects when it is no whole tar.gz. */
export async function readModuleArchive(
  path: string,
  ports: Ports,
  module = "xt_TARPIT.ko",
): Promise<ModuleArchive> {
  const wanted = wantedOf(module);
  const kept = new Map<string, Buffer>();
  const releases = new Set<string>();
  let room = largest;
  const parser = new Parser({ strict: true });
  const done = new Promise<void>((resolve, reject) => {
    parser.on("end", resolve);
    parser.on("error", reject);
  });
  // Marked as handled: a broken archive rejects it while we still await the disk.
  done.catch(() => undefined);
  parser.on("entry", (entry) => {
    const name = entry.path.replace(/^\.\//, "");
    const release = /^lib\/modules\/([^/]+)/.exec(name)?.[1];
    if (release !== undefined) releases.add(release);
    if (!wanted.test(name)) return void entry.resume();
    room -= entry.size;
    if (room < 0) {
      parser.abort(new Error(`${name} and the like are larger than ${largest >> 20} MiB together`));
      return;
    }
    const chunks: Buffer[] = [];
    entry.on("data", (data: Buffer) => chunks.push(data));
    entry.on("end", () => kept.set(name, Buffer.concat(chunks)));
  });
  await feed(parser, path, ports);
  await done;
  const text = (end: string) =>
    [...kept].find(([name]) => name.endsWith(end))?.[1].toString("utf8");
  const modules = await Promise.all(
    [...kept]
      .filter(([name]) => name.includes(module))
      .map(([name, bytes]) => unpack(name, bytes, ports)),
  );
  return {
    modules,
    releases: [...releases],
    dep: text("/modules.dep"),
    builtin: text("/modules.builtin"),
  };
}

async function feed(parser: Parser, path: string, ports: Ports): Promise<void> {
  for (let offset = 0; ; offset += chunk) {
    const bytes = await ports.files.readSlice(path, offset, chunk);
    if (bytes.length === 0) break;
    if (!parser.write(bytes)) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  parser.end();
}

async function unpack(name: string, bytes: Buffer, ports: Ports): Promise<FoundModule> {
  const plain = await unpackModule(name, bytes, ports);
  return plain === undefined ? { name, packed: packedAs(name) ?? "" } : { name, bytes: plain };
}

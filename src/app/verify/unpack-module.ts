import { gunzipSync } from "node:zlib";
import type { Ports } from "../../ports.ts";

/** A module with its debug information is about 1 MB; more than this is not taken into memory. */
export const largestModule = 64 << 20;

/** `gz`, `xz` or `zst`: how a file name says that its module is packed. */
export const packedAs = (name: string): string | undefined => /\.(gz|xz|zst)$/.exec(name)?.[1];

/** The program that unpacks to stdout; Node 20 has neither of the two formats itself. */
const programs: Readonly<Record<string, readonly string[]>> = {
  xz: ["xz", "-dc", "--memlimit-decompress=256MiB"],
  zst: ["zstd", "-dcq", "-M256MB"],
};

/**
 * A module's bytes as the kernel would see them. Undefined when nothing here can unpack it. Rejects
 * for a .gz that is none; head(1) bounds what a few packed bytes may become.
 */
export async function unpackModule(
  name: string,
  bytes: Buffer,
  ports: Ports,
): Promise<Buffer | undefined> {
  const format = packedAs(name);
  if (format === undefined) return bytes;
  if (format === "gz") return gunzipSync(bytes, { maxOutputLength: largestModule });
  const [program = "", ...args] = programs[format] ?? [];
  if ((await ports.processes.which(program)) === undefined) return undefined;
  const [unpacked, head] = await ports.processes.pipe(
    [
      { program, args },
      { program: "head", args: ["-c", String(largestModule)] },
    ],
    { input: bytes, bytes: true },
  );
  return unpacked?.code === 0 ? head?.bytes : undefined;
}

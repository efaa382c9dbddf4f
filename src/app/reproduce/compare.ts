import { join } from "node:path";
import type { Sums } from "../../core/inputs.ts";
import type { Ports } from "../../ports.ts";
import { artifactSums } from "../build/records.ts";

export interface Compared {
  readonly file: string;
  /** `changed`: the file beside metadata.json is not what metadata.json says was built. */
  readonly state: "same" | "differs" | "missing" | "new" | "changed";
  readonly before?: string;
  readonly now?: string;
  /** The first byte that differs, when both files are here. */
  readonly offset?: number;
}

/** Every artifact of then and now. Hashes stand for files that are not beside metadata.json any more. */
export async function compareArtifacts(
  { dir, artifacts }: { readonly dir: string; readonly artifacts: Sums },
  rebuilt: string,
  ports: Ports,
): Promise<readonly Compared[]> {
  const now = await artifactSums(rebuilt, ports);
  const names = [...new Set([...Object.keys(artifacts), ...Object.keys(now)])].toSorted();
  const files: Compared[] = [];
  for (const file of names)
    files.push(
      await compareOne(file, { dir, rebuilt, before: artifacts[file], now: now[file] }, ports),
    );
  return files;
}

interface Pair {
  readonly dir: string;
  readonly rebuilt: string;
  readonly before: string | undefined;
  readonly now: string | undefined;
}

async function compareOne(file: string, pair: Pair, ports: Ports): Promise<Compared> {
  const { dir, rebuilt, before, now } = pair;
  if (before === undefined) return { file, state: "new", ...(now === undefined ? {} : { now }) };
  if (now === undefined) return { file, state: "missing", before };
  const here = await ports.files.sha256(join(dir, file)).catch(() => before);
  if (here !== before) return { file, state: "changed", before, now: here };
  if (before === now) return { file, state: "same", before, now };
  const offset = await firstDifference(join(dir, file), join(rebuilt, file), ports);
  return { file, state: "differs", before, now, ...(offset === undefined ? {} : { offset }) };
}

async function firstDifference(a: string, b: string, ports: Ports): Promise<number | undefined> {
  const read = (path: string) => ports.files.readBytes(path).catch(() => undefined);
  const [left, right] = [await read(a), await read(b)];
  if (!left || !right) return undefined;
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) if (left[index] !== right[index]) return index;
  return length;
}

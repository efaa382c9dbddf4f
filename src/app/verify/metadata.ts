import { basename, join } from "node:path";
import { finding, type Report } from "../../core/findings.ts";
import type { Ports } from "../../ports.ts";

/** The part of metadata.json that the checks go by. */
export interface Metadata {
  readonly arch: string;
  readonly release: string;
  readonly scope: "kernel" | "module";
  readonly abis: readonly string[];
  /** Of kernels that kbuild does not build (data/generations). */
  readonly generation: string | undefined;
  readonly bootImage: string | undefined;
  readonly epoch: number | undefined;
  /** Hashes of the extensions as they were built, by path. */
  readonly extensions: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Undefined when a field the checks need is not what it should be; `problem` says which. */
export function readMetadata(text: string): {
  readonly metadata?: Metadata;
  readonly problem?: string;
} {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { problem: (error as Error).message };
  }
  if (!isObject(json)) return { problem: "not an object" };
  const kernel = isObject(json["kernel"]) ? json["kernel"] : {};
  const { arch, abis, scope, epoch } = json as {
    arch?: unknown;
    abis?: unknown;
    scope?: unknown;
    epoch?: unknown;
  };
  if (json["version"] !== 1) return { problem: `version ${String(json["version"])}, not 1` };
  if (!isText(arch)) return { problem: "no arch" };
  if (!isText(kernel["release"])) return { problem: "no kernel.release" };
  if (scope !== "kernel" && scope !== "module")
    return { problem: "scope is neither kernel nor module" };
  if (!Array.isArray(abis) || abis.length === 0 || !abis.every(isText))
    return { problem: "no abis" };
  const sums = isObject(json["extensions"]) ? json["extensions"] : {};
  return {
    metadata: {
      arch,
      release: kernel["release"],
      scope,
      abis,
      generation: isText(json["generation"]) ? json["generation"] : undefined,
      bootImage: isText(kernel["bootImage"]) ? kernel["bootImage"] : undefined,
      epoch: typeof epoch === "number" ? epoch : undefined,
      extensions: Object.fromEntries(
        Object.entries(sums).filter((entry): entry is [string, string] => isText(entry[1])),
      ),
    },
  };
}

/** Reads it from an artifact directory; what is wrong with it is a finding. */
export async function loadMetadata(
  dir: string,
  report: Report,
  ports: Ports,
): Promise<Metadata | undefined> {
  const file = "metadata.json";
  const text = await ports.files.readText(join(dir, file)).catch(() => undefined);
  if (text === undefined) {
    report.judged("present", file, finding("file.missing", { file: join(basename(dir), file) }));
    return undefined;
  }
  const { metadata, problem } = readMetadata(text);
  report.judged(
    "metadata",
    file,
    problem === undefined ? undefined : finding("metadata.bad", { file, reason: problem }),
  );
  return metadata;
}

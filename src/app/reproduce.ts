import { basename, dirname, join, resolve } from "node:path";
import { badInput } from "../core/errors.ts";
import { compareInputs, type Difference, type Input, type Sums } from "../core/inputs.ts";
import { readRebuild, type Rebuild } from "../core/rebuild.ts";
import { metadataName } from "../core/records.ts";
import type { Ports } from "../ports.ts";
import { build, type BuildRequest } from "./build.ts";
import { withLease } from "./cache/lease.ts";
import { type Compared, compareArtifacts } from "./reproduce/compare.ts";
import { withScratch } from "./scratch.ts";

export interface ReproduceRequest {
  /** metadata.json, or the artifact directory it is in. */
  readonly metadata: string;
}

export interface ReproduceResult {
  /** Every artifact is the same, byte for byte. */
  readonly ok: boolean;
  readonly release: string;
  readonly arch: string;
  readonly files: readonly Compared[];
  /** Inputs that are not what they were: why bytes may differ. */
  readonly inputs: readonly Difference[];
  readonly seconds: Readonly<Record<string, number>>;
  /** Where the second build is; only when something differs. */
  readonly rebuilt?: string;
}

interface Recorded {
  readonly dir: string;
  readonly rebuild: Rebuild;
  readonly artifacts: Sums;
  readonly inputs: readonly Input[];
  readonly sourceId: string | undefined;
}

/**
 * Builds what metadata.json describes once more and compares every byte. Patched tree and build
 * directory are made anew, in another place, without a compiler cache: of what was compiled the
 * first time nothing is used. Only the fetched source is, whose hash metadata.json names.
 */
export async function reproduce(request: ReproduceRequest, ports: Ports): Promise<ReproduceResult> {
  const recorded = await readRecorded(request.metadata, ports);
  return withLease(ports, () =>
    withScratch("reproduce", ports, async (work) => {
      const made = await build(buildRequest(recorded, work), inPlace(recorded, ports));
      const files = await compareArtifacts(recorded, made.dir, ports);
      const again = JSON.parse(await ports.files.readText(join(made.dir, metadataName))) as {
        readonly inputs: readonly Input[];
      };
      const inputs = compareInputs(recorded.inputs, again.inputs);
      const ok = files.every((file) => file.state === "same");
      const { release, arch, seconds } = made;
      const result = { ok, release, arch, files, inputs, seconds };
      return ok ? result : { ...result, rebuilt: await keep(made.dir, ports) };
    }),
  );
}

/** The second build, out of the scratch directory; the one before it of the same name goes. */
async function keep(dir: string, ports: Ports): Promise<string> {
  const to = join(ports.cacheDir, "reproduce", basename(dir));
  await ports.files.remove(to);
  await ports.files.mkdir(dirname(to));
  await ports.files.rename(dir, to);
  return to;
}

/** As if called in the artifact directory, with the settings of then and without those it did not have. */
const inPlace = ({ dir, rebuild }: Recorded, ports: Ports): Ports => ({
  ...ports,
  host: {
    ...ports.host,
    cwd: dir,
    env: { ...ports.host.env, DEBFULLNAME: undefined, DEBEMAIL: undefined, ...rebuild.env },
  },
});

function buildRequest({ rebuild, sourceId }: Recorded, work: string): BuildRequest {
  const { request } = rebuild;
  return {
    ...(request as Omit<BuildRequest, "out" | "install">),
    out: join(work, "out"),
    install: false,
    apart: { dir: work, ...(sourceId === undefined ? {} : { sourceId }) },
  };
}

async function readRecorded(given: string, ports: Ports): Promise<Recorded> {
  const path = resolve(ports.host.cwd, given);
  const info = await ports.files.stat(path);
  const file = info?.kind === "directory" ? join(path, metadataName) : path;
  const text = await ports.files.readText(file).catch((error: unknown) => {
    throw unusable(file, (error as NodeJS.ErrnoException).code ?? String(error));
  });
  const json = parsed(text, file);
  const rebuild = readRebuild(json["rebuild"]);
  if (typeof rebuild === "string") throw unusable(file, rebuild);
  const { artifacts, inputs, source } = json as {
    artifacts?: Sums;
    inputs?: readonly Input[];
    source?: { id?: unknown };
  };
  if (typeof artifacts !== "object" || artifacts === null || !Array.isArray(inputs))
    throw unusable(file, "it does not list its artifacts and inputs");
  const id = source?.id;
  // The identity of a user's own tree holds its times: it is looked at by content.
  const sourceId = typeof id === "string" && !id.startsWith("tree:") ? id : undefined;
  return { dir: dirname(file), rebuild, artifacts, inputs, sourceId };
}

function parsed(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === "object" && json !== null) return json as Record<string, unknown>;
  } catch (error) {
    throw unusable(file, (error as Error).message);
  }
  throw unusable(file, "it holds no object");
}

const unusable = (file: string, problem: string) =>
  badInput("reproduce.metadata", {
    what: `this cannot be built again: ${problem}`,
    where: file,
    next: "give the metadata.json of an artifact directory that `tarpit-kit build` made",
  });

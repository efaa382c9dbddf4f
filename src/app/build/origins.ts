import { basename, dirname, join, relative, resolve } from "node:path";
import type { Diagnostic } from "../../core/build-log.ts";
import { TarpitError } from "../../core/errors.ts";
import {
  type Entry,
  type LineOrigin,
  newFiles,
  originsIn,
  splitLines,
  touchedPaths,
} from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import type { LoadedSeries } from "../patch.ts";
import { takeSnapshot } from "../patch/read.ts";

/** A message of the compiler with the place it is about, in the kernel's tree and in our patches. */
export interface Located extends Diagnostic {
  /** Relative to the tree, where it is in it: the same on every machine. */
  readonly path: string;
  /** When the line is one of a patch of the series. */
  readonly origin?: LineOrigin & {
    /** The patch as a file. */
    readonly file: string;
  };
}

/** Where a build works: what the compiler's paths begin with. */
export interface Site {
  /** The patched tree; undefined for a module against headers. */
  readonly tree: string | undefined;
  readonly buildDir: string;
  readonly series: LoadedSeries;
}

/** Finds each message's line in the tree, and in the patches. */
export async function locate(
  diagnostics: readonly Diagnostic[],
  site: Site,
  ports: Ports,
): Promise<readonly Located[]> {
  const placed = diagnostics.map((one) => ({ ...one, path: pathIn(one.file, site) }));
  const touched = new Set(touchedPaths(site.series.patches));
  if (!placed.some(({ path, line }) => line !== undefined && touched.has(path))) return placed;
  const originOf = await tracer(site, ports);
  return placed.map((one) => {
    const origin = one.line === undefined ? undefined : originOf(one.path, one.line);
    if (!origin) return one;
    return { ...one, origin: { ...origin, file: join(dirname(site.series.path), origin.patch) } };
  });
}

async function tracer(site: Site, ports: Ports) {
  const { patches } = site.series;
  if (site.tree !== undefined)
    return originsIn(
      patches,
      (await takeSnapshot(site.tree, touchedPaths(patches), ports)).entries,
    );
  // Against headers there are only the files that the series makes, as it makes them.
  const made = newFiles(patches);
  const own = new Set(made.map(({ path }) => path));
  const ownDiffs = patches.map((patch) => ({
    ...patch,
    diffs: patch.diffs.filter((diff) =>
      touchedPaths([{ ...patch, diffs: [diff] }]).some((path) => own.has(path)),
    ),
  }));
  const entries = made.map(({ path, bytes }): [string, Entry] => [
    path,
    { kind: "file", lines: splitLines(bytes.toString("latin1")), mode: undefined },
  ]);
  return originsIn(ownDiffs, new Map(entries));
}

/** kbuild prints paths of the tree in full, those of the build directory relative to it. */
function pathIn(file: string, { tree, buildDir, series }: Site): string {
  if (!/[./]/.test(file)) return file;
  const path = resolve(buildDir, file);
  for (const root of tree === undefined ? [buildDir] : [tree, buildDir]) {
    const inside = relative(root, path);
    if (inside.startsWith("../") || inside === "..") continue;
    if (tree !== undefined) return inside;
    const made = newFiles(series.patches).find((one) => basename(one.path) === basename(inside));
    return made?.path ?? inside;
  }
  return file;
}

/** Runs `work`; what the compiler says in its error gets the places it is about. */
export async function withOrigins<T>(site: Site, ports: Ports, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const said = error instanceof TarpitError ? error.trouble.data?.["diagnostics"] : undefined;
    if (!(error instanceof TarpitError) || !Array.isArray(said)) throw error;
    const diagnostics = await locate(said as Diagnostic[], site, ports).catch(() => said);
    const { evidence = [], data } = error.trouble;
    throw new TarpitError(error.exit, error.code, {
      ...error.trouble,
      evidence: [...evidence, ...patchLines(diagnostics as Located[])],
      data: { ...data, diagnostics },
    });
  }
}

/** What the compiler said before a build failed, by severity. */
export function saidIn(error: TarpitError): Record<"errors" | "warnings", readonly Located[]> {
  const said = (error.trouble.data?.["diagnostics"] ?? []) as readonly Located[];
  return {
    errors: said.filter(({ severity }) => severity === "error"),
    warnings: said.filter(({ severity }) => severity === "warning"),
  };
}

/** One line for each hunk that an error is in. */
const patchLines = (diagnostics: readonly Located[]): readonly string[] =>
  [
    ...new Set(
      diagnostics
        .filter(({ severity, origin }) => severity === "error" && origin?.added)
        .map(({ path, line, origin }) => `${path}:${line} is ${originWords(origin)}`),
    ),
  ].slice(0, 5);

/** `line 42 of common/xt_TARPIT.patch (hunk 1)`. */
const originWords = (origin: LineOrigin | undefined): string =>
  origin === undefined ? "" : `line ${origin.line} of ${origin.patch} (hunk ${origin.hunk})`;

import { badInput } from "../errors.ts";
import { check, type Rules } from "./check.ts";
import type { DriftSettings, Known, MatrixFile } from "./types.ts";

export const userlands = ["32", "64", "both", "all"] as const;
export const scopes = ["kernel", "module"] as const;

/** Every setting of the file, and what may stand there. docs/matrix.schema.json says the same; a test compares. */
export function matrixRules(known: Known): Rules {
  const archs = known.archs.map(({ name }) => name);
  const profiles = known.profiles.map(({ name }) => name);
  return {
    $schema: { kind: "word" },
    kernels: { kind: "words", least: 1 },
    archs: { kind: "words", allowed: archs, least: 1 },
    userlands: { kind: "words", allowed: userlands, least: 1 },
    scopes: { kind: "words", allowed: scopes, least: 1 },
    profiles: { kind: "words", allowed: profiles },
    exclude: {
      kind: "objects",
      rules: {
        kernel: { kind: "word" },
        arch: { kind: "word", allowed: archs },
        userland: { kind: "word", allowed: userlands },
        scope: { kind: "word", allowed: scopes },
        profile: { kind: "word", allowed: profiles },
      },
    },
    fragments: { kind: "words" },
    set: { kind: "words" },
    packages: { kind: "words", allowed: known.packages },
    out: { kind: "word" },
    jobs: { kind: "number", least: 1 },
    launcher: { kind: "word" },
    mirror: { kind: "word" },
    drift: {
      kind: "object",
      rules: {
        lines: { kind: "words", allowed: known.lines },
        arch: { kind: "word", allowed: archs },
        most: { kind: "number", least: 1 },
        record: { kind: "flag" },
      },
    },
  };
}

type Given = Partial<Omit<MatrixFile, "drift">> & { readonly drift?: Partial<DriftSettings> };

/** Reads a matrix file; anything that is not understood is refused with its path. */
export function readMatrix(text: string, file: string, known: Known): MatrixFile {
  const value = parse(text, file);
  check(value, { kind: "object", rules: matrixRules(known) }, { file, path: "" });
  const given = value as Given & { readonly $schema?: string };
  const { $schema: _, drift, ...rest } = given;
  if (rest.kernels === undefined) throw absent(file, "kernels", '["debian:6.1"]');
  if (rest.archs === undefined) throw absent(file, "archs", '["sparc64"]');
  return {
    ...defaults,
    ...rest,
    kernels: rest.kernels,
    archs: rest.archs,
    drift: driftOf(drift, rest),
  };
}

const defaults = {
  userlands: ["all"],
  scopes: ["kernel"],
  profiles: [],
  exclude: [],
  fragments: [],
  set: [],
  packages: [],
  out: "./out",
} as const;

const driftOf = (drift: Partial<DriftSettings> = {}, given: Given = {}): DriftSettings => ({
  lines: [],
  record: false,
  ...drift,
  arch: drift.arch ?? given.archs?.[0] ?? defaultDrift.arch,
});

/** The drift radar without a matrix file: every line, on the arch this program is there for. */
export const defaultDrift: DriftSettings = { lines: [], arch: "sparc64", record: false };

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badInput("matrix.file", {
      what: `it is no JSON: ${(error as Error).message}`,
      where: file,
      next: "look for a missing quote or a comma too many; JSON has no comments",
    });
  }
}

const absent = (file: string, name: string, example: string): Error =>
  badInput("matrix.file", {
    what: `"${name}" is not there`,
    where: file,
    next: `add "${name}": ${example}`,
  });

import type { Input, Sums } from "./inputs.ts";
import type { RebuildRequest } from "./rebuild.ts";

export interface Build {
  readonly toolVersion: string;
  readonly request: RebuildRequest;
  readonly env: Readonly<Record<string, string>>;
  readonly inputs: readonly Input[];
  readonly artifacts: Sums;
}

const tool = (version: string): string => `pkg:npm/tarpit-kit@${version}`;

/** A path on the builder's disk says nothing to a reader, and would differ from place to place. */
const local = (request: RebuildRequest): Readonly<Record<string, unknown>> => {
  const { tree, against, ...rest } = request;
  return {
    ...rest,
    ...(tree === undefined ? {} : { tree: "a local tree" }),
    ...(against === undefined ? {} : { against: "local headers" }),
  };
};

/**
 * An in-toto Statement (v1) whose predicate is SLSA provenance (v1): the artifacts, what was asked for,
 * and every input with its hash. Without times and invocation: the same build gives the same bytes.
 * https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance
 */
export const provenanceOf = ({ toolVersion, request, env, inputs, artifacts }: Build): unknown => ({
  _type: "https://in-toto.io/Statement/v1",
  subject: Object.entries(artifacts).map(([name, sha256]) => ({ name, digest: { sha256 } })),
  predicateType: "https://slsa.dev/provenance/v1",
  predicate: {
    buildDefinition: {
      buildType: "pkg:npm/tarpit-kit#docs/packages.md",
      externalParameters: { ...local(request), env },
      resolvedDependencies: inputs.map(({ kind, name, version, uri, digest }) => ({
        name,
        ...(uri === undefined ? {} : { uri }),
        digest,
        annotations: { kind, ...(version === undefined ? {} : { version }) },
      })),
    },
    runDetails: { builder: { id: tool(toolVersion), version: { "tarpit-kit": toolVersion } } },
  },
});

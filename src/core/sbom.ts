import { type Input, sha256Of, type Sums } from "./inputs.ts";

export interface Contents {
  readonly toolVersion: string;
  readonly arch: string;
  readonly scope: "kernel" | "module";
  readonly release: string;
  readonly kernelVersion: string;
  readonly epoch: number;
  readonly inputs: readonly Input[];
  /** What was built, packages apart. */
  readonly artifacts: Sums;
}

type Component = Readonly<Record<string, unknown>>;

const gpl = [{ license: { id: "GPL-2.0-only" } }];
const hashes = (sha256: string | undefined): Component =>
  sha256 === undefined ? {} : { hashes: [{ alg: "SHA-256", content: sha256 }] };

/** RFC 9562 version 8: 122 bits of a hash, so that the same content has the same number. */
function uuidOf(text: string): string {
  const hex = sha256Of(text);
  const variant = ((Number.parseInt(hex[16] ?? "0", 16) & 3) | 8).toString(16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`];
  return `urn:uuid:${[...parts, variant + hex.slice(17, 20), hex.slice(20, 32)].join("-")}`;
}

/** The kernel's sources with our patches as their pedigree, or the headers of the kernel the module is for. */
function kernel({ inputs, kernelVersion }: Contents): Component {
  const source = inputs.find(({ kind }) => kind === "source" || kind === "headers");
  const patches = inputs.filter(({ kind }) => kind === "patch");
  return {
    type: "operating-system",
    "bom-ref": "linux",
    name: "linux",
    version: kernelVersion,
    licenses: [{ expression: "GPL-2.0-only WITH Linux-syscall-note" }],
    purl: `pkg:generic/linux@${kernelVersion}`,
    ...hashes(source?.digest["sha256"]),
    ...(source?.uri === undefined
      ? {}
      : { externalReferences: [{ type: "distribution", url: source.uri }] }),
    pedigree: {
      patches: patches.map(({ name, digest }) => ({
        type: "unofficial",
        diff: { url: `${name}#sha256=${digest["sha256"]}` },
      })),
    },
  };
}

const libxtables = (inputs: readonly Input[]): readonly Component[] =>
  inputs
    .filter(({ name }) => name === "xtables.h")
    .map(({ digest, version = "" }) => ({
      type: "library",
      "bom-ref": "libxtables",
      name: "libxtables",
      version,
      scope: "excluded",
      licenses: [{ license: { id: "GPL-2.0-or-later" } }],
      description: "its interface was compiled against; it is not part of this",
      ...hashes(digest["sha256"]),
    }));

/**
 * A CycloneDX 1.5 bill of materials (https://cyclonedx.org/docs/1.5/json/). Its time is the build's epoch
 * and its serial number a hash of what it says: the same build gives the same bytes.
 */
export function sbomOf(contents: Contents): string {
  const { toolVersion, arch, scope, release, epoch, inputs, artifacts } = contents;
  const files = Object.entries(artifacts).map(([name, sha256]) => ({
    type: "file",
    "bom-ref": `file:${name}`,
    name,
    ...hashes(sha256),
  }));
  const ours: readonly Component[] = [
    {
      type: "library",
      "bom-ref": "xt_TARPIT",
      name: "xt_TARPIT",
      version: toolVersion,
      licenses: gpl,
      description: "the iptables TARPIT target and its extension",
    },
  ];
  const root = {
    type: scope === "kernel" ? "operating-system" : "library",
    "bom-ref": "artifacts",
    name: scope === "kernel" ? `linux-tarpit-${arch}` : `xt_TARPIT-${arch}`,
    version: release,
    licenses: gpl,
  };
  const others = libxtables(inputs);
  const body = {
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString(),
      tools: { components: [{ type: "application", name: "tarpit-kit", version: toolVersion }] },
      component: root,
    },
    components: [kernel(contents), ...ours, ...others, ...files],
    dependencies: [
      {
        ref: "artifacts",
        dependsOn: ["linux", "xt_TARPIT", ...files.map((file) => file["bom-ref"])],
      },
      { ref: "xt_TARPIT", dependsOn: ["linux", ...others.map((one) => one["bom-ref"])] },
    ],
  };
  const serialNumber = uuidOf(JSON.stringify(body));
  const bom = { bomFormat: "CycloneDX", specVersion: "1.5", serialNumber, version: 1, ...body };
  return `${JSON.stringify(bom, null, 2)}\n`;
}

import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { describe, expect, test } from "vitest";
import { readStatistics } from "../../src/core/compiler-cache.ts";
import { compareInputs, type Input } from "../../src/core/inputs.ts";
import { provenanceOf } from "../../src/core/provenance.ts";
import { readRebuild, rebuildArguments, rebuildOf, shellWord } from "../../src/core/rebuild.ts";
import { lastingMetadata } from "../../src/core/records.ts";
import { sbomOf } from "../../src/core/sbom.ts";

const sum = (digit: string): string => digit.repeat(64);
const inputs: readonly Input[] = [
  {
    kind: "source",
    name: "linux",
    version: "6.1.192",
    uri: "https://example.org/l.tar.xz",
    digest: { sha256: sum("1") },
  },
  { kind: "patch", name: "patches/common/xt_TARPIT.patch", digest: { sha256: sum("2") } },
  { kind: "code", name: "xtables.h", digest: { sha256: sum("3") } },
  { kind: "tool", name: "gcc", version: "gcc 12", digest: { sha256: sum("4") } },
];
const request = {
  arch: "sparc64",
  scope: "kernel",
  kernel: "6.1.192",
  fragments: ["inputs/1-mine.config"],
  set: ['LOCALVERSION="-it\'s"'],
  packages: ["deb"],
  insecureSkipVerify: false,
} as const;
const contents = {
  toolVersion: "0.1.0",
  arch: "sparc64",
  scope: "kernel",
  release: "6.1.192",
  kernelVersion: "6.1.192",
  epoch: 1_577_836_800,
  inputs,
  artifacts: { image: sum("a"), vmlinux: sum("b") },
} as const;

describe("bill of materials", () => {
  test("passes CycloneDX's own schema, strictly", async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot5);
    expect(await validator.validate(sbomOf(contents))).toBeNull();
    expect(
      await validator.validate(sbomOf({ ...contents, scope: "module", inputs: [] })),
    ).toBeNull();
    const broken = sbomOf(contents).replace('"CycloneDX"', '"Cyclone"');
    expect(await validator.validate(broken)).not.toBeNull();
  });

  test("names the kernel with our patches, and each file with its hash; another content has another number", () => {
    const bom = JSON.parse(sbomOf(contents)) as {
      serialNumber: string;
      components: { name: string; hashes?: { content: string }[]; pedigree?: object }[];
    };
    const linux = bom.components.find(({ name }) => name === "linux");
    expect(linux?.hashes?.[0]?.content).toBe(sum("1"));
    expect(JSON.stringify(linux?.pedigree)).toContain("xt_TARPIT.patch");
    expect(bom.components.find(({ name }) => name === "vmlinux")?.hashes?.[0]?.content).toBe(
      sum("b"),
    );
    expect(sbomOf(contents)).toBe(sbomOf({ ...contents }));
    expect(sbomOf({ ...contents, release: "6.1.193" })).not.toContain(bom.serialNumber);
  });
});

describe("provenance", () => {
  const build = { toolVersion: "0.1.0", request, env: {}, inputs, artifacts: contents.artifacts };
  const statement = provenanceOf(build) as {
    predicateType: string;
    subject: { name: string; digest: { sha256: string } }[];
    predicate: { buildDefinition: { resolvedDependencies: { name: string; digest: object }[] } };
  };

  test("is an in-toto statement about every artifact, with every input's hash", () => {
    expect(statement).toHaveProperty("_type", "https://in-toto.io/Statement/v1");
    expect(statement.predicateType).toBe("https://slsa.dev/provenance/v1");
    expect(statement.subject).toEqual([
      { name: "image", digest: { sha256: sum("a") } },
      { name: "vmlinux", digest: { sha256: sum("b") } },
    ]);
    const { resolvedDependencies } = statement.predicate.buildDefinition;
    expect(resolvedDependencies.map(({ digest }) => digest)).toEqual(
      inputs.map(({ digest }) => digest),
    );
  });

  test("does not hold where on somebody's disk things were", () => {
    const local = { ...request, tree: "/home/jo/linux", against: "/usr/src/headers" };
    expect(JSON.stringify(provenanceOf({ ...build, request: local }))).not.toMatch(
      /\/home|\/usr\/src/,
    );
  });
});

describe("the line that builds it again", () => {
  test("gives every option, quoted for a shell", () => {
    const { line } = rebuildOf(request, { SOURCE_DATE_EPOCH: "7" });
    expect(line).toBe(
      `SOURCE_DATE_EPOCH=7 tarpit-kit build --arch sparc64 --kernel 6.1.192 --fragment inputs/1-mine.config --set 'LOCALVERSION="-it'\\''s"' --package deb`,
    );
    expect(shellWord("~x")).toBe("'~x'");
  });

  test("a module in a tree has --scope, one against headers has not", () => {
    const module = { ...request, scope: "module" } as const;
    expect(rebuildArguments(module)).toContain("--scope");
    expect(rebuildArguments({ ...module, against: "/h" })).not.toContain("--scope");
  });

  test("is read back as it was written; what is none says why", () => {
    const rebuild = rebuildOf(request, {});
    expect(readRebuild(JSON.parse(JSON.stringify(rebuild)))).toEqual(rebuild);
    for (const wrong of [
      undefined,
      {},
      { ...rebuild, env: [] },
      { ...rebuild, env: { A: 1 } },
      { ...rebuild, request: { ...request, set: [1] } },
      { ...rebuild, request: { ...request, kernel: 6 } },
      { ...rebuild, request: { ...request, scope: "all" } },
    ])
      expect(typeof readRebuild(wrong)).toBe("string");
  });
});

describe("inputs", () => {
  test("another hash or version is a difference; what came or went, too", () => {
    expect(compareInputs(inputs, inputs)).toEqual([]);
    const changed = [{ ...inputs[0], digest: { sha256: sum("9") } } as Input, ...inputs.slice(2)];
    expect(compareInputs(inputs, changed)).toEqual([
      { name: "source linux", before: `6.1.192 ${sum("1")}`, now: `6.1.192 ${sum("9")}` },
      { name: "patch patches/common/xt_TARPIT.patch", before: sum("2"), now: undefined },
    ]);
  });
});

test("a package's metadata has nothing of the run: times, commands, paths", () => {
  const metadata = {
    version: 1,
    arch: "x",
    config: { base: "/home/jo/x", sha256: "s" },
    seconds: {},
  };
  const text = lastingMetadata(JSON.stringify({ ...metadata, commands: [], rebuild: {} }));
  expect(JSON.parse(text)).toEqual({ version: 1, arch: "x", config: { sha256: "s" } });
});

test("ccache's log of one build: hits of both kinds, misses, and what it only hands on", () => {
  const calls = [
    ["direct_cache_hit", "local_storage_hit"],
    ["direct_cache_miss", "preprocessed_cache_hit"],
    ["cache_miss", "direct_cache_miss", "preprocessed_cache_miss"],
    ["called_for_link"],
  ];
  const log = calls.map((counters, index) => [`# ${index}.c`, ...counters].join("\n")).join("\n");
  expect(readStatistics(log)).toEqual({
    program: "ccache",
    calls: 4,
    hits: 2,
    misses: 1,
    other: 1,
  });
  expect(readStatistics("")).toMatchObject({ calls: 0, hits: 0, misses: 0, other: 0 });
});

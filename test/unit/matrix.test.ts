import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { TarpitError } from "../../src/core/errors.ts";
import type { Rules } from "../../src/core/matrix/check.ts";
import { expand } from "../../src/core/matrix/expand.ts";
import { githubMatrix, gitlabPipeline, jobsOf, titleOf } from "../../src/core/matrix/jobs.ts";
import { matrixRules, readMatrix } from "../../src/core/matrix/read.ts";
import { parseShard } from "../../src/core/matrix/shard.ts";
import type { Known } from "../../src/core/matrix/types.ts";

const known: Known = {
  archs: [
    { name: "sparc64", widths: [64, 32], defaultProfile: "sparc64-qemu" },
    { name: "riscv64", widths: [64], defaultProfile: "riscv64" },
  ],
  profiles: [
    { name: "sparc64-qemu", arch: "sparc64" },
    { name: "sparc64-ultra", arch: "sparc64" },
    { name: "riscv64", arch: "riscv64" },
  ],
  releases: ["6.1.4", "6.1.190", "6.1.192", "6.12.117"],
  lines: ["6.1", "6.12"],
  packages: ["deb", "tar"],
};
const least = { kernels: ["debian:6.1"], archs: ["sparc64"] };
const read = (value: object) => readMatrix(JSON.stringify(value), "m.json", known);
const expanded = (value: object) => expand(read(value), known, "m.json");
const trouble = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (!(error instanceof TarpitError)) throw error;
    expect(error.exit).toBe(2);
    return `${error.trouble.what}; ${error.trouble.where}; ${error.trouble.next}`;
  }
  throw new Error("it was taken");
};

describe("a matrix file", () => {
  test("two settings are enough", () => {
    expect(expanded(least)).toEqual([
      {
        id: "debian-6.1_sparc64_sparc64-qemu_kernel_all",
        kernel: "debian:6.1",
        arch: "sparc64",
        profile: "sparc64-qemu",
        scope: "kernel",
        userland: "all",
      },
    ]);
  });

  test.each([
    [{}, '"kernels" is not there'],
    [{ kernels: ["6.1"] }, '"archs" is not there'],
    [{ ...least, kernels: [] }, "kernels: the list is empty"],
    [
      { ...least, archs: ["vax"] },
      'archs[0]: "vax" is not known here; m.json, archs[0]; choose one of: sparc64, riscv64',
    ],
    [{ ...least, archs: "sparc64" }, 'archs: "sparc64" is no list'],
    [{ ...least, kernels: [6.1] }, "kernels[0]: 6.1 is no string"],
    [{ ...least, Kernels: [] }, "Kernels: there is no such setting"],
    [{ ...least, __proto__x: 1 }, "__proto__x: there is no such setting"],
    [{ ...least, toString: 1 }, "toString: there is no such setting"],
    [{ ...least, scopes: ["image"] }, "choose one of: kernel, module"],
    [
      { ...least, userlands: [64] },
      "userlands[0]: 64 is no string; m.json, userlands[0]; choose one of: 32, 64, both, all",
    ],
    [{ ...least, jobs: 0 }, "jobs: 0 is no whole number; m.json, jobs; give one of at least 1"],
    [{ ...least, jobs: "2" }, 'jobs: "2" is no whole number'],
    [{ ...least, packages: ["rpm"] }, "choose one of: deb, tar"],
    [{ ...least, exclude: [{ scope: "image" }] }, 'exclude[0].scope: "image"'],
    [{ ...least, exclude: [3] }, "exclude[0]: 3 is no object"],
    [{ ...least, exclude: {} }, "exclude: {} is no list"],
    [{ ...least, drift: { lines: ["2.6"] } }, 'drift.lines[0]: "2.6" is not known here'],
    [{ ...least, drift: { record: "yes" } }, 'drift.record: "yes" is neither true nor false'],
    [[], "[] is no object"],
  ])("%j: %s", (value, words) => {
    expect(trouble(() => read(value))).toContain(words);
  });

  test("what is no JSON", () => {
    expect(trouble(() => readMatrix("{", "m.json", known))).toContain("it is no JSON");
  });
});

describe("what a matrix names", () => {
  const kernels = (text: string) =>
    expanded({ ...least, kernels: [text] }).map(({ kernel }) => kernel);

  test("a range is every known release in it, newest first; latest: is the line", () => {
    expect(kernels(">=6.1.100 <6.2")).toEqual(["6.1.192", "6.1.190"]);
    expect(kernels("6.1.4 - 6.1.190")).toEqual(["6.1.190", "6.1.4"]);
    expect(kernels("~6.12")).toEqual(["6.12.117"]);
    expect(kernels("latest:6.12")).toEqual(["6.12"]);
  });

  test.each([
    "6.1.192",
    "6.12",
    "./linux",
    "git:https://example.org/l.git#v6.1",
    "linux-6.1.tar.xz",
  ])("%s is taken as it is", (text) => expect(kernels(text)).toEqual([text]));

  test.each([
    [">=7.0", "no release that is known as data"],
    [">=banana", "is no range of releases"],
    ["latest:", "names no kernel line"],
    ["latest:6.1.2", "names no kernel line"],
  ])("%s: %s", (text, words) => expect(trouble(() => kernels(text))).toContain(words));

  test("a width that an arch does not have is left out; an arch without any is refused", () => {
    const of = (userlands: string[], archs = ["sparc64", "riscv64"]) =>
      expanded({ ...least, archs, userlands }).map(({ arch, userland }) => `${arch} ${userland}`);
    expect(of(["32", "64"])).toEqual(["sparc64 32", "sparc64 64", "riscv64 64"]);
    expect(of(["both", "all"])).toEqual(["sparc64 both", "sparc64 all", "riscv64 all"]);
    expect(trouble(() => of(["32"]))).toContain('add "64"');
  });

  test("profiles are those of the arch; exclusions need all that they name", () => {
    const all = expanded({
      kernels: ["debian:6.1", "debian:6.12"],
      archs: ["sparc64", "riscv64"],
      profiles: ["sparc64-ultra", "sparc64-qemu"],
      exclude: [{ kernel: "debian:6.12", profile: "sparc64-ultra" }, {}],
    });
    expect(all.map(({ kernel, profile }) => `${kernel} ${profile}`)).toEqual([
      "debian:6.1 sparc64-ultra",
      "debian:6.1 sparc64-qemu",
      "debian:6.1 riscv64",
      "debian:6.12 sparc64-qemu",
      "debian:6.12 riscv64",
    ]);
  });

  test("a kernel is excluded as it is written: a range, the newest of a line, a SPEC", () => {
    const left = (kernel: string) =>
      expanded({
        ...least,
        kernels: ["latest:6.12", ">=6.1.100 <6.2", "debian:6.1"],
        exclude: [{ kernel }],
      }).map((one) => one.kernel);
    expect(left("latest:6.12")).toEqual(["6.1.192", "6.1.190", "debian:6.1"]);
    expect(left("<6.1.192")).toEqual(["6.12", "6.1.192", "debian:6.1"]);
    expect(left("debian:6.1")).toEqual(["6.12", "6.1.192", "6.1.190"]);
  });

  test("each has a directory of its own, also where two names look alike; what is there twice is built once", () => {
    const all = expanded({ ...least, kernels: ["./a-b", "./a/b", "./a-b"] });
    expect(all.map(({ id }) => id)).toEqual([
      "a-b_sparc64_sparc64-qemu_kernel_all",
      "a-b_sparc64_sparc64-qemu_kernel_all.2",
    ]);
    expect(expanded({ ...least, kernels: [".."] })[0]?.id).toMatch(/^kernel_/);
  });
});

describe("jobs", () => {
  const all = expanded({
    kernels: ["debian:6.1", 'odd: "kernel"'],
    archs: ["sparc64", "riscv64"],
    scopes: ["kernel", "module"],
  });

  test("a job for each build, or as many as a server starts", () => {
    expect(jobsOf(all).map(({ name }) => name)).toEqual(all.map(titleOf));
    const few = jobsOf(all, 3);
    expect(few.map(({ builds }) => builds.length)).toEqual([2, 3, 3]);
    expect(few.flatMap(({ builds }) => builds)).toEqual(all);
    expect(githubMatrix(few)).toMatchObject({
      include: [{ name: "builds 1/3", shard: "1/3", builds: 2 }, {}, {}],
    });
  });

  test("the pipeline is YAML whatever the names hold", () => {
    const pipeline = parse(gitlabPipeline(jobsOf(all), "out")) as Record<string, unknown>;
    expect(Object.keys(pipeline)).toEqual(["default", "variables", ...all.map(titleOf)]);
  });

  test.each(["0/1", "2/1", "1", "1/0", "-1/2", "a/b", "1/2/3", ""])("--shard %j is none", (text) =>
    expect(parseShard(text)).toBeUndefined(),
  );
  test("--shard 2/5", () => expect(parseShard("2/5")).toEqual({ index: 2, of: 5 }));
});

interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly minItems?: number;
  readonly minimum?: number;
}
describe("docs/matrix.schema.json", () => {
  const schema = JSON.parse(
    readFileSync(new URL("../../docs/matrix.schema.json", import.meta.url), "utf8"),
  ) as Schema;
  /** Names as the schema leaves them open: archs and profiles are data. */
  const open: Known = { ...known };

  test("says what the program checks: settings, types, choices, least values", () => {
    compare(schema, matrixRules(open));
  });

  function compare(part: Schema, rules: Rules): void {
    expect(Object.keys(part.properties ?? {}).toSorted()).toEqual(Object.keys(rules).toSorted());
    expect(part.additionalProperties).toBe(false);
    for (const [name, rule] of Object.entries(rules)) {
      const own = part.properties?.[name] as Schema;
      const type = {
        word: "string",
        words: "array",
        objects: "array",
        number: "integer",
        flag: "boolean",
        object: "object",
      }[rule.kind];
      expect({ name, type: own.type }).toEqual({ name, type });
      if (rule.kind === "number") expect(own.minimum).toBe(rule.least);
      if (rule.kind === "words") expect(own.minItems ?? 0).toBe(rule.least ?? 0);
      if (rule.kind === "object") compare(own, rule.rules);
      if (rule.kind === "objects") compare(own.items as Schema, rule.rules);
      const choices = rule.kind === "words" ? own.items?.enum : own.enum;
      if (choices) expect(choices).toEqual((rule as { allowed?: readonly string[] }).allowed);
    }
  }
});

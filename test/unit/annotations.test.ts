import { describe, expect, test } from "vitest";
import type { Located } from "../../src/app/build/origins.ts";
import { codeQuality, githubCommands, type Note } from "../../src/core/annotations.ts";
import { toJUnit, toSarif } from "../../src/core/report-formats.ts";
import {
  buildsReport,
  notesOf,
  type Reported,
  summaryPage,
  warningsReport,
} from "../../src/cli/render/annotations.ts";

const note = (more: Partial<Note> = {}): Note => ({
  severity: "warning",
  file: "net/a.c",
  line: 3,
  column: 7,
  code: "-Wunused",
  message: "unused",
  ...more,
});
const warning: Located = {
  severity: "warning",
  file: "/cache/linux/net/a.c",
  path: "net/a.c",
  line: 3,
  column: 7,
  message: "unused | variable",
  option: "-Wunused",
  context: [],
};
const ours = {
  ...warning,
  severity: "error" as const,
  origin: {
    patch: "common/p.patch",
    hunk: 2,
    line: 40,
    added: true,
    file: "/repo/patches/common/p.patch",
  },
};
const built: Reported = {
  title: "debian:6.1 sparc64",
  state: "built",
  release: "6.1.192",
  seconds: 61,
  warnings: [warning],
  errors: [],
};
const failed: Reported = {
  title: "debian:6.1 arm64",
  state: "failed",
  seconds: 5,
  warnings: [],
  errors: [ours],
  trouble: { code: "build.compile", what: "compiling failed", next: "look" },
};

describe("GitHub's workflow commands", () => {
  test("place and title as properties; what would end a line or a property is escaped", () => {
    expect(githubCommands([note({ file: "a,b:c.c", message: "50%\nnext\r" })])).toEqual([
      "::warning file=a%2Cb%3Ac.c,line=3,col=7,title=-Wunused::50%25%0Anext%0D",
    ]);
  });
  test("as many as are shown, errors first", () => {
    const many = Array.from({ length: 15 }, () => note());
    const lines = githubCommands([...many, note({ severity: "error" })]);
    expect(lines).toHaveLength(11);
    expect(lines[0]).toMatch(/^::error /);
  });
});

describe("GitLab's code quality report", () => {
  test("a message that only moved keeps its fingerprint; two of a kind have two", () => {
    const prints = (notes: readonly Note[]) =>
      codeQuality(notes).map((one) => (one as { fingerprint: string }).fingerprint);
    const [a, b] = prints([
      note({ message: "x:3: unused" }),
      note({ message: "x:9: unused", line: 9 }),
    ]);
    expect(a).not.toBe(b);
    expect(prints([note({ message: "x:77: unused", line: 77 })])).toEqual([a]);
    expect(codeQuality([note({ severity: "error", line: undefined })])).toMatchObject([
      {
        severity: "critical",
        check_name: "-Wunused",
        location: { path: "net/a.c", lines: { begin: 1 } },
      },
    ]);
  });
});

describe("where a message is shown", () => {
  const places = (builds: readonly Reported[], repository = "/repo") =>
    notesOf(builds, repository).map(({ file, line }) => `${file}:${line}`);
  test("in the patch when that is in the repository, else in the kernel's file", () => {
    expect(places([built, failed])).toEqual(["net/a.c:3", "patches/common/p.patch:40"]);
    expect(places([failed], "/other")).toEqual(["net/a.c:3"]);
    expect(places([failed], "/repo/patches/common/p.patch")).toEqual(["net/a.c:3"]);
    const installed = { ...ours, origin: { ...ours.origin, file: "/repo/node_modules/k/p.patch" } };
    expect(places([{ ...failed, errors: [installed] }])).toEqual(["net/a.c:3"]);
  });
  test("a line beside the change is the kernel's", () => {
    const beside = { ...ours, origin: { ...ours.origin, added: false } };
    const [one] = notesOf([{ ...failed, errors: [beside] }], "/repo");
    expect(one).toMatchObject({ file: "net/a.c", line: 3 });
    expect(one?.message).toContain("(beside line 40 of common/p.patch, hunk 2)");
  });
  test("the same message of two builds is told once; a failure without one is told itself", () => {
    expect(notesOf([built, built], "/")).toHaveLength(1);
    const silent = { ...failed, errors: [] };
    expect(notesOf([silent], "/")).toMatchObject([
      {
        code: "build.compile",
        severity: "error",
        message: "debian:6.1 arm64: compiling failed; next: look",
      },
    ]);
  });
});

describe("reports", () => {
  test("JUnit: a build is a test case", () => {
    const xml = toJUnit(buildsReport([built, failed]));
    expect(xml).toContain('<testsuite name="tarpit-kit build matrix" tests="2" failures="1"');
    expect(xml).toContain('<testcase classname="tarpit-kit.build" name="debian:6.1 sparc64"/>');
    expect(xml).toContain(
      "net/a.c:3:7: unused | variable [-Wunused] (line 40 of common/p.patch, hunk 2)",
    );
  });
  test("SARIF: the place in the patch", () => {
    expect(toSarif(warningsReport([failed], "/repo"))).toMatchObject({
      runs: [
        {
          results: [
            {
              ruleId: "-Wunused",
              level: "error",
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: "patches/common/p.patch" },
                    region: { startLine: 40 },
                  },
                },
              ],
            },
          ],
        },
      ],
    });
  });
  test("the page: one row a build, nothing breaks the table", () => {
    const page = summaryPage([built, { ...failed, trouble: { code: "x", what: "a | b\nc" } }], "/");
    expect(page).toContain("### tarpit-kit: 1 of 2 failed");
    expect(page).toContain("| debian:6.1 sparc64 | built | 6.1.192 | 1:01 | 1 |  |");
    expect(page).toContain("| debian:6.1 arm64 | **failed** |  | 0:05 | 0 | a \\| b c |");
    expect(summaryPage([built], "/")).toContain("### tarpit-kit: 1 built");
  });
});

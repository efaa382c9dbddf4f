import { Ajv2020 } from "ajv/dist/2020.js";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { toldOf } from "../../src/cli/render/report.ts";
import { finding, severities, type Finding, type FindingCode } from "../../src/core/findings.ts";
import { toJUnit, toSarif, type ToldReport } from "../../src/core/report-formats.ts";
import { root } from "../support/artifacts.ts";
import { anyArguments } from "../support/facts.ts";

/** One finding of every code there is, each with a place that needs escaping in every format. */
const every = (Object.keys(severities) as FindingCode[]).map((code) => {
  const why = code === "check.skipped" ? { reason: "no-config" } : {};
  const made = finding(code, { ...anyArguments, ...why } as never);
  const evidence = {
    file: "/etc/a b<&>\"'%\u001b[2J.conf",
    line: 3,
    text: "]]> <x> \u0000 & -j LOG",
  };
  return { ...made, evidence } as Finding;
});
const report: ToldReport = {
  subject: 'fw <"&>',
  version: "1.2.3",
  findings: every.map(toldOf),
  checked: [{ check: "extension", file: "/usr/lib/x&y.so" }],
};
const schema = JSON.parse(readFileSync(join(root, "docs/output.schema.json"), "utf8")) as object;
const valid = new Ajv2020({ allErrors: true, strict: false }).compile(schema);
const trouble = (value: unknown): unknown => (valid(value) ? undefined : valid.errors);

describe("--json against docs/output.schema.json", () => {
  test("every finding there is", () => {
    const findings = every.map((one) => ({ ...one, ...toldOf(one) }));
    expect(trouble({ version: 1, command: "verify", ok: false, findings })).toBeUndefined();
  });
  test("what is not in it is refused", () => {
    const one = { ...every[0], ...toldOf(every[0] as Finding) };
    const wrap = (findings: unknown[]) => ({ version: 1, command: "verify", ok: true, findings });
    expect(trouble(wrap([{ ...one, severity: "bad" }]))).toBeDefined();
    expect(trouble(wrap([{ ...one, evidence: { line: 1 } }]))).toBeDefined();
    expect(trouble({ version: 1, command: "verify", ok: true })).toBeDefined();
  });
});

describe("JUnit", () => {
  const xml = toJUnit(report);
  test("is well formed, with every finding and every check", () => {
    expect(XMLValidator.validate(xml)).toBe(true);
    const parser = new XMLParser({
      ignoreAttributes: false,
      isArray: (name) => name === "testcase",
    });
    const { testsuites } = parser.parse(xml) as { testsuites: Record<string, unknown> };
    const suite = testsuites["testsuite"] as Record<string, unknown> & {
      testcase: readonly Record<string, unknown>[];
    };
    const has = (name: string): number => suite.testcase.filter((one) => name in one).length;
    const of = (...names: string[]): number =>
      every.filter((one) => names.includes(one.severity)).length;
    expect(suite.testcase).toHaveLength(every.length + 1);
    expect([has("failure"), has("skipped")]).toEqual([of("error", "warning"), of("unchecked")]);
    expect([suite["@_failures"], suite["@_skipped"], suite["@_tests"]]).toEqual(
      [has("failure"), has("skipped"), suite.testcase.length].map(String),
    );
  });
});

describe("SARIF (its types are those of the standard's schema)", () => {
  const log = toSarif(report);
  const [run] = log.runs;
  test("each result names its rule, and a place that is a URI", () => {
    expect(log.version).toBe("2.1.0");
    expect(run?.results).toHaveLength(every.length);
    for (const one of run?.results ?? []) {
      expect(run?.tool.driver.rules?.[one.ruleIndex ?? -1]?.id).toBe(one.ruleId);
      const place = one.locations?.[0]?.physicalLocation;
      expect(place?.region?.startLine).toBe(3);
      expect(place?.artifactLocation?.uri).toMatch(/^[\w/%.~!*'()-]+$/);
    }
  });
  test("what is no failure has no level (3.27.10)", () => {
    for (const one of run?.results ?? [])
      expect(one.kind === undefined, `${one.ruleId} ${one.level}`).toBe(one.level !== "none");
  });
});

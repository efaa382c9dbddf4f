import { describe, expect, test } from "vitest";
import { anyArguments } from "../support/facts.ts";
import { describeFinding, wordsOf } from "../../src/cli/render/findings.ts";
import {
  finding,
  hasErrors,
  Report,
  severities,
  type Finding,
  type FindingCode,
} from "../../src/core/findings.ts";

describe("findings", () => {
  test("every code has words, without holes", () => {
    for (const code of Object.keys(severities) as FindingCode[]) {
      const why = code === "check.skipped" ? { reason: "no-config" } : {};
      const made = {
        code,
        severity: severities[code],
        args: { ...anyArguments, ...why },
      } as unknown as Finding;
      const { what, next } = wordsOf(made);
      expect(what.length, code).toBeGreaterThan(10);
      expect(`${what} ${next ?? ""}`, code).not.toMatch(/undefined|\[object|NaN/);
    }
  });

  test("a cure is a command that can be pasted, whatever the path holds", () => {
    const dir = "/tmp/it's $(here)";
    const { next } = wordsOf(
      finding("extension.missing", { file: "a.so", dir, arch: "x86_64", twin: "b.so" }),
    );
    expect(next).toBe(`cp '/tmp/it'\\''s $(here)/b.so' '/tmp/it'\\''s $(here)/a.so'`);
    const rebuild = wordsOf(finding("extension.missing", { file: "a.so", dir, arch: "x86_64" }));
    expect(rebuild.next).toBe("tarpit-kit build --arch x86_64");
    const text = describeFinding(
      finding("extension.missing", { file: "a.so", dir, arch: "x86_64" }),
    );
    expect(text).toBe("a.so is missing\n          next: tarpit-kit build --arch x86_64");
  });

  test("control characters of a hostile file never reach the terminal", () => {
    const { what } = wordsOf(finding("sums.malformed", { line: 1, text: "\u001b[2J\u202eevil" }));
    expect(what).not.toMatch(/\p{Cc}|\p{Cf}/u);
    expect(what).toContain("\\u{1b}");
  });

  test("a report's check ends as findings or as checked, never as both", () => {
    const report = new Report();
    expect(report.judged("a", "FILE")).toBe(true);
    expect(report.judged("b", "FILE", undefined, finding("sums.gone", { file: "x" }))).toBe(false);
    report.skipped("c", "FILE", "no-config");
    expect(report.checked).toEqual([{ check: "a", file: "FILE" }]);
    expect(report.findings.map((one) => one.severity)).toEqual(["error", "unchecked"]);
    expect(hasErrors(report.findings)).toBe(true);
    expect(hasErrors(report.findings.slice(1))).toBe(false);
  });
});

import { describe, expect, test } from "vitest";
import { describeFinding, wordsOf } from "../../src/cli/render/findings.ts";
import {
  finding,
  hasErrors,
  Report,
  severities,
  type Finding,
  type FindingCode,
} from "../../src/core/findings.ts";

/** Every argument any finding has; a code takes what it needs. */
const args = {
  file: "FILE",
  reason: "REASON",
  line: 3,
  text: "TEXT",
  expected: "EXPECTED",
  actual: "ACTUAL",
  dir: "/out/x",
  arch: "sparc64",
  than: "OTHER",
  wanted: ["WANTED"],
  field: "FIELD",
  where: "WHERE",
  format: "zst",
  alias: "ALIAS",
  license: "LICENSE",
  module: "MODULE",
  flag: "FLAG",
  symbol: "SYMBOL",
  has: true,
  value: "n",
  why: "target",
  check: "CHECK",
  version: "18",
  path: "PATH",
  freeMiB: 1,
  totalMiB: 1,
  wantedMiB: 2,
  what: "WHAT",
  fact: "FACT",
  machine: "MACHINE",
  bits: 64,
  known: 1,
  iptables: "IPTABLES",
  kernel: "KERNEL",
  name: "NAME",
  verdict: "works",
  sizes: "SIZES",
  names: ["NAMES"],
  from: 165,
  at: 185,
  files: ["FILES"],
  takes: "TAKES",
  loaded: "LOADED",
  onDisk: "ONDISK",
  how: "HOW",
  by: "BY",
  nft: 1,
  legacy: 1,
  used: "USED",
  other: "OTHER",
  looked: ["LOOKED"],
  put: "PUT",
  size: 4,
  needs: "NEEDS",
  most: "MOST",
  count: 1,
  max: 2,
  dropped: 1,
  segments: 2,
  held: 1,
  rules: 1,
  proto: "PROTO",
  hook: "HOOK",
  chain: "CHAIN",
  table: "TABLE",
  packets: 1,
  bytes: 1,
  target: "TARGET",
  before: 1,
  linesADay: 1,
  bytesADay: 1,
  family: 4,
  untracked: true,
  said: "SAID",
  rule: "RULE",
  state: "STATE",
  after: 1,
};

describe("findings", () => {
  test("every code has words, without holes", () => {
    for (const code of Object.keys(severities) as FindingCode[]) {
      const why = code === "check.skipped" ? { reason: "no-config" } : {};
      const made = {
        code,
        severity: severities[code],
        args: { ...args, ...why },
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

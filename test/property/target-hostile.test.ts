import * as fc from "fast-check";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeReport } from "../../src/cli/render/report.ts";
import { toldOf } from "../../src/cli/render/report.ts";
import { describeStuck } from "../../src/cli/render/stuck.ts";
import { makeStyle } from "../../src/cli/render/style.ts";
import type { Finding } from "../../src/core/findings.ts";
import { parseFacts } from "../../src/core/probe/facts.ts";
import { judgeFacts } from "../../src/core/probe/judge.ts";
import { toJUnit, toSarif } from "../../src/core/report-formats.ts";
import { lintRules } from "../../src/core/rules/lint.ts";
import { parseTable } from "../../src/core/stuck/table.ts";
import { summarize } from "../../src/core/stuck/summary.ts";
import { kit } from "../support/cli.ts";
import { factsText, good } from "../support/facts.ts";

const plain = makeStyle({}, {}, false);
/** What a terminal would obey: every control character but the newline, and the invisible ones that reorder text. */
// oxlint-disable-next-line no-control-regex
const obeyed = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]|\p{Cf}/u;

/** Pieces that have hurt readers before, mixed with anything. */
const nasty = fc.oneof(
  fc.constantFrom(
    "\u001b[2J\u001b]0;x\u0007",
    "\u009b31m",
    "\u202e",
    "\0",
    "\r",
    "$(touch PWNED)",
    "`touch PWNED`",
    "; touch PWNED #",
    "' \" \\",
    "\ufffd",
    "|=0",
    "@ end",
    "@ rules iptables-save",
    "%s%n",
    "-A INPUT -j TARPIT",
    "*filter",
    "__proto__",
    "constructor",
    '<x>&"]]>',
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
);
const line = fc.array(nasty, { maxLength: 6 }).map((parts) => parts.join(" "));
const text = fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n"));

const shown = (findings: readonly Finding[]): string =>
  describeReport({ findings, checked: 0, ok: false, title: "x" }, plain);

describe("what a hostile machine says is shown, never obeyed", () => {
  const names = Object.keys(good);
  test("facts: every record may hold anything", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(...names, "extension", "module", "boot", "loaders", "ulogd.conf"),
          fc.array(line, { maxLength: 8 }),
        ),
        line,
        (records, loose) => {
          const facts = parseFacts(`${factsText(good, records)}${loose}`);
          if (!facts) throw new Error("no facts");
          const { findings, checked } = judgeFacts(facts);
          expect(shown(findings)).not.toMatch(obeyed);
          const told = { subject: loose, version: "1", findings: findings.map(toldOf), checked };
          // oxlint-disable-next-line no-control-regex
          expect(toJUnit(told)).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
          JSON.parse(JSON.stringify(toSarif(told)));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("facts: any bytes at all", () => {
    fc.assert(
      fc.property(text, (any) => {
        const facts = parseFacts(`tarpit-facts 1\n${any}`);
        if (facts) expect(shown(judgeFacts(facts).findings)).not.toMatch(obeyed);
      }),
    );
  });

  test("data never passes for a record", () => {
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const safe = lines.flatMap((one) => one.split("\n"));
        const facts = parseFacts(
          `tarpit-facts 1\n@ boot\n${safe.map((one) => `|${one}\n`).join("")}|=0\n@ end\n`,
        );
        expect(facts?.records.map((one) => one.name)).toEqual(["boot"]);
        expect(facts?.records[0]?.status).toBe("ok");
      }),
    );
  });

  test("rules", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const rules = `*filter\n:INPUT ACCEPT [0:0]\n${lines.map((one, at) => (at % 2 ? one : `-A INPUT -m comment --comment "${one}" -j TARPIT`)).join("\n")}\nCOMMIT\n`;
        expect(
          shown(lintRules(rules, { file: lines[0] ?? "x", family: 4, hours: 1 }).findings),
        ).not.toMatch(obeyed);
      }),
      { numRuns: 300 },
    );
  });

  test("the table of held connections", () => {
    fc.assert(
      fc.property(text, (any) => {
        const summary = summarize(parseTable(`# version 1 now 5 peers 9\n${any}`));
        expect(describeStuck({ subject: any, summary, most: 20, columns: 80 }, plain)).not.toMatch(
          obeyed,
        );
      }),
    );
  });
});

describe("the program on hostile files", () => {
  const dir = mkdtempSync(join(tmpdir(), "tk-hostile-"));
  const at = (name: string): string => join(dir, name);
  const long = "x".repeat(10 << 20);
  const metal = Buffer.concat([
    Buffer.from('*filter\n:INPUT DROP [0:0]\n-A INPUT -m comment --comment "'),
    Buffer.from([0, 0xff, 0xfe, 0x1b, 0x5b, 0x32, 0x4a, 0xc3]),
    Buffer.from(`$(touch ${at("PWNED")})" -j TARPIT\n${long}\nCOMMIT\n`),
  ]);

  test("rules lint, verify --facts, stuck: a 10 MB line, NUL bytes, escapes, shell words", () => {
    writeFileSync(at("rules"), metal);
    writeFileSync(
      at("facts"),
      Buffer.concat([
        Buffer.from("tarpit-facts 1\n@ rules iptables-save\n|"),
        Buffer.from(metal.toString("latin1").replaceAll("\n", "\n|"), "latin1"),
        Buffer.from("\n|=0\n@ end\n"),
      ]),
    );
    writeFileSync(at("table"), Buffer.concat([Buffer.from("# version 1 now 5 peers 1\n"), metal]));
    for (const args of [
      ["rules", "lint", at("rules")],
      ["verify", "--facts", at("facts")],
      ["stuck", at("table")],
    ]) {
      const ran = kit(args);
      expect([0, 1], args.join(" ")).toContain(ran.code);
      expect(ran.stdout).not.toMatch(obeyed);
      expect(ran.stdout.length).toBeLessThan(20_000);
    }
    expect(existsSync(at("PWNED"))).toBe(false);
  });

  test("wrong encodings are refused or read, never a bug of ours", () => {
    const rules = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -j TARPIT\nCOMMIT\n";
    const texts = [
      `\ufeff${rules}`,
      factsText(good),
      "# version 1 now 5 peers 1\n4 192.0.2.1 1 192.0.2.2 2 1 2 3 4 dp--\n",
    ];
    const kinds = [
      (text: string) => Buffer.from(text, "utf16le"),
      (text: string) =>
        Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(text, "utf16le").swap16()]),
      (text: string) => Buffer.from(text.replaceAll("\n", "\r\n")),
      (text: string) => Buffer.from(text.replaceAll("\n", "\0")),
      () => Buffer.alloc(0),
      () => Buffer.from([0xff, 0xfe, 0xfd, 0xc3, 0x28, 0x80]),
    ];
    for (const [index, encode] of kinds.entries())
      for (const [which, args] of [["rules", "lint"], ["verify", "--facts"], ["stuck"]].entries()) {
        writeFileSync(at("encoded"), encode(texts[which] as string));
        const ran = kit([...args, at("encoded")]);
        expect([0, 1, 2], `${args.join(" ")} ${index}: ${ran.stderr}`).toContain(ran.code);
        expect(ran.stdout).not.toMatch(obeyed);
      }
  }, 180_000);

  test("no word of a user's reaches a printed command unless it is what it should be", () => {
    const words = [
      "INPUT; touch PWNED",
      "$(touch PWNED)",
      "IN\nPUT",
      "-F",
      "a".repeat(40),
      "OUTPUT",
      "",
      "\u202eTUPNI",
    ];
    for (const word of words) expect(kit(["rules", "print", "--", word]).code, word).toBe(2);
    for (const word of [
      "$(touch PWNED)",
      "192.0.2.0/24; x",
      "::/129",
      "1.2.3",
      "192.0.2.0/33",
      "192.0.2.256",
      "-j",
    ])
      expect(kit(["rules", "print", "INPUT", `--own=${word}`]).code, word).toBe(2);
    for (const word of ["23;x", "70000", "9:1", "$(x)", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"])
      expect(kit(["rules", "print", "INPUT", `--ports=${word}`]).code, word).toBe(2);
    const peer = (text: string): string =>
      kit(["rules", "print", "INPUT"], { SSH_CONNECTION: text }).stdout;
    for (const text of ["$(x) 1 y 22", "192.0.2.1;x 1 y 22", "192.0.2.1 1 y 22;x", "\n 1 2 3"])
      expect(peer(text)).not.toContain("logged in");
    expect(peer("192.0.2.1 1 192.0.2.2 22")).toContain("-s 192.0.2.1 -p tcp --dport 22 -j ACCEPT");
    expect(
      kit(["rules", "print", "INPUT", "--as", "ip6tables"], {
        SSH_CONNECTION: "fe80::1%eth0 1 fe80::2%eth0 22",
      }).stdout,
    ).toContain("-s fe80::1 -p tcp --dport 22");
    rmSync(dir, { recursive: true });
  }, 180_000);
});

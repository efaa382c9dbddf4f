import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Arch } from "../../src/core/arch.ts";
import { parseFacts } from "../../src/core/probe/facts.ts";
import { judgeFacts } from "../../src/core/probe/judge.ts";
import { loadArchFile, root } from "./artifacts.ts";

/**
 * Facts that the probe printed on real systems, and what is to be found in them. README.md beside them
 * says how each was recorded; the e2e tests record them again and want to find the same.
 */
export const fixtureDir = join(root, "test/fixtures/facts");

/** Errors, warnings and what could not be checked, by the name of the facts; each code once. */
export const expected = JSON.parse(
  readFileSync(join(fixtureDir, "expected.json"), "utf8"),
) as Readonly<Record<string, readonly string[]>>;

export const recorded = (name: string): string =>
  gunzipSync(readFileSync(join(fixtureDir, `${name}.facts.gz`))).toString("utf8");

const arches: readonly Arch[] = readdirSync(join(root, "data/arches")).map((name) =>
  loadArchFile(name.replace(/\.json$/, "")),
);

/** What is found in facts: `error so.missing`, sorted, notes left out. */
export function foundIn(text: string): string[] {
  const facts = parseFacts(text);
  if (!facts) throw new Error("no facts");
  const { findings } = judgeFacts(facts, undefined, arches);
  const told = findings
    .filter((one) => one.severity !== "info")
    .map((one) => `${one.severity} ${one.code}`);
  return [...new Set(told)].toSorted();
}

/** With TARPIT_KIT_RECORD=1 what was just recorded becomes the fixture. */
export function keepFixture(name: string, text: string): void {
  if (process.env["TARPIT_KIT_RECORD"] !== "1") return;
  mkdirSync(fixtureDir, { recursive: true });
  writeFileSync(join(fixtureDir, `${name}.facts.gz`), gzipSync(text, { level: 9 }));
}

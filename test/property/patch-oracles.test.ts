import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Case, gitCases, hunkCases, patchCases, seriesCases } from "../support/patch-cases.ts";
import { compare, kept, seedOf, tryMany } from "../support/patch-oracle.ts";

/** Some of what test/e2e/patch-oracles.test.ts tries many of. */
describe("the engine and the real programs agree", () => {
  it.each([
    ["hunks, GNU patch", hunkCases, 300, 0.1],
    ["patches of several files, GNU patch", patchCases, 150, 0.1],
    ["git's extended headers, git apply", gitCases, 150, 0.1],
    ["series, quilt", seriesCases, 20, 0],
  ] as const)("%s", async (name, cases, count, least) => {
    const tally = await tryMany(name.replaceAll(/\W+/g, "-"), cases, count, seedOf(1));
    expect(tally.differences).toEqual([]);
    // Both outcomes must be common, or the comparison says little.
    expect(Math.min(tally.applied, tally.refused)).toBeGreaterThanOrEqual(count * least);
    expect(tally.stricter).toBeLessThan(count / 4);
  });
  it("on every case they once differed on", async () => {
    const files = readdirSync(kept).filter((file) => file.endsWith(".json"));
    const cases = files.map((file) => JSON.parse(readFileSync(join(kept, file), "utf8")) as Case);
    expect((await compare(cases)).differences).toEqual([]);
  });
});

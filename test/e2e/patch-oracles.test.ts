import { describe, expect, test } from "vitest";
import { gitCases, hunkCases, patchCases, seriesCases } from "../support/patch-cases.ts";
import { seedOf, tryMany } from "../support/patch-oracle.ts";

/** Ten times as many with TARPIT_KIT_FULL=1. */
const times = process.env["TARPIT_KIT_FULL"] ? 10 : 1;

/** 20,500 cases a run: the engine against real GNU patch, git apply and quilt, byte for byte. */
describe("the engine and the real programs agree", () => {
  test.each([
    ["hunks, GNU patch", hunkCases, 10_300, 0.1],
    ["patches of several files, GNU patch", patchCases, 5_000, 0.1],
    ["git's extended headers, git apply", gitCases, 5_000, 0.1],
    ["series, quilt", seriesCases, 200, 0.1],
  ] as const)("%s: %#", async (name, cases, count, least) => {
    const many = count * times;
    const tally = await tryMany(name.replaceAll(/\W+/g, "-"), cases, many, seedOf(1_000_000));
    expect(tally.differences).toEqual([]);
    expect(tally.applied + tally.refused + tally.stricter).toBe(many);
    // Both outcomes must be common, or the comparison says little.
    expect(Math.min(tally.applied, tally.refused)).toBeGreaterThan(many * least);
    expect(tally.stricter).toBeLessThan(many / 4);
  });
});

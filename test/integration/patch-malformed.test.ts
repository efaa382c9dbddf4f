import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TarpitError } from "../../src/core/errors.ts";
import { malformed, malformedTree } from "../support/malformed-patches.ts";
import { fingerprint, layOut, layOutToy, makeDirectory, portsFor, run } from "./patch-support.ts";

let dir = "";
let tree = "";
let ports: ReturnType<typeof portsFor>;
let before: readonly string[] = [];
beforeAll(() => {
  dir = makeDirectory();
  tree = layOut(join(dir, "tree"), malformedTree);
  ports = portsFor(layOutToy(join(dir, "toy")).kit);
  before = fingerprint(tree);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** In the words of the table. */
async function outcomeOf(series: string): Promise<string> {
  try {
    const { outcome, patches } = await run(tree, series, ports, { check: true });
    expect(outcome).toMatch(/^(?:would-apply|already-applied)$/);
    return patches.every(({ files }) => files.length === 0) ? "nothing" : "applies";
  } catch (error) {
    if (!(error instanceof TarpitError)) throw error;
    const { what, where, next, data } = error.trouble;
    expect(what && where && next).toBeTruthy();
    if (error.code === "patch.malformed") {
      expect(error.exit).toBe(2);
      return `damaged:${/:(\d+)$/.exec(where ?? "")?.[1]}`;
    }
    expect(error).toMatchObject({ exit: 1 });
    return `refused:${(data as { refusals: { reason: string }[] }).refusals[0]?.reason}`;
  }
}

describe("patches that are damaged, odd or meant ill", () => {
  it("are at least 200, each another one", () => {
    expect(malformed.length).toBeGreaterThanOrEqual(200);
    expect(new Set(malformed.map(({ text }) => text)).size).toBe(malformed.length);
    expect(new Set(malformed.map(({ name }) => name)).size).toBe(malformed.length);
  });
  it.each(malformed)("$name: $outcome", async ({ text, outcome }) => {
    const patches = join(dir, "patches");
    mkdirSync(patches, { recursive: true });
    writeFileSync(join(patches, "series"), "p\n");
    writeFileSync(join(patches, "p"), text, "latin1");
    expect(await outcomeOf(join(patches, "series"))).toBe(outcome);
    expect(fingerprint(tree)).toEqual(before);
  });
});

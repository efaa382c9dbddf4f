import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withScratch } from "../../src/app/scratch.ts";
import { createFiles } from "../../src/infra/files.ts";
import type { Ports } from "../../src/ports.ts";
import { fakePorts } from "../support/ports.ts";

let cacheDir = "";
beforeAll(() => void (cacheDir = mkdtempSync(join(tmpdir(), "kit-scratch-"))));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const ports = (): Ports => ({
  ...fakePorts(),
  files: createFiles(),
  clock: { ...fakePorts().clock, now: () => new Date() },
  cacheDir,
});

/** As a run that was killed leaves it: the holder of its lock is gone. */
function left(name: string, secondsAgo: number): string {
  const path = join(cacheDir, "tmp", name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "object.o"), "half of it");
  writeFileSync(join(path, ".lock"), JSON.stringify({ pid: 0, token: "gone", boot: "another" }));
  const then = Date.now() / 1000 - secondsAgo;
  utimesSync(path, then, then);
  return path;
}

test("is private, and gone afterwards, also when the work fails", async () => {
  let path = "";
  const fail = async (scratch: string) => {
    path = scratch;
    expect(existsSync(scratch)).toBe(true);
    throw new Error("disk full");
  };
  await expect(withScratch("config", ports(), fail)).rejects.toThrow("disk full");
  expect(path).toContain("/tmp/config-");
  expect(existsSync(path)).toBe(false);
});

test("what killed runs left goes; what live runs and the newest ones have stays", async () => {
  const dead = left("extension-dead", 300);
  const young = left("extension-young", 0);
  await withScratch("package", ports(), async (live) => {
    const then = Date.now() / 1000 - 300;
    utimesSync(live, then, then);
    await withScratch("package", ports(), async () => undefined);
    expect(existsSync(live)).toBe(true);
  });
  expect(existsSync(dead)).toBe(false);
  expect(existsSync(young)).toBe(true);
});

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { clearCache, verifyCache, withLease } from "../../src/app/cache.ts";
import {
  type Bench,
  bench,
  compress,
  debianPackage,
  kernelEntries,
  tarOf,
} from "./fetch-support.ts";

/** The cache as fetch fills it; what a build adds is in build.test.ts. */
let b: Bench;
const path = process.env["PATH"];
beforeEach(() => {
  b = bench();
  debianPackage(b, compress("xz", tarOf(...kernelEntries())));
});
afterEach(() => {
  process.env["PATH"] = path;
  b.close();
});

const states = async () =>
  (await verifyCache(b.ports))
    .filter(({ kind }) => kind === "download" || kind === "source")
    .map(({ kind, state, removed }) => `${kind} ${state}${removed ? " removed" : ""}`);
const everything = { maxBytes: 0 };

test("what is as it was made is ok", async () => {
  await b.fetch("debian:6.1");
  expect(await states()).toEqual(["download ok", "source ok"]);
});

test("a changed file in a tree, a lost one: the tree goes, and the next fetch makes it again", async () => {
  const { path: tree } = await b.fetch("debian:6.1");
  for (const damage of [
    () => writeFileSync(join(tree, "Kconfig"), "mainmenu y\n"),
    () => rmSync(join(tree, "Kconfig")),
  ]) {
    damage();
    expect(await states()).toEqual(["download ok", "source damaged removed"]);
    expect(existsSync(tree)).toBe(false);
    await b.fetch("debian:6.1");
    expect(readFileSync(join(tree, "Kconfig"), "utf8")).toBe("mainmenu x\n");
  }
});

test("a damaged archive goes; what came out of it before is unchecked", async () => {
  await b.fetch("debian:6.1");
  const archive = join(b.root, "cache/downloads/linux-source-6.1_6.1.5-1_all.tar.xz");
  writeFileSync(archive, "not what it was");
  expect(await states()).toEqual(["download damaged removed", "source unchecked"]);
  expect(existsSync(archive)).toBe(false);
});

test("gc removes what does not fit, with what belongs to it, and only says so when it did", async () => {
  const { path: tree } = await b.fetch("debian:6.1");
  const kept = await clearCache({ maxBytes: 2 ** 30 }, b.ports);
  expect(kept).toMatchObject({ removed: [], busy: false });
  const cleared = await clearCache(everything, b.ports);
  expect(cleared.removed.map(({ kind }) => kind).toSorted()).toEqual(["download", "source"]);
  expect(cleared.bytesAfter).toBeLessThan(cleared.bytesBefore);
  expect(existsSync(tree)).toBe(false);
  expect(b.cached().filter((name) => name.startsWith("downloads"))).toEqual([]);
});

test("while another run is at work, what it may need stays; leases of dead runs mean nothing", async () => {
  const { path: tree } = await b.fetch("debian:6.1");
  const evidence = b.file("cache/prove/sparc64-x/console.log", "boot");
  await withLease(b.ports, async () => {
    const cleared = await clearCache(everything, b.ports);
    expect(cleared.busy).toBe(true);
    expect(existsSync(tree)).toBe(true);
    expect(existsSync(evidence)).toBe(false);
    writeFileSync(join(tree, "Kconfig"), "damaged\n");
    expect(await states()).toContain("source damaged");
  });
  const leases = join(b.root, "cache/runs");
  mkdirSync(leases, { recursive: true });
  const dead = JSON.stringify({ pid: 0, token: "gone", boot: "another" });
  writeFileSync(join(leases, "a-run-that-was-killed"), dead);
  expect((await clearCache(everything, b.ports)).busy).toBe(false);
  expect(existsSync(tree)).toBe(false);
  expect(readdirSync(leases)).toEqual([]);
});

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { leaveOut } from "../../src/core/drift/left-out.ts";
import { type Bench, bench } from "../integration/fetch-support.ts";

/** The real thing: Debian's linux-source-6.1 through the apt of this machine. */
const apt = spawnSync("apt-get", ["--version"]).status === 0;

describe.skipIf(!apt)("debian:6.1", () => {
  let b: Bench;
  beforeAll(() => void (b = bench()));
  afterAll(() => b.close());

  test("is brought, verified by apt, and a second time found at once", async () => {
    const lists = statSync("/var/lib/apt/lists").mtimeMs;
    const first = await b.fetch("debian:6.1");
    expect(first).toMatchObject({
      version: { major: 6, minor: 1 },
      trust: { how: "apt" },
      cached: false,
    });
    expect(first.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(readFileSync(join(first.path, "Makefile"), "latin1")).toContain(
      `SUBLEVEL = ${first.version.patch}\n`,
    );
    for (const name of ["xt_TCPMSS.c", "xt_tcpmss.c"]) {
      expect(existsSync(join(first.path, "net/netfilter", name))).toBe(true);
    }
    const start = performance.now();
    expect(await b.fetch("debian:6.1")).toEqual({ ...first, cached: true });
    expect(performance.now() - start).toBeLessThan(3000);
    expect(statSync("/var/lib/apt/lists").mtimeMs).toBe(lists);
  });

  const kept = () => {
    const names = b.cached().filter((name) => name.startsWith("downloads/linux-source"));
    const archive = names.find((name) => name.endsWith(".tar.xz")) as string;
    return { names, archive: join(b.ports.cacheDir, archive) };
  };
  const damage = (file: string) =>
    void spawnSync("dd", [
      "if=/dev/zero",
      `of=${file}`,
      "bs=1k",
      "seek=1000",
      "count=1",
      "conv=notrunc",
    ]);
  /** What is tried here is the archive: three quarters of the files need not be made again. */
  const part = { leaveOut };
  const forgetTrees = () => rmSync(join(b.ports.cacheDir, "sources"), { recursive: true });

  test("of the package the kernel's own archive stays; the tree comes out of it as before", async () => {
    const whole = await b.fetch("debian:6.1");
    const before = await b.fetch("debian:6.1", part);
    expect({ ...before, path: whole.path, cached: true }).toEqual(whole);
    expect(before.path).not.toBe(whole.path);
    expect(kept().names).toHaveLength(2);
    const { ino } = statSync(kept().archive);
    forgetTrees();
    expect(await b.fetch("debian:6.1", part)).toEqual({ ...before, cached: false });
    expect(statSync(kept().archive).ino).toBe(ino);
  });

  test("a damaged archive is brought again", async () => {
    damage(kept().archive);
    forgetTrees();
    const again = await b.fetch("debian:6.1", part);
    expect(again).toMatchObject({ trust: { how: "apt" }, cached: false });
    expect(kept().names).toHaveLength(2);
  });

  test("so is one whose record is cut off, and a damaged package beside it, as a killed run may leave them", async () => {
    const { archive } = kept();
    const deb = archive.replace(/\.tar\.xz$/, ".deb");
    copyFileSync(archive, deb);
    writeFileSync(`${archive}.json`, "{");
    forgetTrees();
    const again = await b.fetch("debian:6.1", part);
    expect(again).toMatchObject({ trust: { how: "apt" }, cached: false });
    expect(existsSync(deb)).toBe(false);
    expect(JSON.parse(readFileSync(`${archive}.json`, "utf8"))).toHaveProperty("sha256");
  });

  test("a machine without package lists: they are read into a cache of our own", async () => {
    const fresh = bench();
    const lists = fresh.file("no-lists/partial/.keep", "");
    const config = fresh.file("apt.conf", `Dir::State::lists "${dirname(dirname(lists))}";\n`);
    process.env["APT_CONFIG"] = config;
    try {
      const made = await fresh.fetch("debian:6.1", part);
      expect(made).toMatchObject({ trust: { how: "apt" }, cached: false });
      expect(await fresh.fetch("debian:6.1", part)).toEqual({ ...made, cached: true });
      expect(await fresh.refusal("debian:1.0")).toMatchObject({ exit: 2, code: "fetch.not-found" });
    } finally {
      delete process.env["APT_CONFIG"];
      fresh.close();
    }
  });

  test("a line Debian does not have", async () => {
    const error = await b.refusal("debian:1.0");
    expect(error).toMatchObject({ exit: 2, code: "fetch.not-found" });
    expect(error.trouble.next).toContain("debian:6.1");
  });
});

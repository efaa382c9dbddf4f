import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

  test("a damaged download is brought again; nothing of the tree is believed without it", async () => {
    const deb = b.cached().find((name) => name.endsWith(".deb")) as string;
    const path = join(b.ports.cacheDir, deb);
    rmSync(join(b.ports.cacheDir, "sources"), { recursive: true });
    spawnSync("dd", [
      "if=/dev/zero",
      `of=${path}`,
      "bs=1k",
      "seek=1000",
      "count=1",
      "conv=notrunc",
    ]);
    expect(await b.fetch("debian:6.1")).toMatchObject({ trust: { how: "apt" }, cached: false });
  });

  test("a machine without package lists: they are read into a cache of our own", async () => {
    const fresh = bench();
    const lists = fresh.file("no-lists/partial/.keep", "");
    const config = fresh.file("apt.conf", `Dir::State::lists "${dirname(dirname(lists))}";\n`);
    process.env["APT_CONFIG"] = config;
    try {
      const made = await fresh.fetch("debian:6.1");
      expect(made).toMatchObject({ trust: { how: "apt" }, cached: false });
      expect(await fresh.fetch("debian:6.1")).toEqual({ ...made, cached: true });
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

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { kit, kitOk, launcher, scratch } from "../support/cli.ts";

const { dir, remove } = scratch("sparc64");
afterAll(remove);
const build = ["build", "--arch", "sparc64", "--install", "--out", dir, ...launcher()];

/** The main job, as the README has it. Each test uses what the one before it made. */
describe("a sparc64 kernel with TARPIT, from nothing", () => {
  let artifacts = "";

  test("builds: kernel, modules, extension for both userlands", () => {
    artifacts = kitOk(build);
    expect(artifacts).toMatch(/\/6\.1\.\d+-sparc64$/);
    for (const name of [
      "image",
      "vmlinux",
      "System.map",
      "config",
      "modules.tar.gz",
      "build.log",
      "SHA256SUMS",
    ]) {
      expect(statSync(join(artifacts, name)).size, name).toBeGreaterThan(0);
    }
    for (const abi of ["sparc64", "sparc"]) {
      expect(existsSync(join(artifacts, "extensions", abi, "libipt_TARPIT.so")), abi).toBe(true);
    }
    const config = readFileSync(join(artifacts, "config"), "utf8");
    expect(config).toContain("CONFIG_IP_NF_TARGET_TARPIT=m");
    expect(config).toContain("CONFIG_IP6_NF_TARGET_TARPIT=m");
  });

  test("verifies", () => {
    expect(kitOk(["verify", "--artifacts", dir])).toContain("checks passed");
  });

  test("a second run has nothing to do", () => {
    const again = kit(build);
    expect(again.code).toBe(0);
    expect(again.stderr).toContain("unchanged");
    expect(again.stdout.trim()).toBe(artifacts);
  });

  test("holds connections on the wire: 64-bit and 32-bit iptables, IPv4 and IPv6", () => {
    const result = JSON.parse(kitOk(["prove", "--artifacts", dir, "--json"])) as Proof;
    expect(result.results.filter((one) => !one.ok)).toEqual([]);
    for (const abi of ["sparc64", "sparc"])
      expect(result.results.some((one) => one.abi === abi)).toBe(true);
    for (const path of ["rule", "wire", "loopback"])
      expect(result.results.some((one) => one.path === path)).toBe(true);
  });

  test("a built-in target, another profile and an owner's .config pass the same assertions", () => {
    const tree = kitOk(["fetch", "debian:6.1"]);
    const module = ["--scope", "module", "--out", join(dir, "ultra"), ...launcher()];
    kitOk([
      "build",
      "--arch",
      "sparc64",
      "--kernel",
      tree,
      "--profile",
      "sparc64-ultra",
      ...module,
    ]);
    const own = join(artifacts, "config");
    kitOk(["build", "--arch", "sparc64", "--base", own, ...module.with(3, join(dir, "own"))]);
    const refused = kit([
      "build",
      "--arch",
      "sparc64",
      "--set",
      "NETFILTER_XTABLES=n",
      ...module.with(3, join(dir, "no")),
    ]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/NETFILTER_XTABLES/);
  });
});

interface Proof {
  readonly results: readonly {
    readonly abi: string;
    readonly path: string;
    readonly ok: boolean;
    readonly case: string;
  }[];
}

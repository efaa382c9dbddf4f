import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { root } from "../support/artifacts.ts";
import { kitOk, launcher, scratch, tool } from "../support/cli.ts";

const { dir, remove } = scratch("x86-64");
afterAll(remove);

describe("x86_64", () => {
  test("builds 6.12, verifies, and holds connections under 64-bit and 32-bit iptables", () => {
    kitOk([
      "build",
      "--arch",
      "x86_64",
      "--kernel",
      "debian:6.12",
      // The kernel of target.test.ts: compiled once for both.
      "--fragment",
      join(root, "test/guest/lab.config"),
      "--install",
      "--out",
      dir,
      "--package",
      "deb,tar",
      ...launcher(),
    ]);
    const result = JSON.parse(kitOk(["prove", "--artifacts", dir, "--json"])) as {
      results: { ok: boolean; abi: string }[];
    };
    expect(result.results.filter((one) => !one.ok)).toEqual([]);
    expect(new Set(result.results.map((one) => one.abi))).toContain("i386");
  });

  test("a module for Debian's own kernel: its headers, its vermagic", () => {
    tool(
      "apt-get",
      ["install", "-y", "-qq", "--no-install-recommends", "linux-headers-cloud-amd64"],
      { env: { DEBIAN_FRONTEND: "noninteractive" } },
    );
    const headers =
      readdirSync("/usr/src")
        .filter((name) => /^linux-headers-.*-cloud-amd64$/.test(name))
        .toSorted()
        .at(-1) ?? "";
    const release = headers.replace("linux-headers-", "");
    const artifacts = kitOk([
      "build",
      "--arch",
      "x86_64",
      "--against",
      join("/usr/src", headers),
      "--userland",
      "64",
      "--out",
      join(dir, "against"),
    ]);
    expect(artifacts.endsWith(`/${release}-x86_64`)).toBe(true);
    expect(tool("modinfo", ["-F", "vermagic", join(artifacts, "xt_TARPIT.ko")])).toMatch(
      new RegExp(`^${release.replaceAll(".", "\\.")} `),
    );
    kitOk(["verify", "--artifacts", artifacts]);
    expect(readFileSync(join(artifacts, "config"), "utf8")).toContain("CONFIG_NETFILTER_XTABLES=");
  });
});

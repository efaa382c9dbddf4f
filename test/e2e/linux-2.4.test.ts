import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { root } from "../support/artifacts.ts";
import { kit, kitOk, launcher, scratch, tool } from "../support/cli.ts";

/** Unpacked trees of 2.4, by release (docs/linux-2.4.md); without them these are skipped by name. */
const trees = process.env["TARPIT_KIT_LINUX_2_4"] ?? "";
const there = (release: string): boolean =>
  trees !== "" && existsSync(join(trees, release, "Makefile"));
const { dir, remove } = scratch("linux-2.4");
afterAll(remove);

const build = (arch: string, release: string, ...more: string[]): string =>
  kitOk([
    "build",
    "--arch",
    arch,
    "--tree",
    join(trees, release),
    "--out",
    join(dir, `${arch}-${release}`),
    "--install",
    ...launcher(),
    ...more,
  ]);

describe("Linux 2.4 from trees of TARPIT_KIT_LINUX_2_4", () => {
  test.runIf(there("2.4.37.11"))(
    "2.4.37.11 for sparc64: built for QEMU, proven in it, its asm audited",
    () => {
      const artifacts = build("sparc64", "2.4.37.11", "--profile", "sparc64-2.4-emulator");
      expect(artifacts).toMatch(/2\.4\.37\.11-emulator-sparc64$/);
      expect(kitOk(["verify", "--artifacts", artifacts])).toContain("checks passed");
      expect(tool(process.execPath, [join(root, "bench/audit-asm.mjs"), artifacts])).toMatch(
        /, 0 that use memory untold/,
      );
      const proved = JSON.parse(kitOk(["prove", "--artifacts", artifacts, "--json"])) as {
        ok: boolean;
        results: { abi: string; case: string; ok: boolean }[];
      };
      expect(proved.results.filter((one) => !one.ok)).toEqual([]);
      expect(new Set(proved.results.map((one) => one.abi))).toEqual(new Set(["sparc64", "sparc"]));
    },
  );

  test.runIf(there("2.4.37.11"))(
    "2.4.37.11 for an Ultra: nothing of the emulator's is in it",
    () => {
      const artifacts = build("sparc64", "2.4.37.11");
      const metadata = readFileSync(join(artifacts, "metadata.json"), "utf8");
      expect(JSON.parse(metadata)).toMatchObject({ emulatorOnly: false });
      expect(metadata).not.toContain("linux-2.4-emulator");
      expect(kitOk(["verify", "--artifacts", artifacts])).toContain("checks passed");
      expect(kit(["prove", "--artifacts", artifacts]).code).toBe(2);
    },
  );

  for (const release of ["2.4.18", "2.4.25", "2.4.32", "2.4.34", "2.4.37.11"]) {
    test.runIf(there(release))(`${release}: the target's object for sparc64`, () => {
      const artifacts = build("sparc64", release, "--scope", "module", "--base", "defconfig");
      expect(kitOk(["verify", "--artifacts", artifacts])).toContain("checks passed");
    });
  }

  test.runIf(there("2.4.37.11"))("2.4.37.11: the target's object for i386", () => {
    const artifacts = build("i386", "2.4.37.11", "--scope", "module");
    expect(kitOk(["verify", "--artifacts", artifacts])).toContain("checks passed");
  });
});

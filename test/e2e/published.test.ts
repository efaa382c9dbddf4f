import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { root } from "../support/artifacts.ts";
import { kitOk, scratch, tool } from "../support/cli.ts";

const { dir, remove } = scratch("published");
afterAll(remove);

/**
 * What `npm pack` makes, installed globally as a user would, and called from another directory: the
 * dependencies come from the registry.
 */
test("the tarball installs globally, works from any directory, and builds the same bytes as the checkout", () => {
  tool("npm", ["pack", "--ignore-scripts", "--pack-destination", dir], { cwd: root });
  const tarball = readdirSync(dir).find((name) => name.endsWith(".tgz")) ?? "";
  const prefix = join(dir, "global");
  const quiet = ["--no-audit", "--no-fund", "--loglevel", "error"];
  tool("npm", ["install", "-g", "--prefix", prefix, ...quiet, join(dir, tarball)], { cwd: dir });
  const elsewhere = join(dir, "elsewhere");
  mkdirSync(elsewhere);
  const installed = (...args: string[]): string => {
    const program = join(prefix, "bin/tarpit-kit");
    const ran = spawnSync(program, args, { cwd: elsewhere, encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`${args.join(" ")}: ${ran.status}\n${ran.stderr}`);
    return ran.stdout.trim();
  };
  expect(installed("--version")).toBe(kitOk(["--version"]));
  expect(installed("rules", "print", "INPUT")).toContain("TARPIT");
  expect(installed("probe")).toMatch(/^#!\/bin\/sh/);
  const module = ["build", "--arch", "sparc64", "--scope", "module", "--install"];
  const mine = installed(...module, "--out", "out");
  const checkout = kitOk([...module, "--out", join(dir, "checkout")]);
  for (const name of ["xt_TARPIT.ko", "extensions/sparc/libxt_TARPIT.so", "provenance.json"])
    expect(readFileSync(join(mine, name)).equals(readFileSync(join(checkout, name))), name).toBe(
      true,
    );
});

import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { satisfies } from "../../src/core/kernel-range.ts";
import { versionFromMakefile } from "../../src/core/kernel-version.ts";
import type { Manifest } from "../../src/core/manifest.ts";
import { root } from "../support/artifacts.ts";
import { kitOk, launcher, scratch } from "../support/cli.ts";
import { seriesCases } from "../support/series-cases.ts";

const { dir, remove } = scratch("lines");
afterAll(remove);

const json = <T>(path: string): T => JSON.parse(readFileSync(join(root, path), "utf8")) as T;
const { lines } = json<Manifest>("patches/manifest.json");

/**
 * A directory of kernel trees: a directory each, of any name; a link is followed, or its copy would be the tree
 * itself. Debian's own are in series.test.ts.
 */
const given = process.env["TARPIT_KIT_LINUX_TREES"];
const trees = (given === undefined ? [] : readdirSync(resolve(given)))
  .map((name) => join(resolve(given as string), name))
  .filter((path) => existsSync(join(path, "Makefile")))
  .map((path) => ({
    path: realpathSync(path),
    version: versionFromMakefile(readFileSync(join(path, "Makefile"), "utf8")),
  }));

describe.each(lines)("$series, $range", ({ line, range, series }) => {
  const here = trees.filter(({ version }) => version && satisfies(version, range));
  if (here.length === 0) {
    test.skip(`needs a tree of ${range}: TARPIT_KIT_LINUX_TREES=DIR names none`, () => undefined);
    return;
  }
  describe.each(here)("$version.text", ({ path, version }) => {
    const { make = [] } = json<{ make?: string[] }>(`data/kernels/${line}.json`);
    seriesCases(series, join(dir, version?.text ?? ""), () => path, make);

    test.each(["x86_64", "sparc64"])("build --scope module for %s", (arch) => {
      const out = join(dir, version?.text ?? "", "out");
      const args = ["build", "--arch", arch, "--scope", "module", "--userland", "64", "--install"];
      // A copy of the whole tree: not into the cache that others use.
      const made = kitOk([...args, "--tree", path, "--out", out, ...launcher()], {
        TARPIT_KIT_CACHE: join(dir, "cache"),
      });
      expect(existsSync(join(made, "xt_TARPIT.ko"))).toBe(true);
    });
  });
});

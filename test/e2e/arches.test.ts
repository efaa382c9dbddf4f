import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { kitOk, launcher, scratch } from "../support/cli.ts";
import { root } from "../support/artifacts.ts";

const { dir, remove } = scratch("arches");
afterAll(remove);

const arches = readdirSync(join(root, "data/arches")).map((name) => name.replace(".json", ""));
const full = process.env["TARPIT_KIT_FULL"] === "1";
/** sparc64 and x86_64 are built whole in their own tests; every other arch compiles the one object. */
const some = arches.filter((arch) => full || (arch !== "sparc64" && arch !== "x86_64"));

describe.each([
  ["debian:6.1", some],
  ["debian:6.12", full ? arches : ["sparc64", "armhf"]],
])("the target's module and the extension on %s", (kernel, list) => {
  test.each(list)("%s", (arch) => {
    const out = join(dir, `${arch}-${kernel.slice(7)}`);
    const artifacts = kitOk([
      "build",
      "--arch",
      arch,
      "--kernel",
      kernel,
      "--scope",
      "module",
      "--install",
      "--out",
      out,
      ...launcher(),
    ]);
    expect(readdirSync(artifacts)).toContain("xt_TARPIT.ko");
    expect(kitOk(["verify", "--artifacts", artifacts])).toContain("checks passed");
  });
});

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { kitOk, launcher, scratch } from "../support/cli.ts";
import { root } from "../support/artifacts.ts";

const { dir, remove } = scratch("arches");
afterAll(remove);

const every = readdirSync(join(root, "data/arches")).map((name) => name.replace(".json", ""));
/** Those that today's kernels know; the others are for Linux 2.4. */
const arches = every.filter(
  (arch) => !("only" in JSON.parse(readFileSync(join(root, `data/arches/${arch}.json`), "utf8"))),
);
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

/** `doctor --install` leaves recommended packages out, and cross compilers only recommend a C library. */
test.each(every)("%s: on a bare machine its packages bring a C library", (arch) => {
  const { abis } = JSON.parse(readFileSync(join(root, `data/arches/${arch}.json`), "utf8")) as {
    abis: { name: string; packages: string[] }[];
  };
  for (const { name, packages } of abis) {
    const bare = ["-o", "Dir::State::status=/dev/null", "--no-install-recommends"];
    const { stdout } = spawnSync("apt-get", ["-s", ...bare, "install", ...packages], {
      encoding: "utf8",
    });
    expect(stdout, `${arch}, ${name}`).toMatch(/^Inst libc6-dev/m);
  }
});

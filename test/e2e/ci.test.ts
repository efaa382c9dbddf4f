import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { root } from "../support/artifacts.ts";
import { githubJob } from "../support/ci-steps.ts";
import { kit, kitOk, scratch, tool } from "../support/cli.ts";

const { dir, remove } = scratch("ci");
afterAll(remove);
const full = process.env["TARPIT_KIT_FULL"] === "1";

interface Planned {
  readonly line: string;
  readonly releases: readonly string[];
}
interface Line {
  readonly line: string;
  readonly breaks?: object;
  readonly releases: readonly {
    readonly version: string;
    readonly state: string;
    readonly seconds?: number;
  }[];
}

describe("the GitHub workflow, as a repository of somebody's has it", () => {
  const checkout = join(dir, "checkout");
  const server = {
    dir: checkout,
    env: {
      TARPIT_KIT_PACKAGE: "",
      NPM_CONFIG_PREFIX: join(dir, "prefix"),
      PATH: `${join(dir, "prefix/bin")}:${process.env["PATH"] ?? ""}`,
    },
  };

  test("installs the packed package, plans, and builds each shard; a second night has nothing to do", () => {
    mkdirSync(checkout);
    // dist/ is there, and other tests use it: it must not be compiled under them.
    const pack = ["pack", "--silent", "--ignore-scripts", "--pack-destination", checkout];
    const packed = tool("npm", pack, { cwd: root });
    server.env.TARPIT_KIT_PACKAGE = `./${packed.trim().split("\n").at(-1) ?? ""}`;
    const matrix = {
      kernels: ["debian:6.1"],
      archs: ["sparc64"],
      userlands: ["64", "32"],
      scopes: ["module"],
    };
    writeFileSync(join(checkout, "tarpit-kit.json"), JSON.stringify(matrix));
    const plan = githubJob("plan", server);
    expect(plan.code, plan.output).toBe(0);
    const { include } = JSON.parse(plan.outputs["matrix"] ?? "") as {
      include: Record<string, string>[];
    };
    expect(include.map(({ userland }) => userland)).toEqual(["64", "32"]);
    for (const job of include) {
      const facts = Object.entries(job).map(([name, value]) => [`matrix.${name}`, value]);
      const built = githubJob("build", server, Object.fromEntries(facts) as Record<string, string>);
      expect(built.code, built.output).toBe(0);
      expect(built.summary).toMatch(/### tarpit-kit: 1 built[^]*\| built \| 6\.1\.\d+ \|/);
    }
    const abis = readdirSync(join(checkout, "out"))
      .filter((name) => name.startsWith("debian-6.1"))
      .map((name) => {
        const names = readdirSync(join(checkout, "out", name));
        const release = names.find((one) => one.startsWith("6.")) ?? "";
        return readdirSync(join(checkout, "out", name, release, "extensions")).join();
      });
    expect(abis.toSorted()).toEqual(["sparc", "sparc64"]);
    const again = tool("tarpit-kit", ["matrix", "run", "--json"], {
      cwd: checkout,
      env: server.env,
    });
    const { results } = JSON.parse(again) as { results: { state: string }[] };
    expect(results.map(({ state }) => state)).toEqual(["unchanged", "unchanged"]);
  });
});

/** Releases of each series of a line: all that Debian's apt has, in the long version. */
const most = full ? 8 : 2;

describe("the drift radar", () => {
  test(`${most} releases of each Debian line are patched and compiled`, () => {
    const file = join(dir, "drift.json");
    const drift = { lines: ["6.1", "6.12"], most };
    writeFileSync(file, JSON.stringify({ kernels: ["debian:6.1"], archs: ["sparc64"], drift }));
    // What apt offers is the machine's own affair: a plain Debian mirror has the last one or two.
    const print = kitOk(["matrix", "print", file, "--drift", "--json"]);
    const planned = (JSON.parse(print) as { results: readonly Planned[] }).results;
    expect(new Set(planned.map(({ line }) => line))).toEqual(new Set(["6.1", "6.12"]));
    const ran = kit(["matrix", "run", file, "--drift", "--json"]);
    expect(ran.code, ran.stderr).toBe(0);
    const { results } = JSON.parse(ran.stdout) as { results: readonly Line[] };
    for (const { releases, breaks } of results) {
      console.log(releases.map(({ version, seconds }) => `${version} ${seconds} s`).join(", "));
      expect(breaks).toBeUndefined();
    }
    const compiled = results.map(({ line, releases }) => ({
      line,
      releases: releases.filter(({ state }) => state === "ok").map(({ version }) => version),
    }));
    expect(compiled).toEqual(planned.map(({ line, releases }) => ({ line, releases })));
  });
});

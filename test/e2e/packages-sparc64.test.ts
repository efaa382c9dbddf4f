import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256 } from "../support/artifacts.ts";
import { kitOk, launcher, scratch, tool } from "../support/cli.ts";
import { bareRoot } from "../support/package-root.ts";

const { dir, remove } = scratch("packages-sparc64");
afterAll(remove);
const at = (name: string): string => join(dir, name);
const packages = ["--package", "deb,tar,dkms"];
const full = process.env["TARPIT_KIT_FULL"] === "1";

const debsIn = (artifacts: string, part = ".deb"): string[] =>
  readdirSync(artifacts)
    .filter((name) => name.includes(part) && name.endsWith(".deb"))
    .map((name) => join(artifacts, name));

let sparc64 = "";
beforeAll(() => {
  // The kernel of sparc64.test.ts: compiled once for both.
  const options = ["--install", "--out", dir, ...packages, ...launcher()];
  sparc64 = kitOk(["build", "--arch", "sparc64", ...options]);
});

test("lintian finds no error in any package", () => {
  expect(debsIn(sparc64).length).toBe(4);
  tool("lintian", ["--fail-on", "error", "--tag-display-limit", "0", ...debsIn(sparc64)]);
});

describe("sparc64: unpacked by dpkg --root into a root whose programs do not run here", () => {
  test("what dpkg put there boots, and holds connections under 64-bit and 32-bit iptables", () => {
    const release = basename(sparc64).replace(/-sparc64$/, "");
    const system = bareRoot(at("bare-sparc64"));
    tool("dpkg", [
      `--root=${system}`,
      "--force-architecture",
      "--force-depends",
      "-i",
      ...debsIn(sparc64, "linux-image"),
      ...debsIn(sparc64, "_sparc64.deb").filter((deb) => deb.includes("iptables")),
    ]);
    // One machine has one libc of each width; dpkg has no foreign architecture in an empty root.
    tool("dpkg", [
      `--root=${system}`,
      "--force-architecture",
      "--force-depends",
      "--force-conflicts",
      "--unpack",
      ...debsIn(sparc64, "_sparc.deb"),
    ]);
    const installed = at("installed/sparc64");
    mkdirSync(installed, { recursive: true });
    for (const name of ["metadata.json", "config"])
      copyFileSync(join(sparc64, name), join(installed, name));
    copyFileSync(join(system, `boot/vmlinuz-${release}`), join(installed, "image"));
    expect(existsSync(join(system, "lib/modules", release, "modules.dep"))).toBe(true);
    tool("tar", [
      "-czf",
      join(installed, "modules.tar.gz"),
      "-C",
      system,
      `lib/modules/${release}`,
    ]);
    for (const abi of ["sparc64", "sparc"]) {
      cpSync(join(system, `usr/lib/${abi}-linux-gnu/xtables`), join(installed, "extensions", abi), {
        recursive: true,
      });
    }
    const proof = JSON.parse(kitOk(["prove", "--artifacts", installed, "--json"])) as {
      results: { ok: boolean; abi: string }[];
    };
    expect(proof.results.filter((one) => !one.ok)).toEqual([]);
    for (const abi of ["sparc64", "sparc"])
      expect(proof.results.some((one) => one.abi === abi)).toBe(true);
  });
});

describe("reproducible", () => {
  test("a module and its packages, built in two places: the same bytes, and diffoscope sees no difference", () => {
    const shared = process.env["TARPIT_KIT_CACHE"] ?? join(homedir(), ".cache/tarpit-kit");
    const module = ["build", "--arch", "sparc64", "--scope", "module", ...packages];
    const one = kitOk([...module, "--out", at("one")]);
    const own = at("another/cache");
    mkdirSync(own, { recursive: true });
    // The same source; patched tree and build directory are its own.
    tool("cp", ["-al", join(shared, "sources"), join(own, "sources")]);
    const umask = process.umask(0o077);
    const two = kitOk(
      [...module, ...launcher(), "--jobs", "1", "--out", at("another/deeper/out")],
      {
        TARPIT_KIT_CACHE: own,
        USER: "jo",
        HOME: dir,
        TZ: "Asia/Tokyo",
      },
    );
    process.umask(umask);
    const { artifacts } = JSON.parse(readFileSync(join(one, "metadata.json"), "utf8")) as {
      artifacts: Record<string, string>;
    };
    expect(Object.keys(artifacts).length).toBeGreaterThan(8);
    for (const [name, sum] of Object.entries(artifacts))
      expect(sha256(join(two, name)), name).toBe(sum);
    for (const deb of debsIn(one)) tool("diffoscope", [deb, join(two, basename(deb))]);
    rmSync(own, { recursive: true });
  });

  test.runIf(full)("a whole kernel, cold, in another place: every artifact is the same", () => {
    const said = JSON.parse(kitOk(["reproduce", sparc64, "--json"])) as {
      results: { state: string }[];
      inputs: object[];
    };
    expect(said.results.filter(({ state }) => state !== "same")).toEqual([]);
    expect(said.results.length).toBeGreaterThan(10);
    expect(said.inputs).toEqual([]);
  });
});

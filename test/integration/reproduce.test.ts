import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "../support/artifacts.ts";
import { makeToy, type Ran, type Toy, toyRelease } from "../support/toy.ts";

let toy: Toy;
beforeEach(() => {
  toy = makeToy();
});
afterEach(() => toy.remove());

const packages = ["--package", "deb,tar,dkms"];
const base = (): string[] => ["build", "--arch", "toy", "--tree", toy.tree, "--out", toy.out];
const place = (out = toy.out): string => join(out, `${toyRelease}-toy`);
const metadata = (): Metadata =>
  JSON.parse(readFileSync(join(place(), "metadata.json"), "utf8")) as Metadata;
const ok = (ran: Ran): Ran => {
  if (ran.code !== 0) throw new Error(`exit ${ran.code}\n${ran.stderr}\n${ran.stdout}`);
  return ran;
};

interface Metadata {
  readonly rebuild: { readonly line: string; readonly request: Readonly<Record<string, unknown>> };
  readonly inputs: readonly {
    readonly kind: string;
    readonly name: string;
    readonly digest: object;
  }[];
  readonly artifacts: Readonly<Record<string, string>>;
}
interface Result {
  readonly ok: boolean;
  readonly results: readonly { file: string; state: string; offset?: number }[];
  readonly inputs: readonly { name: string }[];
  readonly rebuilt?: string;
}

const reproduce = async (expected: number): Promise<Result> => {
  const ran = await toy.run(["reproduce", join(place(), "metadata.json"), "--json"]);
  expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: expected });
  return JSON.parse(ran.stdout) as Result;
};
const odd = ({ results }: Result): string[] =>
  results.filter(({ state }) => state !== "same").map(({ file, state }) => `${state} ${file}`);

describe("two builds of the same", () => {
  test("in other directories, by another user, later, with other jobs: the same bytes, packages and all", async () => {
    ok(await toy.run([...base(), ...packages, "--jobs", "4"]));
    const tree = join(toy.dir, "a/rather/deeper/place/linux");
    cpSync(toy.tree, tree, { recursive: true });
    const out = join(toy.dir, "o");
    const umask = process.umask(0o077);
    try {
      const elsewhere = { TARPIT_KIT_CACHE: join(toy.dir, "c"), HOME: toy.dir, TZ: "Asia/Tokyo" };
      const other = { ...elsewhere, USER: "jo", LOGNAME: "jo", LANG: "de_DE.UTF-8" };
      const args = ["--tree", tree, "--out", out, "--jobs", "1", ...packages];
      ok(await toy.run(["build", "--arch", "toy", ...args], other));
    } finally {
      process.umask(umask);
    }
    const records = new Set(["build.log", "metadata.json", "SHA256SUMS"]);
    const files = (readdirSync(place(), { recursive: true }) as string[]).filter(
      (name) => !records.has(name) && statSync(join(place(), name)).isFile(),
    );
    expect(files.filter((name) => name.endsWith(".deb")).length).toBe(3);
    expect(files).toEqual(expect.arrayContaining(["sbom.cdx.json", "provenance.json"]));
    for (const name of files)
      expect(sha256(join(place(out), name)), name).toBe(sha256(join(place(), name)));
  });

  test("a launcher that names files as ccache does, from the build directory on: the same bytes", async () => {
    ok(await toy.run(base()));
    const launcher = join(toy.dir, "launcher");
    const name = `case $word in -*) ;; /*.c) word=$(realpath --relative-to=. "$word") ;; esac`;
    const rotate = `for word; do shift; ${name}; set -- "$@" "$word"; done`;
    writeFileSync(launcher, `#!/bin/sh\n${rotate}\nexec "$@"\n`, { mode: 0o755 });
    const out = join(toy.dir, "o");
    const cache = { TARPIT_KIT_CACHE: join(toy.dir, "c") };
    ok(await toy.run([...base(), "--launcher", launcher, "--out", out], cache));
    for (const file of ["vmlinux", "image", "modules.tar.gz"])
      expect(sha256(join(place(out), file)), file).toBe(sha256(join(place(), file)));
    expect(readFileSync(join(place(), "vmlinux")).includes("src/init/main.c\0")).toBe(true);
  });

  test("metadata.json alone tells: each artifact's hash, each input's, the line that builds it", async () => {
    ok(await toy.run([...base(), ...packages]));
    const { artifacts, inputs, rebuild } = metadata();
    for (const [name, sum] of Object.entries(artifacts))
      expect(sha256(join(place(), name)), name).toBe(sum);
    expect(Object.keys(artifacts).length).toBeGreaterThan(8);
    for (const kind of ["source", "patch", "data", "code", "tool"])
      expect(inputs.map((input) => input.kind)).toContain(kind);
    for (const { name, digest } of inputs) {
      expect(Object.values(digest), name).toEqual([expect.stringMatching(/^[0-9a-f]{40,64}$/)]);
      expect(name).not.toContain(toy.dir);
    }
    expect(rebuild.line).toBe(
      `SOURCE_DATE_EPOCH=1577836800 tarpit-kit build --arch toy --tree ${toy.tree} --package deb,tar,dkms`,
    );
  });
});

describe("reproduce", () => {
  test("builds again in another place and finds every byte the same; nothing stays in the cache", async () => {
    ok(await toy.run([...base(), ...packages]));
    const result = await reproduce(0);
    expect(odd(result)).toEqual([]);
    expect(result.results.length).toBe(Object.keys(metadata().artifacts).length);
    expect(result.inputs).toEqual([]);
    expect(readdirSync(join(toy.cacheDir, "tmp"))).toEqual([]);
    expect(readdirSync(join(toy.cacheDir, "builds")).length).toBeLessThan(3);
    const words = ok(await toy.run(["reproduce", place()])).stdout;
    expect(words).toMatch(/^reproduced 6\.1\.999 for toy: (\d+) of \1 artifacts are the same/);
  });

  test("the user's own configuration files are beside the artifacts: theirs may be gone", async () => {
    const [fragment, config] = [join(toy.dir, "mine.config"), join(toy.dir, "base.config")];
    writeFileSync(fragment, "CONFIG_NETFILTER_ADVANCED=y\n");
    writeFileSync(
      config,
      "CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_INET=y\nCONFIG_IPV6=y\nCONFIG_NETFILTER=y\n",
    );
    ok(await toy.run([...base(), "--base", config, "--fragment", fragment]));
    rmSync(fragment);
    rmSync(config);
    expect(metadata().rebuild.line).toContain("--base inputs/base.config");
    expect(metadata().rebuild.line).toContain("--fragment inputs/1-mine.config");
    renameSync(toy.out, join(toy.dir, "moved"));
    const moved = place(join(toy.dir, "moved"));
    ok(await toy.run(["reproduce", moved]));
  });

  test("a file that is not what was built, and one that is gone: the first is found, the second needs no file", async () => {
    ok(await toy.run(base()));
    appendFileSync(join(place(), "image"), "!");
    rmSync(join(place(), "System.map"));
    const result = await reproduce(1);
    expect(odd(result)).toEqual(["changed image"]);
  });

  test("a build that holds the time is not reproduced: which file, which byte, and the second build to look at", async () => {
    const makefile = join(toy.tree, "Makefile");
    const impure = "CFLAGS := -DNOW=$(shell date +%s%N) ";
    writeFileSync(makefile, readFileSync(makefile, "utf8").replace("CFLAGS := ", impure));
    writeFileSync(join(toy.tree, "net/core.c"), "unsigned long net_core = NOW;\n");
    ok(await toy.run(base()));
    const result = await reproduce(1);
    expect(odd(result)).toEqual(expect.arrayContaining(["differs image", "differs vmlinux"]));
    expect(result.results.find(({ file }) => file === "vmlinux")?.offset).toBeGreaterThan(0);
    expect(existsSync(join(result.rebuilt ?? "", "vmlinux"))).toBe(true);
  });

  test("an input that has changed since is named", async () => {
    ok(await toy.run(base()));
    appendFileSync(join(toy.tree, "net/core.c"), "int more;\n");
    const result = await reproduce(1);
    expect(result.inputs.map(({ name }) => name)).toEqual(["source linux"]);
  });

  test("a tarball that is another by now is refused, unless the cache has the one that was", async () => {
    const tar = join(toy.dir, "toy.tar");
    const pack = () => execFileSync("tar", ["-cf", tar, "-C", toy.dir, "linux"]);
    pack();
    ok(await toy.run(["build", "--arch", "toy", "--kernel", tar, "--out", toy.out]));
    appendFileSync(join(toy.tree, "net/core.c"), "int more;\n");
    pack();
    expect(odd(await reproduce(0))).toEqual([]);
    rmSync(join(toy.cacheDir, "sources"), { recursive: true });
    const ran = await toy.run(["reproduce", place()]);
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain("is another source by now");
  });

  test("what is no metadata.json of a build is bad input", async () => {
    const file = join(toy.dir, "metadata.json");
    for (const text of ["", "[]", "{}", '{"rebuild":{"env":{},"request":{"arch":1}}}']) {
      writeFileSync(file, text);
      const ran = await toy.run(["reproduce", file]);
      expect({ code: ran.code, text }).toEqual({ code: 2, text });
      expect(ran.stderr).toMatch(/next: {2}\S/);
    }
    mkdirSync(join(toy.dir, "empty"));
    expect((await toy.run(["reproduce", join(toy.dir, "empty")])).code).toBe(2);
  });
});

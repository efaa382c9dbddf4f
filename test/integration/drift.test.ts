import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeToy, type Ran, type Toy } from "../support/toy.ts";

const sublevels = [980, 982, 984, 986, 988, 990, 992, 994];
/** From this one on the toy's hold() wants another argument. */
const breaking = 988;

let toy: Toy;
let mirror: string;
beforeEach(() => {
  toy = makeToy();
  mirror = join(toy.dir, "mirror");
  useHold();
});
afterEach(() => toy.remove());

/** The target of the toy series calls a function of the kernel's. */
function useHold(): void {
  const patch = join(toy.packageRoot, "patches/common/toy.patch");
  const lines = [
    "#include <hold.h>",
    "int tarpit_use(void);",
    "int tarpit_use(void) { return hold(1); }",
  ];
  const text = readFileSync(patch, "utf8")
    .replace("+#ifndef FLAGS", `${lines.map((line) => `+${line}\n`).join("")}+#ifndef FLAGS`)
    .replace(/@@ -0,0 \+1,(\d+) @@/, (_, n) => `@@ -0,0 +1,${Number(n) + lines.length} @@`);
  writeFileSync(patch, text);
}

/** Tarballs of the toy kernel as a mirror has them, with pinned hashes. */
function release(
  hold: (sublevel: number) => string,
  edit?: (tree: string, sublevel: number) => void,
): void {
  mkdirSync(join(mirror, "v6.x"), { recursive: true });
  const tarballs = sublevels.map((sublevel) => {
    const version = `6.1.${sublevel}`;
    const tree = join(toy.dir, `linux-${version}`);
    cpSync(toy.tree, tree, { recursive: true });
    const makefile = join(tree, "Makefile");
    writeFileSync(
      makefile,
      readFileSync(makefile, "utf8").replace("SUBLEVEL = 999", `SUBLEVEL = ${sublevel}`),
    );
    mkdirSync(join(tree, "include"), { recursive: true });
    writeFileSync(join(tree, "include/hold.h"), hold(sublevel));
    // A file that comes and one that goes.
    writeFileSync(join(tree, `only-in-${version}`), version);
    edit?.(tree, sublevel);
    const file = `linux-${version}.tar.xz`;
    const path = join(mirror, "v6.x", file);
    execFileSync("tar", ["-C", toy.dir, "-cJf", path, `linux-${version}`]);
    const bytes = readFileSync(path);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { version, file, size: bytes.length, sha256 };
  });
  const data = { line: "6.1", directory: "v6.x", tarballsFrom: "the test", tarballs };
  mkdirSync(join(toy.packageRoot, "data/kernels"), { recursive: true });
  writeFileSync(join(toy.packageRoot, "data/kernels/6.1.json"), JSON.stringify(data));
}

interface Told {
  readonly ok: boolean;
  readonly results: {
    readonly breaks?: { readonly at: string; readonly lastGood?: string; readonly change?: object };
    readonly releases: {
      readonly version: string;
      readonly state: string;
      readonly files?: number;
    }[];
    readonly verified: string[];
    readonly recorded: boolean;
  }[];
}
const file = (drift: object): string => {
  const path = join(toy.dir, "tarpit-kit.json");
  writeFileSync(path, JSON.stringify({ kernels: ["./linux"], archs: ["toy"], mirror, drift }));
  return path;
};
const run = (...args: string[]): Promise<Ran> => toy.run(["matrix", "run", "--drift", ...args]);
const told = (ran: Ran): Told["results"][number] => {
  const [line] = (JSON.parse(ran.stdout) as Told).results;
  if (!line) throw new Error(ran.stderr);
  return line;
};
const states = (line: Told["results"][number]): string[] =>
  line.releases.map(({ version, state }) => `${version} ${state}`);
const oneMore = (sublevel: number): string =>
  sublevel >= breaking ? "int hold(int a, int b);\n" : "int hold(int a);\n";

describe("the drift radar on a toy kernel", () => {
  test("the first release that breaks is found by bisection, and told in words; what compiles is tried", async () => {
    release(oneMore);
    file({});
    const ran = await run("--json");
    expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 1 });
    const line = told(ran);
    expect(line.breaks).toEqual({
      at: "6.1.988",
      lastGood: "6.1.986",
      change: { kind: "argument-gained", name: "hold" },
    });
    expect(states(line)).toEqual([
      "6.1.994 failed",
      "6.1.992 skipped",
      "6.1.990 failed",
      "6.1.988 failed",
      "6.1.986 ok",
      "6.1.984 ok",
      "6.1.982 ok",
      "6.1.980 ok",
    ]);
    // Makefile, hold.h perhaps, and the files that only the one and only the other has.
    for (const { files = 0, state } of line.releases)
      if (state !== "skipped") expect(files).toBeLessThanOrEqual(4);
    expect(existsSync(join(toy.cacheDir, "sources"))).toBe(false);
    const annotated = await toy.run(["matrix", "run", "--drift"], {
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_WORKSPACE: toy.packageRoot,
    });
    expect(annotated.stderr).toMatch(
      /^::error file=patches\/common\/toy\.patch,line=\d+,.*too few arguments to function 'hold'/m,
    );
    expect(annotated.stdout).toContain(
      "breaks at 6.1.988: hold gained an argument (6.1.986 is the last that compiles)",
    );
  });

  test("all compile: every one is tried, newest first, and the manifest is written in a checkout only", async () => {
    release(() => "int hold(int a);\n");
    file({ record: true });
    const manifest = join(toy.packageRoot, "patches/manifest.json");
    const before = readFileSync(manifest, "utf8");
    const refused = await run();
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("does not run from a checkout");
    expect(readFileSync(manifest, "utf8")).toBe(before);
    mkdirSync(join(toy.packageRoot, ".git"));
    const ran = await run("--json");
    expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 0 });
    const line = told(ran);
    expect(states(line)).toEqual(sublevels.toReversed().map((n) => `6.1.${n} ok`));
    expect(line.recorded).toBe(true);
    const { lines } = JSON.parse(readFileSync(manifest, "utf8")) as {
      lines: { line: string; verified: string[] }[];
    };
    expect(lines.find(({ line }) => line === "6.1")?.verified).toEqual([
      ...sublevels.map((n) => `6.1.${n}`),
      "6.1.999",
    ]);
    const again = told(await run("--json"));
    expect(again.recorded).toBe(false);
  });

  test("a release whose hunks do not fit is named with the patch; print says what would be tried", async () => {
    release(
      () => "int hold(int a);\n",
      (tree, sublevel) => {
        if (sublevel > 992) writeFileSync(join(tree, "net/netfilter/Makefile"), "# all new\n");
      },
    );
    file({ most: 3 });
    const print = await toy.run(["matrix", "print", "--drift"]);
    expect(print.stdout).toBe("6.1: 6.1.994 6.1.992 6.1.990\n");
    const ran = await run();
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/breaks at 6\.1\.994: .*net\/netfilter\/Makefile/);
    expect(ran.stdout).toMatch(/6\.1\.992 +ok/);
  });

  test("what cannot be brought is left out of the search; a tree somebody changed is made anew", async () => {
    release(oneMore);
    file({});
    await run();
    writeFileSync(join(mirror, "v6.x/linux-6.1.990.tar.xz"), "not what was pinned");
    const tree = join(toy.cacheDir, "builds/drift-6.1-toy/linux");
    rmSync(join(tree, "net/core.c"));
    writeFileSync(join(tree, "net/netfilter/Makefile"), "# mine\n");
    const line = told(await run("--json"));
    expect(line.breaks).toMatchObject({ at: "6.1.988", lastGood: "6.1.986" });
    expect(states(line)).toContain("6.1.990 absent");
    expect(line.releases[0]?.files).toBe(-1);
    expect(readFileSync(join(tree, "net/netfilter/Makefile"), "utf8")).not.toContain("mine");
  });

  test("of a line's two series one may have no release here; a line without any is an error", async () => {
    release(() => "int hold(int a);\n");
    const path = join(toy.packageRoot, "patches/manifest.json");
    const manifest = JSON.parse(readFileSync(path, "utf8")) as {
      lines: { line: string; series: string; range: string; verified: string[] }[];
    };
    const line = manifest.lines.find((one) => one.line === "6.1");
    if (!line) throw new Error("the toy has no 6.1");
    const early = { ...line, series: "linux-6.1-early.series", range: ">=6.1 <6.1.900" };
    const later = { ...line, range: ">=6.1.900 <6.2" };
    const rest = manifest.lines.filter((one) => one !== line);
    writeFileSync(path, JSON.stringify({ lines: [...rest, early, later] }));
    file({ lines: ["6.1"], most: 1 });
    const ran = await run("--json");
    expect(ran.code, ran.stderr).toBe(0);
    expect((JSON.parse(ran.stdout) as Told).results.map(states)).toEqual([["6.1.994 ok"]]);
    writeFileSync(path, JSON.stringify({ lines: [...rest, early] }));
    const none = await run("--json");
    expect(none.code).toBe(3);
    expect(JSON.parse(none.stdout)).toMatchObject({ error: { code: "drift.none" } });
  });

  test("an arch that only an older kernel has is refused, and no release is called broken", async () => {
    release(() => "int hold(int a);\n");
    const arches = join(toy.packageRoot, "data/arches");
    const known = JSON.parse(readFileSync(join(arches, "toy.json"), "utf8")) as object;
    writeFileSync(
      join(arches, "old.json"),
      JSON.stringify({ ...known, name: "old", only: ["2.4"] }),
    );
    file({ arch: "old" });
    const ran = await run("--json");
    expect(ran.code).toBe(2);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "arch.generation" } });
  });

  test("the drivers' code is not unpacked; a tree the cache has whole is taken in part, and stays whole", async () => {
    const [newest = "", older = ""] = ["6.1.994", "6.1.992"];
    const code = "drivers/misc/far.c";
    release(
      () => "int hold(int a);\n",
      (tree) => {
        mkdirSync(join(tree, "drivers/misc"), { recursive: true });
        writeFileSync(join(tree, "drivers/misc/Kconfig"), "# nothing\n");
        writeFileSync(join(tree, code), "int far;\n");
      },
    );
    file({ most: 2 });
    const fetched = await toy.run(["fetch", newest, "--mirror", mirror]);
    const whole = fetched.stdout.trim();
    const line = told(await run("--json"));
    expect(states(line)).toEqual([`${newest} ok`, `${older} ok`]);
    const tree = join(toy.cacheDir, "builds/drift-6.1-toy/linux");
    expect(existsSync(join(tree, "drivers/misc/Kconfig"))).toBe(true);
    expect(existsSync(join(tree, code))).toBe(false);
    expect(existsSync(join(whole, code))).toBe(true);
    // What was unpacked in part for the search is no tree of that release.
    const again = await toy.run(["fetch", older, "--mirror", mirror]);
    expect(existsSync(join(again.stdout.trim(), code))).toBe(true);
  });
});

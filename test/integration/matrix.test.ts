import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { makeToy, type Ran, type Toy, toyRelease } from "../support/toy.ts";

let toy: Toy;
beforeEach(() => {
  toy = makeToy();
});
afterEach(() => toy.remove());

const notCi = { CI: "", GITHUB_ACTIONS: "", GITLAB_CI: "" };
const matrix = (more: object = {}): string => {
  const file = join(toy.dir, "tarpit-kit.json");
  const scopes = ["kernel", "module"];
  writeFileSync(file, JSON.stringify({ kernels: ["./linux"], archs: ["toy"], scopes, ...more }));
  return file;
};
interface Told {
  readonly ok: boolean;
  readonly results: {
    readonly id: string;
    readonly state: string;
    readonly scope: string;
    readonly dir?: string;
    readonly trouble?: { readonly what: string };
    readonly errors: { readonly path: string; readonly origin?: object }[];
  }[];
}
const run = async (args: readonly string[], env = {}): Promise<Ran> =>
  toy.run(["matrix", ...args], { ...notCi, ...env });
const told = (ran: Ran): Told => JSON.parse(ran.stdout) as Told;

describe("matrix run on the toy kernel", () => {
  test("builds all of it, ends with one table, and a second run has nothing to do", async () => {
    matrix();
    const first = await run(["run"]);
    expect({ code: first.code, stderr: first.stderr }).toMatchObject({ code: 0 });
    expect(first.stdout.match(/^built +.*linux toy (kernel|module) .*$/gm)).toHaveLength(2);
    expect(first.stdout).toMatch(/all 2 builds are there\n$/);
    expect(first.stderr).toContain("matrix 1/2");
    const again = told(await run(["run", "--json"]));
    expect(again.results.map(({ state }) => state)).toEqual(["unchanged", "unchanged"]);
    for (const { dir } of again.results) {
      expect(dir).toMatch(new RegExp(`/out/[^/]+/${toyRelease}-toy$`));
      expect(readdirSync(dir as string)).toContain("metadata.json");
    }
  });

  test("one that fails does not keep the other from being built; exit 1, and the next run goes on", async () => {
    matrix();
    const broken = join(toy.tree, "net/ipv4.c");
    const good = readFileSync(broken, "utf8");
    writeFileSync(broken, "int net_ipv4 = ;\n");
    const ran = await run(["run", "--json"]);
    expect(ran.code).toBe(1);
    const { ok, results } = told(ran);
    expect(ok).toBe(false);
    expect(results.map(({ scope, state }) => [scope, state])).toEqual([
      ["kernel", "failed"],
      ["module", "built"],
    ]);
    expect(results[0]?.errors[0]?.path).toBe("net/ipv4.c");
    const table = await run(["run"]);
    expect(table.stdout).toMatch(/^failed .*compiling failed.*$/m);
    expect(table.stdout).toMatch(/1 of 2 builds failed\n$/);
    expect(table.stderr).toContain("expected expression");
    writeFileSync(broken, good);
    expect(told(await run(["run", "--json"])).results.map(({ state }) => state)).not.toContain(
      "failed",
    );
  });

  test("shards build each combination once between them", async () => {
    matrix();
    const ids = [];
    for (const shard of ["1/2", "2/2"])
      ids.push(...told(await run(["run", "--shard", shard, "--json"])).results.map(({ id }) => id));
    const all = told(await run(["print", "--json"])).results.map(({ id }) => id);
    expect(ids).toEqual(all);
    expect(new Set(ids).size).toBe(2);
  });

  test("reports: a broken line of the series is named as line and hunk of its patch", async () => {
    matrix({ scopes: ["module"] });
    const patch = join(toy.packageRoot, "patches/common/toy.patch");
    const text = readFileSync(patch, "utf8");
    const line = text.split("\n").findIndex((one) => one.startsWith("+#ifndef FLAGS")) + 1;
    writeFileSync(
      patch,
      text
        .replace("+#ifndef FLAGS", "+#error broken here\n+#ifndef FLAGS")
        .replace(/@@ -0,0 \+1,(\d+) @@/, (_, n) => `@@ -0,0 +1,${Number(n) + 1} @@`),
    );
    const summary = join(toy.dir, "summary.md");
    writeFileSync(summary, "# before\n");
    const env = {
      GITHUB_ACTIONS: "true",
      GITHUB_STEP_SUMMARY: summary,
      GITHUB_WORKSPACE: toy.packageRoot,
    };
    const ran = await run(["run"], env);
    expect(ran.code).toBe(1);
    const place = `file=patches/common/toy.patch,line=${line},title=compiler.error`;
    const origin = `(line ${line} of common/toy.patch, hunk 1)`;
    expect(ran.stderr.split("\n").find((one) => one.startsWith(`::error ${place}::`))).toMatch(
      /::net\/netfilter\/xt_TARPIT\.c:\d+:\d+: #error broken here /,
    );
    expect(ran.stderr).toContain(`#error broken here ${origin}`);
    expect(ran.stderr).toContain(`is line ${line} of common/toy.patch (hunk 1)`);
    expect(readFileSync(summary, "utf8")).toMatch(/^# before\n### tarpit-kit: 1 of 1 failed/);
    const reports = join(toy.out, "reports");
    const sarif = JSON.parse(readFileSync(join(reports, "warnings.sarif"), "utf8")) as {
      runs: { results: { level: string; locations: { physicalLocation: object }[] }[] }[];
    };
    expect(sarif.runs[0]?.results[0]).toMatchObject({
      level: "error",
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: "patches/common/toy.patch" },
            region: { startLine: line },
          },
        },
      ],
    });
    const [quality] = JSON.parse(
      readFileSync(join(reports, "codequality.json"), "utf8"),
    ) as object[];
    expect(quality).toMatchObject({
      severity: "critical",
      location: { path: "patches/common/toy.patch", lines: { begin: line } },
    });
    expect(readFileSync(join(reports, "junit.xml"), "utf8")).toMatch(
      /<testsuites tests="1" failures="1"[^]*tarpit-kit\.build\.compile/,
    );
  });

  test("build itself writes the reports on a CI server, and only there; stdout stays one line", async () => {
    writeFileSync(join(toy.tree, "net/core.c"), "#warning odd weather\nint net_core;\n");
    const args = ["build", "--arch", "toy", "--tree", toy.tree, "--out", toy.out];
    const quiet = await toy.run(args, notCi);
    expect(quiet.code).toBe(0);
    expect(existsSync(join(toy.out, "reports"))).toBe(false);
    rmSync(join(toy.out, `${toyRelease}-toy`), { recursive: true });
    rmSync(join(toy.cacheDir, "builds"), { recursive: true });
    const ran = await toy.run(args, { ...notCi, CI: "true", GITHUB_ACTIONS: "true" });
    expect(ran.stdout).toBe(`${join(toy.out, `${toyRelease}-toy`)}\n`);
    expect(ran.stderr).toContain(
      "::warning file=net/core.c,line=1,col=2,title=-Wcpp::net/core.c:1:2: #warning odd weather",
    );
    expect(readFileSync(join(toy.out, "reports/summary.md"), "utf8")).toContain("odd weather");
  });
});

describe("matrix print", () => {
  test("a table; the jobs for GitHub in one line; a child pipeline for GitLab", async () => {
    matrix();
    expect((await run(["print"])).stdout).toMatch(/^kernel +arch +profile +scope +userland\n/);
    const github = await run(["print", "--format", "github"]);
    expect(github.stdout.trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(github.stdout)).toMatchObject({
      include: [
        { shard: "1/2", arch: "toy", scope: "kernel" },
        { shard: "2/2", arch: "toy", scope: "module" },
      ],
    });
    const pipeline = parse((await run(["print", "--format", "gitlab"])).stdout) as Record<
      string,
      { script?: string[]; artifacts?: object }
    >;
    const jobs = Object.values(pipeline).filter(({ script }) => script !== undefined);
    expect(jobs.map(({ script }) => script?.at(-1))).toEqual([
      'tarpit-kit matrix run "$TARPIT_KIT_MATRIX" --shard 1/2',
      'tarpit-kit matrix run "$TARPIT_KIT_MATRIX" --shard 2/2',
    ]);
    expect(jobs[0]?.artifacts).toMatchObject({
      reports: { junit: "out/reports/junit.xml", codequality: "out/reports/codequality.json" },
    });
  });

  test("a file that is wrong or not there, and a format for a run, are refused", async () => {
    matrix({ archs: ["toy", "vax"] });
    const ran = await run(["print"]);
    expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code: 2, stdout: "" });
    expect(ran.stderr).toContain('archs[1]: "vax" is not known here');
    expect(ran.stderr).toContain("choose one of: toy");
    rmSync(join(toy.dir, "tarpit-kit.json"));
    const none = await run(["run"]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("there is no matrix file");
    expect((await run(["run", "--format", "github"])).code).toBe(2);
  });
});

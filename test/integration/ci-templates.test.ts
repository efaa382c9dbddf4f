import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type Gitlab, githubJob, gitlabJob, type Server, template } from "../support/ci-steps.ts";
import { makeToy, type Toy, toyRelease } from "../support/toy.ts";

let toy: Toy;
let server: Server;
beforeEach(() => {
  toy = makeToy();
  const shims = join(toy.dir, "shims");
  mkdirSync(shims);
  // What apt would bring is here: the tests' set-up has seen to it.
  writeFileSync(join(shims, "apt-get"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
  // The end-to-end tests install the packed package with npm itself, which wants a network.
  const install = 'ln -sf "$3/dist/bin.js" "$(dirname "$0")/tarpit-kit"';
  const npm = `#!/bin/sh\n[ "$1 $2" = "install --global" ] && ${install}\n`;
  writeFileSync(join(shims, "npm"), npm, { mode: 0o755 });
  const file = { kernels: ["./linux"], archs: ["toy"], scopes: ["kernel", "module"] };
  writeFileSync(join(toy.dir, "tarpit-kit.json"), JSON.stringify(file));
  server = {
    dir: toy.dir,
    env: {
      TARPIT_KIT_PACKAGE: toy.packageRoot,
      TARPIT_KIT_CACHE: toy.cacheDir,
      PATH: `${shims}:${process.env["PATH"] ?? ""}`,
    },
  };
});
afterEach(() => toy.remove());

describe("the GitHub workflow, its steps run here", () => {
  test("plans the jobs; each builds its shard, and what went wrong is on the summary's page", () => {
    const plan = githubJob("plan", server);
    expect(plan.code, plan.output).toBe(0);
    const { include } = JSON.parse(plan.outputs["matrix"] ?? "") as {
      include: Record<string, string>[];
    };
    expect(include.map(({ shard, archs }) => [shard, archs])).toEqual([
      ["1/2", "toy"],
      ["2/2", "toy"],
    ]);
    const built = githubJob("build", server, factsOf(include[0]));
    expect(built.code, built.output).toBe(0);
    expect(built.summary).toContain("### tarpit-kit: 1 built");
    const reports = join(toy.dir, "out/reports/warnings.sarif");
    expect(JSON.parse(readFileSync(reports, "utf8"))).toMatchObject({ version: "2.1.0" });
    writeFileSync(join(toy.tree, "net/ipv4.c"), "int net_ipv4 = ;\n");
    const broken = githubJob("build", server, factsOf(include[0]));
    expect(broken.code).toBe(1);
    expect(broken.output).toMatch(/^::error file=net\/ipv4\.c,line=1,/m);
    expect(broken.summary).toContain("**failed**");
  });

  const factsOf = (job: Record<string, string> = {}): Record<string, string> =>
    Object.fromEntries(Object.entries(job).map(([name, value]) => [`matrix.${name}`, value]));
});

describe("the GitLab template, its steps run here", () => {
  test("the first job makes the child pipeline, whose jobs build their shards and leave the reports", () => {
    const parent = template<Gitlab>("gitlab.yml");
    const plan = gitlabJob("kernels:plan", parent, server, parent.variables);
    expect(plan.code, plan.output).toBe(0);
    const child = parse(readFileSync(join(toy.dir, "kernels.yml"), "utf8")) as Gitlab;
    const names = Object.keys(child).filter((name) => child[name]?.script);
    expect(names).toHaveLength(2);
    const ran = gitlabJob(names[0] ?? "", child, server, {
      ...parent.variables,
      ...child.variables,
    });
    expect(ran.code, ran.output).toBe(0);
    const { artifacts } = child[names[0] ?? ""] as unknown as {
      artifacts: { paths: string[]; reports: Record<string, string> };
    };
    for (const path of [...artifacts.paths, ...Object.values(artifacts.reports)])
      expect(existsSync(join(toy.dir, path)), path).toBe(true);
    expect(ran.output).toContain(`${toyRelease}-toy`);
  });
});

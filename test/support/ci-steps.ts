import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "./artifacts.ts";

/** The templates' steps, run here as their servers run them. */
type Env = Readonly<Record<string, string>>;
type Facts = Readonly<Record<string, string>>;

interface GithubStep {
  readonly name?: string;
  readonly id?: string;
  readonly run?: string;
  readonly env?: Env;
}
interface Github {
  readonly env: Env;
  readonly jobs: Readonly<
    Record<string, { readonly env?: Env; readonly steps: readonly GithubStep[] }>
  >;
}
export type Gitlab = Readonly<
  Record<string, { readonly script?: readonly string[]; readonly image?: string }>
> & { readonly variables: Env; readonly default?: { readonly before_script?: readonly string[] } };

export const template = <T>(name: string): T =>
  parse(readFileSync(join(root, "ci-templates", name), "utf8")) as T;

export interface Server {
  /** The checkout. */
  readonly dir: string;
  /** What the template's own variables are set to. */
  readonly env: Env;
}

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

function shell(script: string, { dir, env }: Server, more: Env): Ran {
  const result = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], {
    cwd: dir,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", ...more, ...env },
    maxBuffer: 1 << 28,
  });
  return { code: result.status, output: result.stdout + result.stderr };
}

/** `${{ matrix.shard }}` by the facts; one that there is no fact for ends the test. */
const filled = (text: string, facts: Facts): string =>
  text.replaceAll(/\$\{\{\s*([\w.]+)\s*\}\}/g, (_, name: string) => {
    const value = facts[name];
    if (value === undefined) throw new Error(`no value for ${name}`);
    return value;
  });

/** Runs the `run:` steps of one job in turn; gives back the outputs of those that have an id. */
export function githubJob(
  name: string,
  server: Server,
  facts: Facts = {},
): Ran & { readonly outputs: Facts; readonly summary: string } {
  const { env, jobs } = template<Github>("github.yml");
  const job = jobs[name];
  if (!job) throw new Error(`no job ${name}`);
  mkdirSync(join(server.dir, ".server"), { recursive: true });
  const files = { GITHUB_OUTPUT: "output", GITHUB_STEP_SUMMARY: "summary" };
  const paths = Object.fromEntries(
    Object.entries(files).map(([key, file]) => [key, join(server.dir, ".server", file)]),
  );
  for (const path of Object.values(paths)) writeFileSync(path, "");
  const base = { CI: "true", GITHUB_ACTIONS: "true", GITHUB_WORKSPACE: server.dir };
  let output = "";
  for (const step of job.steps) {
    if (step.run === undefined) continue;
    const own = Object.entries(step.env ?? {}).map(([key, value]) => [key, filled(value, facts)]);
    const given = { ...base, ...paths, ...env, ...job.env, ...Object.fromEntries(own) };
    const ran = shell(filled(step.run, facts), server, given);
    output += ran.output;
    if (ran.code !== 0) return { code: ran.code, output, ...results(paths) };
  }
  return { code: 0, output, ...results(paths) };
}

function results(paths: Facts): { readonly outputs: Facts; readonly summary: string } {
  const lines = readFileSync(paths["GITHUB_OUTPUT"] ?? "", "utf8")
    .trim()
    .split("\n");
  const outputs = lines.map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]);
  return {
    outputs: Object.fromEntries(outputs) as Facts,
    summary: readFileSync(paths["GITHUB_STEP_SUMMARY"] ?? "", "utf8"),
  };
}

/** Runs a job of a GitLab pipeline: its default before_script, then its script. */
export function gitlabJob(name: string, pipeline: Gitlab, server: Server, variables: Env): Ran {
  const job = pipeline[name];
  if (!job?.script) throw new Error(`no job ${name}`);
  const lines = [...(pipeline.default?.before_script ?? []), ...job.script];
  const given = { CI: "true", GITLAB_CI: "true", CI_PROJECT_DIR: server.dir, ...variables };
  return shell(lines.join("\n"), server, given);
}

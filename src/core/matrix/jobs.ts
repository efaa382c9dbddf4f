import { partOf, type Shard, showShard } from "./shard.ts";
import type { Combination } from "./types.ts";

/** One job of a CI server: a shard of the matrix, by name. */
export interface Job {
  readonly name: string;
  readonly shard: Shard;
  readonly builds: readonly Combination[];
}

/** GitHub starts at most 256 jobs of one matrix (docs.github.com, "Usage limits"). */
export const mostJobs = 256;

/** A job for each build; when there are too many, each takes several neighbours. */
export function jobsOf(all: readonly Combination[], most = mostJobs): readonly Job[] {
  const of = Math.min(all.length, most);
  return Array.from({ length: of }, (_, at) => {
    const shard = { index: at + 1, of };
    const builds = partOf(all, shard);
    const name =
      builds.length === 1 ? titleOf(builds[0] as Combination) : `builds ${showShard(shard)}`;
    return { name, shard, builds };
  });
}

/** `debian:6.1 sparc64 sparc64-qemu kernel`, with the userland when one was chosen. */
export const titleOf = ({ kernel, arch, profile, scope, userland }: Combination): string =>
  [
    kernel,
    arch,
    ...(profile === arch ? [] : [profile]),
    scope,
    ...(userland === "all" ? [] : [userland]),
  ].join(" ");

/** The value of a job's `strategy.matrix`, for fromJSON in a GitHub workflow. */
export const githubMatrix = (jobs: readonly Job[]): object => ({
  include: jobs.map(({ name, shard, builds }) => ({
    name,
    shard: showShard(shard),
    artifact: `${shard.index}-of-${shard.of}`,
    archs: [...new Set(builds.map(({ arch }) => arch))].join(" "),
    ...(builds.length === 1 ? fieldsOf(builds[0] as Combination) : { builds: builds.length }),
  })),
});

const fieldsOf = ({ kernel, arch, profile, scope, userland }: Combination): object => ({
  kernel,
  arch,
  profile,
  scope,
  userland,
});

/** A JSON string is a YAML double-quoted scalar (YAML 1.2, section 1.3). */
const scalar = (text: string): string => JSON.stringify(text);

const gitlabHead = [
  "default:",
  "  image: $TARPIT_KIT_IMAGE",
  "  before_script:",
  `    - ${scalar('npm install --global "$TARPIT_KIT_PACKAGE"')}`,
  "  cache:",
  "    key: tarpit-kit-$CI_JOB_NAME_SLUG",
  "    paths: [.cache/]",
  "",
  "variables:",
  "  TARPIT_KIT_CACHE: $CI_PROJECT_DIR/.cache/tarpit-kit",
  "  CCACHE_DIR: $CI_PROJECT_DIR/.cache/ccache",
  "",
  "",
].join("\n");

/**
 * A GitLab child pipeline (docs.gitlab.com, "Dynamic child pipelines"): a job a shard. Image, package
 * and file are variables, which the parent hands down. The matrix file says where the output is.
 */
export const gitlabPipeline = (jobs: readonly Job[], out: string): string =>
  gitlabHead + jobs.map((job) => gitlabJob(job, out)).join("\n");

/** The drift radar's jobs: a kernel line each. */
export function driftJobs(
  lines: readonly { readonly line: string; readonly arch: string; readonly shard: Shard }[],
  format: "github" | "gitlab",
): string {
  const all = lines.map(({ line, arch, shard }) => ({
    name: `drift ${line}`,
    arch,
    shard: showShard(shard),
  }));
  if (format === "github") return `${JSON.stringify({ include: all })}\n`;
  const jobs = all.map(({ name, arch, shard }) =>
    [
      `${scalar(name)}:`,
      "  script:",
      `    - ${scalar(`tarpit-kit doctor --arch ${arch} --install`)}`,
      `    - ${scalar(`tarpit-kit matrix run "$TARPIT_KIT_MATRIX" --drift --shard ${shard}`)}`,
      "",
    ].join("\n"),
  );
  return gitlabHead + jobs.join("\n");
}

function gitlabJob({ name, shard, builds }: Job, out: string): string {
  const archs = [...new Set(builds.map(({ arch }) => arch))];
  const lines = [
    `${scalar(name)}:`,
    "  script:",
    ...archs.map((arch) => `    - ${scalar(`tarpit-kit doctor --arch ${arch} --install`)}`),
    `    - ${scalar(`tarpit-kit matrix run "$TARPIT_KIT_MATRIX" --shard ${showShard(shard)}`)}`,
    "  artifacts:",
    "    when: always",
    `    paths: [${scalar(`${out}/`)}]`,
    "    reports:",
    `      codequality: ${scalar(`${out}/reports/codequality.json`)}`,
    `      junit: ${scalar(`${out}/reports/junit.xml`)}`,
  ];
  return `${lines.join("\n")}\n`;
}

import { type Rebuild, rebuildOf, type RebuildRequest } from "../../core/rebuild.ts";
import type { Ports } from "../../ports.ts";
import { absolute, keepInputs } from "./inputs.ts";
import type { BuildPlan } from "./plan.ts";

/** Settings of the environment that show in what is built. */
const settings = ["DEBFULLNAME", "DEBEMAIL"] as const;

/**
 * How to build the same again, whatever has become of the newest release or of the user's files since:
 * the source named exactly, paths from the root, the user's configuration files as copies in `dir`.
 */
export async function rebuildFor(plan: BuildPlan, dir: string, ports: Ports): Promise<Rebuild> {
  const { request } = plan;
  const { env } = ports.host;
  const kept = await keepInputs(plan, dir, ports);
  const given = {
    ...exactSource(plan, ports),
    against: absolute(request.against, ports),
    series: /[/.]/.test(request.series ?? "") ? plan.series.path : request.series,
    profile: request.profile,
    userland: request.userland,
    crossCompile: request.crossCompile,
    cc: request.cc,
    mirror: request.mirror,
    ...kept,
  };
  const rebuild = {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    arch: plan.arch.name,
    scope: plan.scope,
    set: request.set,
    packages: plan.packages,
    insecureSkipVerify: request.insecureSkipVerify,
  };
  return rebuildOf(rebuild as unknown as RebuildRequest, {
    SOURCE_DATE_EPOCH: String(plan.make.epoch),
    ...Object.fromEntries(
      settings.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
    ),
  });
}

/** The very source: `6.12` is another release next week, `debian:6.1` too, but there only the hash can tell. */
function exactSource(plan: BuildPlan, ports: Ports): Pick<RebuildRequest, "kernel" | "tree"> {
  const { source, request } = plan;
  if (!source) return {};
  const { kind, url, commit, sha256 } = source.origin;
  if (kind === "tree") return { tree: source.path };
  const kernel = plan.spec ?? "";
  switch (kind) {
    case "release":
    case "line":
      return { kernel: plan.version.text };
    case "git":
      return commit === undefined
        ? { kernel }
        : { kernel: kernel.replace(/(#.*)?$/, `#${commit}`) };
    case "url":
      return url === undefined || sha256 === undefined
        ? { kernel }
        : { kernel: `${url}#sha256=${sha256}` };
    case "tarball":
      return { kernel: absolute(request.kernel?.replace(/^file:\/\//, ""), ports) ?? kernel };
    case "debian":
      return { kernel };
  }
}

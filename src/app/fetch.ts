import { newestLongterm, readReleases } from "../core/fetch-kernel-org.ts";
import { environment } from "../core/errors.ts";
import { parseSpec, type PathKind, pathOfSpec, type SourceSpec } from "../core/spec.ts";
import type { Ports } from "../ports.ts";
import { withLease } from "./cache/lease.ts";
import { fetchDebian } from "./fetch/debian.ts";
import { fetchGit } from "./fetch/git.ts";
import { fetchLine, fetchRelease } from "./fetch/kernel-org.ts";
import { mirrorOf, readReleasesJson, shownMirror } from "./fetch/mirror.ts";
import { removeLeftovers } from "./fetch/store.ts";
import { fetchTarball, fetchUrl } from "./fetch/tarball.ts";
import { fetchTree } from "./fetch/tree.ts";
import type { FetchRequest, FetchResult, Provider } from "./fetch/types.ts";

export type { FetchRequest, FetchResult } from "./fetch/types.ts";

/** Who brings which kind of source. */
const providers: { readonly [K in SourceSpec["kind"]]: Provider<K> } = {
  release: fetchRelease,
  line: fetchLine,
  debian: fetchDebian,
  url: fetchUrl,
  git: fetchGit,
  tarball: fetchTarball,
  tree: fetchTree,
};

/** What is at the path a spec may be; links are followed. */
async function kindAt(path: string, ports: Ports): Promise<PathKind> {
  const real = await ports.files.realpath(path).catch(() => undefined);
  const kind = real === undefined ? undefined : (await ports.files.stat(real))?.kind;
  return kind === "file" || kind === "directory" ? kind : undefined;
}

/** Brings the source tree that `request.spec` names: verified, or not at all. */
export async function fetchSource(request: FetchRequest, ports: Ports): Promise<FetchResult> {
  const { cwd } = ports.host;
  const spec = parseSpec(request.spec, cwd, await kindAt(pathOfSpec(request.spec, cwd), ports));
  const provider = providers[spec.kind] as Provider<SourceSpec["kind"]>;
  // A tree of the user's own is only looked at: that needs no cache.
  if (spec.kind === "tree") return provider(spec, request, ports);
  return withLease(ports, async () => {
    await removeLeftovers(ports);
    return provider(spec, request, ports);
  });
}

/** The SPEC meant when none is given: Debian's where apt is there, else kernel.org's newest longterm release. */
export async function defaultSpec(ports: Ports): Promise<string> {
  if (await ports.processes.which("apt-get")) return "debian:6.1";
  const mirror = mirrorOf({ spec: "", insecureSkipVerify: false }, ports);
  const newest = newestLongterm(readReleases((await readReleasesJson(mirror, ports)) ?? ""));
  if (newest) return newest.text;
  throw environment("fetch.no-default", {
    what: "no kernel is given, there is no apt, and the list of releases cannot be read",
    where: shownMirror(mirror),
    next: "name one: --kernel 6.1.192",
  });
}

import { join } from "node:path";
import { ArchiveRefused, type EntryType, NameJudge } from "../../core/archive-names.ts";
import { badInput, environment, failure } from "../../core/errors.ts";
import { splitSignedTag } from "../../core/fetch-git.ts";
import type { Command, Ports, RunResult } from "../../ports.ts";
import { requireKernelTree } from "../tree.ts";
import { describeVerdict, gpgvCommand, verdictOf } from "./signature.ts";
import { cachedOr, slug } from "./store.ts";
import type { Provider, Trust } from "./types.ts";
import { diskFull, requireProgram } from "./unpack.ts";

/**
 * git with nothing of the repository's or the user's that could run programs
 * or rewrite files: no hooks, no filters by line end, no prompts, and only the
 * transports named (git-config(1), protocol.allow).
 */
function git(args: readonly string[], cwd: string): Command {
  const config = [
    "core.hooksPath=/dev/null",
    "core.autocrlf=false",
    "core.fsmonitor=false",
    "core.symlinks=true",
    "protocol.allow=never",
    ...["https", "http", "ssh", "git", "file"].map((name) => `protocol.${name}.allow=always`),
    "advice.detachedHead=false",
    "gc.auto=0",
  ];
  return {
    program: "git",
    args: [...config.flatMap((setting) => ["-c", setting]), ...args],
    cwd,
    env: {
      LC_ALL: "C",
      GIT_TERMINAL_PROMPT: "0",
      GIT_DIR: undefined,
      GIT_WORK_TREE: undefined,
      GIT_INDEX_FILE: undefined,
      GIT_OBJECT_DIRECTORY: undefined,
      GIT_TEMPLATE_DIR: "",
    },
  };
}

const lastLines = (result: RunResult): string =>
  result.stderr.trim().split("\n").slice(-2).join("; ");

async function must(
  args: readonly string[],
  cwd: string,
  url: string,
  ports: Ports,
): Promise<string> {
  const result = await ports.processes.run(git(args, cwd));
  if (result.code === 0) return result.stdout;
  if (/No space left on device/.test(result.stderr)) throw diskFull(cwd, 2e9);
  throw environment("fetch.git", {
    what: `git ${args[0]} failed: ${lastLines(result)}`,
    where: url,
    next: "check the address and the network; the ref after # must be a tag, a branch or a full commit hash",
  });
}

const fullHash = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

interface Target {
  readonly commit: string;
  /** What to ask the server for. */
  readonly ask: string;
  readonly tag?: string;
}

/** Which commit a ref is now. A full hash is taken at its word. */
async function resolveRef(url: string, ref: string, ports: Ports): Promise<Target> {
  if (fullHash.test(ref)) return { commit: ref, ask: ref };
  const patterns =
    ref === "HEAD" ? ["HEAD"] : [`refs/tags/${ref}`, `refs/tags/${ref}^{}`, `refs/heads/${ref}`];
  const text = await must(
    ["ls-remote", "--quiet", "--", url, ...patterns],
    ports.host.cwd,
    url,
    ports,
  );
  const refs = new Map(
    text.split("\n").map((line) => line.split("\t").toReversed() as [string, string]),
  );
  const [asTag, peeled, asBranch] = patterns.map((pattern) => refs.get(pattern));
  if (ref === "HEAD" && asTag) return { commit: asTag, ask: "HEAD" };
  if (asTag) return { commit: peeled ?? asTag, ask: `refs/tags/${ref}`, tag: ref };
  if (asBranch) return { commit: asBranch, ask: `refs/heads/${ref}` };
  throw badInput("fetch.not-found", {
    what: `${url} has no tag and no branch ${ref}`,
    where: `git:${url}#${ref}`,
    next: "give a tag such as #v6.1.192, a branch, or a full commit hash",
  });
}

/** A tag signed with a pinned key, that names itself and this commit (git-tag(1), --sign). */
async function judgeTag(
  target: Target,
  repository: string,
  work: string,
  ports: Ports,
): Promise<Trust | string> {
  if (target.tag === undefined) return "a branch is not signed";
  const kind = await ports.processes.run(git(["cat-file", "-t", target.ask], repository));
  if (kind.stdout.trim() !== "tag") return `the tag ${target.tag} is not signed`;
  const content = await ports.processes.run(git(["cat-file", "tag", target.ask], repository));
  const tag = splitSignedTag(content.stdout);
  if (!tag) return `the tag ${target.tag} is not signed`;
  if (tag.name !== target.tag || tag.object !== target.commit)
    return `the tag ${target.tag} holds another one's content`;
  const signed = join(work, "tag");
  await ports.files.write(signed, tag.payload, 0o600);
  const verdict = verdictOf(
    await ports.processes.run(await gpgvCommand(tag.signature, work, ports, signed)),
  );
  const said = `tag ${target.tag}: ${describeVerdict(verdict)}`;
  return verdict.verdict === "good" ? { how: "openpgp", detail: said } : said;
}

const modes: Readonly<Record<string, EntryType>> = {
  "100644": "file",
  "100755": "file",
  "120000": "symlink",
};

/** The names and links of a commit, judged like an archive's before anything is checked out. */
async function judgeNames(
  commit: string,
  repository: string,
  url: string,
  ports: Ports,
): Promise<void> {
  const listing = await must(
    ["ls-tree", "-r", "-z", "--full-tree", commit],
    repository,
    url,
    ports,
  );
  const judge = new NameJudge();
  try {
    for (const line of listing.split("\0").filter((text) => text !== "")) {
      const [, mode = "", hash = "", name = ""] =
        /^(\d+) \w+ ([0-9a-f]+)\t([\s\S]*)$/.exec(line) ?? [];
      const type = modes[mode] ?? "thing of unknown type";
      const link =
        type === "symlink"
          ? await must(["cat-file", "blob", hash], repository, url, ports)
          : undefined;
      judge.accept({ path: `linux/${name}`, type, ...(link === undefined ? {} : { link }) });
    }
  } catch (error) {
    if (!(error instanceof ArchiveRefused)) throw error;
    throw badInput("fetch.archive", {
      what: `${url} is refused: ${JSON.stringify(error.entry)}: ${error.reason}`,
      where: `commit ${commit}`,
      next: "nothing was kept of it; take the kernel from another source",
    });
  }
}

async function trustOf(
  target: Target,
  repository: string,
  skip: boolean,
  work: string,
  url: string,
  ports: Ports,
) {
  if (target.ask === target.commit) {
    return { how: "commit", detail: `the commit hash was given: ${target.commit}` } as Trust;
  }
  const judged = await judgeTag(target, repository, work, ports);
  if (typeof judged !== "string") return judged;
  if (skip) {
    ports.log.warn(`NOT VERIFIED: ${url}: ${judged}; taken because of --insecure-skip-verify`);
    return { how: "skipped", detail: judged } as Trust;
  }
  throw failure("fetch.unverified", {
    what: `${url} is refused: ${judged}`,
    where: `git:${url}#${target.tag ?? target.ask}`,
    next: `name the commit: git:${url}#${target.commit}; if you trust it all the same, --insecure-skip-verify takes it unverified`,
  });
}

/** One commit, without history; the tree is kept without .git, so that no `+` gets into the kernel's release. */
async function checkOut(target: Target, url: string, skip: boolean, work: string, ports: Ports) {
  const repository = join(work, "tree");
  await must(["init", "--quiet", "--template=", "--", repository], work, url, ports);
  const refspec = target.ask.startsWith("refs/") ? `${target.ask}:${target.ask}` : target.ask;
  await must(
    ["fetch", "--quiet", "--depth=1", "--no-tags", "--update-head-ok", "--", url, refspec],
    repository,
    url,
    ports,
  );
  const got = await must(
    [
      "rev-parse",
      "--verify",
      `${target.ask.startsWith("refs/") ? target.ask : "FETCH_HEAD"}^{commit}`,
    ],
    repository,
    url,
    ports,
  );
  if (got.trim() !== target.commit) {
    throw environment("fetch.git", {
      what: `the ref moved while it was fetched, to ${got.trim()}`,
      where: url,
      next: "run the command again",
    });
  }
  const trust = await trustOf(target, repository, skip, work, url, ports);
  await judgeNames(target.commit, repository, url, ports);
  await must(["checkout", "--quiet", "--detach", target.commit], repository, url, ports);
  await ports.files.remove(join(repository, ".git"));
  return { tree: repository, trust };
}

/** A git repository's tag, branch or commit. */
export const fetchGit: Provider<"git"> = async (spec, request, ports) => {
  await requireProgram("git", "git", ports);
  const ref = spec.ref ?? "HEAD";
  const target = await resolveRef(spec.url, ref, ports);
  const how = request.insecureSkipVerify
    ? "unverified"
    : target.ask === target.commit
      ? "commit"
      : "signed";
  const key = `git:${how}:${target.commit}`;
  ports.log.stage("fetch", spec.text);
  return cachedOr({ key, name: `git-${slug(ref)}` }, ports, async (work) => {
    const { tree, trust } = await checkOut(
      target,
      spec.url,
      request.insecureSkipVerify,
      work,
      ports,
    );
    const version = await requireKernelTree(tree, ports);
    return {
      tree,
      id: `commit:${target.commit}`,
      version,
      origin: { kind: "git", url: spec.url, commit: target.commit },
      trust,
    };
  });
};

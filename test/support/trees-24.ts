import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { versionFromMakefile } from "../../src/core/kernel-version.ts";

/** A real tree to try things on: its release, and files of it. */
export interface Tree24 {
  /** `2.4.18`, or of a vendor's tree `2.4.21-prep of dduval-kernel-rhel3`. */
  readonly name: string;
  /** Writes these files below `to`, as far as the tree has them. */
  lay(paths: readonly string[], to: string): void;
}

/** Every release there was (kernel.org, v2.4), with the last of those with four numbers. */
export const releases24: readonly string[] = [
  ...Array.from({ length: 38 }, (_, sublevel) => `2.4.${sublevel}`),
  "2.4.37.11",
];

const git = (repository: string, args: readonly string[], input = ""): Buffer =>
  execFileSync("git", ["--git-dir", repository, ...args], { input, maxBuffer: 1 << 30 });

/** What `git cat-file --batch` answers, in the order asked: undefined for what is not there. */
function blobs(repository: string, specs: readonly string[]): (Buffer | undefined)[] {
  const out = git(repository, ["cat-file", "--batch"], specs.map((spec) => `${spec}\n`).join(""));
  let at = 0;
  return specs.map(() => {
    const end = out.indexOf("\n", at);
    const header = out.subarray(at, end).toString("latin1");
    at = end + 1;
    const size = / blob (\d+)$/.exec(header)?.[1];
    if (size === undefined) return undefined;
    const body = out.subarray(at, at + Number(size));
    at += Number(size) + 1;
    return body;
  });
}

const put = (to: string, path: string, bytes: Buffer): void => {
  mkdirSync(dirname(join(to, path)), { recursive: true });
  writeFileSync(join(to, path), bytes);
};

/**
 * Commits of a repository that are releases: by tag (`v2.4.32`), or by what a commit is called
 * (`v2.4.17 -> v2.4.18`, of which the first is what the commit before it has).
 */
function commitsOf(repository: string): Map<string, string> {
  const found = new Map<string, string>();
  const log = git(repository, ["log", "--all", "--format=%H%x09%P%x09%s"]).toString("latin1");
  for (const line of log.split("\n")) {
    const [commit = "", parent = "", subject = ""] = line.split("\t");
    const [, before, after] = /^v(2\.4\.\d+) -> v(2\.4[\d.]+)$/.exec(subject) ?? [];
    if (before !== undefined && !found.has(before)) found.set(before, parent);
    const last = after ?? / -> v(2\.4\.\d+)$/.exec(subject)?.[1];
    if (last !== undefined) found.set(last, commit);
  }
  for (const tag of git(repository, ["tag"]).toString("latin1").split("\n"))
    if (/^v2\.4[\d.]+$/.test(tag)) found.set(tag.slice(1), tag);
  return found;
}

function fromRepository(name: string, repository: string): Tree24[] {
  const releases = [...commitsOf(repository)].filter(([version]) => releases24.includes(version));
  const trees = releases.map(([version, commit]) => ({ name: version, commit }));
  if (trees.length === 0) {
    const makefile = blobs(repository, ["HEAD:Makefile"])[0]?.toString("latin1") ?? "";
    const version = versionFromMakefile(makefile);
    if (version?.major === 2 && version.minor === 4)
      trees.push({ name: `${version.text} of ${name}`, commit: "HEAD" });
  }
  return trees.map(({ name: label, commit }) => ({
    name: label,
    lay: (paths, to) => {
      const found = blobs(
        repository,
        paths.map((path) => `${commit}:${path}`),
      );
      for (const [index, path] of paths.entries()) {
        const bytes = found[index];
        if (bytes) put(to, path, bytes);
      }
    },
  }));
}

function fromDirectory(name: string, directory: string): Tree24[] {
  const text = readFileSync(join(directory, "Makefile"), "latin1");
  const version = versionFromMakefile(text);
  if (version?.major !== 2 || version.minor !== 4) return [];
  return [
    {
      name: name === version.text ? name : `${version.text} of ${name}`,
      lay: (paths, to) => {
        for (const path of paths)
          if (existsSync(join(directory, path))) put(to, path, readFileSync(join(directory, path)));
      },
    },
  ];
}

/**
 * The trees in the directory TARPIT_KIT_LINUX_2_4 names, each release once (docs/linux-2.4.md): an
 * unpacked tree, or a git repository (bare, or with a work tree) that has releases as tags or
 * commits, else one tree. Undefined when the variable is not set.
 */
export function trees24(): readonly Tree24[] | undefined {
  const root = process.env["TARPIT_KIT_LINUX_2_4"];
  if (root === undefined || root === "") return undefined;
  const trees = new Map<string, Tree24>();
  for (const name of readdirSync(root).toSorted()) {
    const path = realpathSync(join(root, name));
    const repository = [path, join(path, ".git")].find((at) => existsSync(join(at, "objects")));
    const found = repository
      ? fromRepository(name.replace(/\.git$/, ""), repository)
      : existsSync(join(path, "Makefile"))
        ? fromDirectory(name, path)
        : [];
    for (const tree of found) if (!trees.has(tree.name)) trees.set(tree.name, tree);
  }
  return [...trees.values()].toSorted((a, b) =>
    a.name.localeCompare(b.name, "en", { numeric: true }),
  );
}

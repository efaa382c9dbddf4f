import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { environment, failure, TarpitError } from "../../core/errors.ts";
import { cleanMakeEnvironment, makeArguments } from "../../core/make.ts";
import type { Command, Ports } from "../../ports.ts";
import { isIntact, stampTree } from "../cache/fingerprint.ts";
import { markUsed } from "../cache/lease.ts";
import { patchTree } from "../patch.ts";
import type { FetchResult } from "../fetch.ts";
import { lockDirectory } from "./lock.ts";
import type { BuildPlan } from "./plan.ts";

export const shortHash = (...parts: readonly string[]): string =>
  createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 16);

/**
 * The patched tree for this source and series, from the cache or made now. The
 * source itself is never written: an unpacked source in the cache is copied as hard
 * links (the patch engine writes beside and renames, so no shared inode is written
 * through), a tree of the user's is copied whole, and anew when a file in it changed.
 */
export async function preparedTree(plan: BuildPlan, ports: Ports): Promise<string> {
  const source = plan.source;
  if (!source) throw new Error("a build against headers has no tree");
  const own = source.origin.kind === "tree";
  const extra = plan.extraSeries.map(({ sha256 }) => sha256);
  const name = shortHash(own ? source.path : source.id, plan.series.sha256, ...extra);
  const home = join(plan.workDir, "trees", name);
  const lock = await lockDirectory(home, "preparing the same source tree", ports);
  try {
    const before = await ports.files.readText(join(home, "source")).catch(() => undefined);
    if (before !== source.id || !(await stillWhole(home, ports)))
      await makeTree(plan, source, home, own, ports);
    await markUsed(home, ports);
    return join(home, "linux");
  } finally {
    await lock.release();
  }
}

/** Whether nobody wrote into it since: what is built of it must be what its name says. */
async function stillWhole(home: string, ports: Ports): Promise<boolean> {
  if (await isIntact(home, ports)) return true;
  ports.log.warn(`the cached tree ${home} was changed: it is made again`);
  return false;
}

/** The error that a build answers by fetching the source anew. */
export const damagedSource = "cache.damaged-source";

/** A tree made of hard links has its source's damage. */
async function refuseDamaged(source: FetchResult, ports: Ports): Promise<void> {
  if (await isIntact(dirname(source.path), ports)) return;
  throw failure(damagedSource, {
    what: "the cached source was changed since it was unpacked",
    where: source.path,
    next: "tarpit-kit cache verify removes it; the next run brings it again",
  });
}

async function makeTree(
  plan: BuildPlan,
  source: FetchResult,
  home: string,
  own: boolean,
  ports: Ports,
): Promise<void> {
  const draft = `${home}.draft`;
  const tree = join(draft, "linux");
  if (!own) await refuseDamaged(source, ports);
  await ports.files.remove(draft);
  try {
    await ports.files.mkdir(draft);
    await copyTree(source.path, tree, own, ports);
    await cleanTree(tree, plan, ports);
    const options = { check: false, reverse: false, fuzz: 0 };
    for (const series of [plan.series, ...plan.extraSeries]) {
      await patchTree({ tree, series: series.path, ...options }, ports).catch((error: unknown) => {
        throw aboutSource(error, source.path);
      });
    }
    await stampTree(draft, ports);
    await ports.files.write(join(draft, "source"), source.id);
  } catch (error) {
    await ports.files.remove(draft);
    throw error;
  }
  await ports.files.remove(home);
  await ports.files.rename(draft, home);
}

/** The copy is gone by the time the message is read: what is wrong with it is in the user's own tree. */
function aboutSource(error: unknown, source: string): unknown {
  if (!(error instanceof TarpitError) || error.exit === 3) return error;
  return new TarpitError(error.exit, error.code, { ...error.trouble, where: source });
}

/**
 * A tree that can only be built in: a copy of the prepared one, of its own bytes, as `make dep`
 * touches headers. It stays, so that a run that was cut short goes on in it, until what it was
 * copied from is another.
 */
export async function privateTree(
  prepared: string,
  dir: string,
  identity: string,
  ports: Ports,
): Promise<string> {
  const tree = join(dir, "linux");
  const mark = join(dir, "copied");
  if ((await ports.files.readText(mark).catch(() => undefined)) === identity) return tree;
  for (const name of ["copied", "prepared", "linux"]) await ports.files.remove(join(dir, name));
  await copyTree(prepared, tree, true, ports);
  await ports.files.write(mark, identity);
  return tree;
}

async function copyTree(from: string, to: string, whole: boolean, ports: Ports): Promise<void> {
  const copy = (args: readonly string[]): Command => ({
    program: "cp",
    args: [...args, "--", from, to],
  });
  const links = whole ? undefined : await ports.processes.run(copy(["-al"]));
  if (links?.code === 0) return;
  await ports.files.remove(to);
  const result = await ports.processes.run(copy(["-a", "--reflink=auto"]));
  if (result.code === 0) return;
  throw environment("build.copy", {
    what: "the source tree could not be copied into the cache",
    where: to,
    next: "make room there, or put the cache elsewhere with TARPIT_KIT_CACHE",
    evidence: result.stderr.trim().split("\n").slice(0, 3),
  });
}

/** kbuild refuses O= on a tree that was built in (Makefile, outputmakefile); our copy is cleaned, the user's is left. */
async function cleanTree(tree: string, plan: BuildPlan, ports: Ports): Promise<void> {
  await ports.files.remove(join(tree, ".git"));
  const dirty = await Promise.all(
    (
      plan.older?.generation.dirt ?? [
        ".config",
        "include/config",
        `arch/${plan.arch.srcArch}/include/generated`,
      ]
    ).map((name) => ports.files.stat(join(tree, name))),
  );
  if (dirty.every((info) => info === undefined)) return;
  const result = await ports.processes.run({
    program: "make",
    args: [...makeArguments({ ...plan.make, tree }), "mrproper"],
    env: cleanMakeEnvironment,
  });
  if (result.code === 0) return;
  throw failure("build.mrproper", {
    what: "the copy of a tree that was built in cannot be cleaned",
    where: "make mrproper",
    next: "run `make mrproper` in the tree, or give one that was not built in",
    evidence: result.stderr.trim().split("\n").slice(-5),
  });
}

import { basename, dirname, join } from "node:path";
import { type CacheEntry, expectedDifferences } from "../../core/cache.ts";
import type { Command, Ports } from "../../ports.ts";
import { outputsIntact } from "../build/outputs.ts";
import { readRecord, recordPath } from "../fetch/debian-archive.ts";
import { findPin } from "../fetch/pins.ts";
import { readMarker } from "../fetch/store.ts";
import { tarIn } from "../fetch/unpack.ts";
import { digest, readState } from "../patch/state.ts";

/** `unchecked`: nothing here says what it should hold; `detail` says who will notice. */
export interface Verdict {
  readonly state: "ok" | "damaged" | "unchecked";
  readonly detail: string;
}

const ok = (detail: string): Verdict => ({ state: "ok", detail });
const damaged = (detail: string): Verdict => ({ state: "damaged", detail });
const unchecked = (detail: string): Verdict => ({ state: "unchecked", detail });

const firstOf = (text: string): string => text.trim().split("\n")[0] ?? "";

async function checkDownload(path: string, ports: Ports): Promise<Verdict> {
  if (path.endsWith(".part")) return unchecked("a download that goes on where it stopped");
  const sha256 = await ports.files.sha256(path);
  const record = await readRecord(recordPath(path), ports);
  if (record.sha256 !== undefined)
    return record.sha256 === sha256
      ? ok("as recorded when apt verified it")
      : damaged(`its sha256 is ${sha256}, not ${record.sha256}`);
  const pin = await findPin(sha256, ports);
  return pin ? ok(`pinned: ${pin.file}`) : unchecked("verified each time it is unpacked");
}

/** The archive in CACHE/downloads that a tree of this identity came out of, still as it was. */
async function archiveOf(id: string, ports: Ports): Promise<string | undefined> {
  const home = join(ports.cacheDir, "downloads");
  for (const name of await ports.files.list(home)) {
    if (/\.(json|part|deb)$|\.lock/.test(name)) continue;
    const archive = join(home, name);
    const sha256 = await ports.files.sha256(archive);
    const record = await readRecord(recordPath(archive), ports);
    const whole = record.sha256 === sha256 ? record.packageSha256 : sha256;
    if (id === `sha256:${whole}`) return archive;
  }
  return undefined;
}

/** The archive's top directory under another name; targets of symbolic links stay (tar's manual, "transform"). */
const renamed = (name: string): string => `--transform=s,^[^/]*,${name},S`;

/** tar(1) --compare reads every file of the tree; owners and the modes that a umask takes are not its content. */
async function compareWithArchive(tree: string, archive: string, ports: Ports): Promise<Verdict> {
  const { commands } = await tarIn(archive, basename(archive), ports);
  const compare: readonly Command[] = [
    ...commands,
    {
      program: "tar",
      args: ["--compare", "--file=-", `--directory=${dirname(tree)}`, renamed(basename(tree))],
      env: { LC_ALL: "C", TAR_OPTIONS: undefined },
    },
  ];
  const results = await ports.processes.pipe(compare);
  const compared = results.at(-1);
  const said = `${compared?.stdout ?? ""}\n${compared?.stderr ?? ""}`
    .split("\n")
    .filter((line) =>
      /: (Contents differ|Size differs|Symlink differs|File type differs|Warning: Cannot )/.test(
        line,
      ),
    );
  return said.length === 0 ? ok("every file as in its archive") : damaged(said[0] ?? "");
}

async function checkSource(path: string, bad: Set<string>, ports: Ports): Promise<Verdict> {
  const marker = await readMarker(path, ports);
  if (!marker) return damaged("source.json is damaged");
  const archive = await archiveOf(marker.id, ports);
  if (!archive) return unchecked("what it was unpacked from is not in the cache");
  const verdict = await compareWithArchive(join(path, "linux"), archive, ports);
  if (verdict.state === "damaged") bad.add(marker.id);
  return verdict;
}

/** A patched tree is its source and what its state file says, no more. */
async function checkTree(path: string, bad: ReadonlySet<string>, ports: Ports): Promise<Verdict> {
  const tree = join(path, "linux");
  const id = (await ports.files.readText(join(path, "source")).catch(() => "")).trim();
  // Hard links: what is wrong with the source is wrong with the tree.
  if (bad.has(id)) return damaged("it was made of a damaged source");
  const source = await sourceOf(id, ports);
  const state = await readState(tree, ports).catch(() => undefined);
  if (!state || state.applied.length === 0) return damaged("its state file is damaged");
  // Of a file that several series changed, the last one says what it is.
  const all = state.applied.flatMap((applied) => applied.files);
  const files = [...new Map(all.map((file) => [file.path, file])).values()];
  for (const file of files) {
    const bytes = await ports.files.readBytes(join(tree, file.path)).catch(() => undefined);
    if (!bytes || digest(bytes) !== file.after) return damaged(`${file.path} differs`);
  }
  if (source === undefined)
    return unchecked("its source is not in the cache; the patched files are right");
  const result = await ports.processes.run({
    program: "diff",
    args: ["-rq", "--no-dereference", source, tree],
    env: { LC_ALL: "C" },
  });
  const directories = state.applied.flatMap((applied) => applied.directories);
  const expected = expectedDifferences(source, tree, files, directories);
  const odd = result.stdout.split("\n").filter((line) => line !== "" && !expected.has(line));
  if (result.code > 1) return damaged(firstOf(result.stderr));
  return odd.length === 0 ? ok("its source and the series") : damaged(odd[0] ?? "");
}

async function sourceOf(id: string, ports: Ports): Promise<string | undefined> {
  const home = join(ports.cacheDir, "sources");
  for (const name of await ports.files.list(home)) {
    const marker = await readMarker(join(home, name), ports);
    if (marker?.id === id) return join(home, name, "linux");
  }
  return undefined;
}

async function checkBuild(path: string, ports: Ports): Promise<Verdict> {
  const intact = await outputsIntact(path, ports);
  if (intact === undefined) return unchecked("not finished: make decides what is made again");
  return intact ? ok("images and modules as they were built") : damaged("what was built differs");
}

/**
 * Whether an entry still is what it was when it was made. Identities of damaged sources are added to
 * `bad`: sources come first.
 */
export async function checkEntry(
  entry: CacheEntry,
  bad: Set<string>,
  ports: Ports,
): Promise<Verdict> {
  const path = join(ports.cacheDir, entry.name);
  switch (entry.kind) {
    case "download":
      return checkDownload(path, ports);
    case "source":
      return checkSource(path, bad, ports);
    case "tree":
      return checkTree(path, bad, ports);
    case "build":
      return checkBuild(path, ports);
    default:
      return unchecked("nothing is built from it unseen");
  }
}

import { basename, dirname, join } from "node:path";
import { badInput, failure } from "../../core/errors.ts";
import { addKind, addLines } from "../../core/extract/line-add.ts";
import { chooseVariants, parseInfo, type Variant, variantOf } from "../../core/extract/patchlet.ts";
import type { KernelVersion } from "../../core/kernel-version.ts";
import {
  type Entry,
  parsePatch,
  planSeries,
  splitLines,
  touchedPaths,
} from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import { describeRefusals, forMachines } from "../patch/refusals.ts";
import { takeSnapshot } from "../patch/read.ts";
import { requireKernelTree } from "../tree.ts";
import { fileOf, filesBelow, linesOf, readEntry, requireDirectory } from "./files.ts";
import type { Extracted, ExtractRequest } from "./types.ts";

/** The tree while a patch set is put into it; what was there first is kept for the diff. */
class Growing {
  readonly before = new Map<string, Entry>();
  readonly after = new Map<string, Entry>();
  readonly tree: string;
  readonly #ports: Ports;
  constructor(tree: string, ports: Ports) {
    this.tree = tree;
    this.#ports = ports;
  }
  async get(path: string): Promise<Entry> {
    const known = this.after.get(path);
    if (known) return known;
    const entry = await readEntry(this.tree, path, this.#ports);
    this.before.set(path, entry);
    this.after.set(path, entry);
    return entry;
  }
  async create(path: string, entry: Entry): Promise<void> {
    if ((await this.get(path)).kind !== "absent") throw inTheWay(path, this.tree);
    this.after.set(path, entry);
  }
  async add(path: string, addition: readonly string[], source: string): Promise<void> {
    const entry = await this.get(path);
    if (entry.kind !== "file") throw noTarget(path, source);
    const lines = addLines(
      entry.lines,
      addition,
      addKind(path),
      `${join(this.tree, path)}, for ${source}`,
    );
    this.after.set(path, fileOf(lines, entry.mode));
  }
  async patch(source: string): Promise<void> {
    const bytes = await this.#ports.files.readBytes(source);
    const diffs = parsePatch(bytes.toString("latin1"), source);
    const patch = { name: basename(source), strip: 1, reverse: false, sha256: "", diffs };
    const { entries } = await takeSnapshot(this.tree, touchedPaths([patch]), this.#ports);
    const now = new Map([...entries, ...this.after]);
    const plan = planSeries([patch], now, 0);
    if (plan.refusals.length > 0) throw await doesNotFit(source, this.tree, plan.refusals);
    for (const [path, change] of plan.changes) {
      if (!this.before.has(path)) this.before.set(path, change.before);
      this.after.set(path, change.after);
    }
  }
}

/** A patchlet directory of patch-o-matic-ng, or one patch of the older patch-o-matic with its files. */
export async function extractPom(
  request: Extract<ExtractRequest, { kind: "pom" }>,
  ports: Ports,
): Promise<Extracted> {
  const tree = await requireDirectory(request.tree, "the tree", ports);
  const version = await requireKernelTree(tree, ports);
  const growing = new Growing(tree, ports);
  const info = await ports.files.stat(request.from);
  const isPatchlet =
    info?.kind === "directory" &&
    (await ports.files.stat(join(request.from, "info"))) !== undefined;
  const description = isPatchlet
    ? await growPatchlet(request.from, version, growing, ports)
    : await growOld(await oldPatch(request.from, ports), growing, ports);
  return { description, before: growing.before, after: growing.after };
}

/** From 2.5.45 on the configuration is Kconfig; before, Config.in and Configure.help. */
const usesKconfig = ({ major, minor }: KernelVersion): boolean =>
  major > 2 || (major === 2 && minor >= 5);

async function growPatchlet(
  from: string,
  version: KernelVersion,
  growing: Growing,
  ports: Ports,
): Promise<string> {
  const infoPath = join(from, "info");
  const info = parseInfo((await ports.files.readBytes(infoPath)).toString("latin1"), infoPath);
  const names = await ports.files.list(from);
  const variants = names.map(variantOf).filter((one): one is Variant => one !== undefined);
  const numbers = version.text.split(/[.-]/).map(Number).filter(Number.isFinite);
  const choose = (patches: boolean): string[] =>
    chooseVariants(
      variants.filter(({ name }) => name.includes(".patch") === patches),
      numbers,
      info.requires,
    ).map(({ name }) => name);
  const [directories, patches] = [choose(false), choose(true)];
  if (directories.length + patches.length === 0)
    throw noVariant(from, version, variants, info.requires);
  for (const directory of directories) {
    const files = await filesBelow(join(from, directory), ports);
    for (const path of files.filter((one) => !isAddition(one))) {
      await growing.create(path, await readEntry(join(from, directory), path, ports));
    }
    for (const path of files.filter(isAddition)) {
      const target = path.replace(/\.ladd(?:_.*)?$/, "");
      const old = /(?:Config\.in|Configure\.help)$/.test(target);
      if (usesKconfig(version) ? old : addKind(target) === "kconfig") continue;
      const addition = linesOf(await readEntry(join(from, directory), path, ports));
      await growing.add(target, addition, join(from, directory, path));
    }
  }
  for (const patch of patches) await growing.patch(join(from, patch));
  if (info.depends.length > 0)
    ports.log.warn(
      `the patchlet depends on ${info.depends.join(", ")}: extract and apply these first`,
    );
  return [
    info.title ?? basename(from),
    info.help,
    info.author === undefined ? "" : `Author: ${info.author}`,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

const isAddition = (path: string): boolean => /\.ladd(?:_[^/]*)?$/.test(path);

/** Where the additions of an old patch set go, by the suffix of their name. */
const oldTargets: readonly (readonly [RegExp, (protocol: string) => string])[] = [
  [/^\.config\.in/, (protocol) => `net/${protocol}/netfilter/Config.in`],
  [/^\.configure\.help/, () => "Documentation/Configure.help"],
  [/^\.makefile/, (protocol) => `net/${protocol}/netfilter/Makefile`],
];

async function oldPatch(from: string, ports: Ports): Promise<string> {
  if ((await ports.files.stat(from))?.kind === "file") return from;
  const names = (await ports.files.list(from)).filter((name) =>
    /\.patch(?:\.ipv[46])?$/.test(name),
  );
  const [only] = names;
  if (only !== undefined && names.length === 1) return join(from, only);
  throw badInput("extract.no-patchlet", {
    what: "this is no patchlet (a directory with an info file) and no patch of an older set",
    where: from,
    next:
      names.length > 1
        ? `give one of its patches: ${names.join(", ")}`
        : "give the directory that has the info file, or the file X.patch",
  });
}

async function growOld(patch: string, growing: Growing, ports: Ports): Promise<string> {
  const name = basename(patch);
  const protocol = /\.patch\.(ipv[46])$/.exec(name)?.[1] ?? "ipv4";
  const stems = [name, name.replace(/\.patch(?:\.ipv[46])?$/, "")];
  await growing.patch(patch);
  for (const file of await ports.files.list(dirname(patch))) {
    const stem = stems.find((one) => file.startsWith(`${one}.`));
    const rest = stem === undefined ? "" : file.slice(stem.length);
    const target = oldTargets.find(([suffix]) => suffix.test(rest))?.[1](protocol);
    if (target === undefined) continue;
    const addition = splitLines(
      (await ports.files.readBytes(join(dirname(patch), file))).toString("latin1"),
    );
    await growing.add(target, addition, join(dirname(patch), file));
  }
  const help = await ports.files.readBytes(`${patch}.help`).catch(() => undefined);
  return help?.toString("latin1").trim() ?? stems[1] ?? name;
}

const inTheWay = (path: string, tree: string): Error =>
  failure("extract.already-there", {
    what: `the tree has ${path} already`,
    where: tree,
    next: "give a tree without this patch set",
  });

const noTarget = (path: string, source: string): Error =>
  failure("extract.no-place", {
    what: `the tree has no file ${path}`,
    where: source,
    next: "the patch set is for another kernel line: give the tree it was made for",
  });

const noVariant = (
  from: string,
  version: KernelVersion,
  variants: readonly Variant[],
  requires: readonly string[],
): Error =>
  failure("extract.no-variant", {
    what: `the patchlet has nothing for Linux ${version.text}`,
    where: from,
    next: `it has ${variants.map(({ name }) => name).join(", ") || "no files for the kernel"}${requires.length > 0 ? `, and requires ${requires.join(", ")}` : ""}`,
  });

async function doesNotFit(
  source: string,
  tree: string,
  refusals: Parameters<typeof describeRefusals>[0],
): Promise<Error> {
  return failure("extract.refused", {
    what: "the patch of this set does not fit the tree",
    where: `${source}, on ${tree}`,
    next: "give the tree it was made for, then bring the result to yours with tarpit-kit patch",
    evidence: await describeRefusals(refusals),
    data: { refusals: await forMachines(refusals) },
  });
}

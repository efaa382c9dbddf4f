import { basename, dirname, join } from "node:path";
import { badInput, failure } from "../../core/errors.ts";
import {
  addObject,
  addSource,
  firstSymbol,
  readModuleMakefile,
} from "../../core/extract/module.ts";
import { type Entry, safePath, splitLines } from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import { fileOf, filesBelow, linesOf, readEntry, requireDirectory } from "./files.ts";
import type { Extracted, ExtractRequest } from "./types.ts";

type ModuleRequest = Extract<ExtractRequest, { kind: "module" }>;

/** An out-of-tree module, with the text of its symbol, as a directory of the tree. */
export async function extractModule(request: ModuleRequest, ports: Ports): Promise<Extracted> {
  const tree = await requireDirectory(request.tree, "the tree", ports);
  const from = await requireDirectory(request.from, "the module", ports);
  const kconfigPath = request.kconfig ?? join(from, "Kconfig");
  const kconfig = await readRequired(
    kconfigPath,
    "--kconfig FILE names the module's Kconfig text",
    ports,
  );
  const symbol = firstSymbol(kconfig, kconfigPath);
  const makefilePath = join(
    from,
    (await ports.files.stat(join(from, "Kbuild"))) ? "Kbuild" : "Makefile",
  );
  const makefile = readModuleMakefile(
    await readRequired(makefilePath, "a module's directory has a Makefile with obj-m", ports),
    symbol,
    makefilePath,
  );
  const into = placeOf(request, from);
  const after = new Map<string, Entry>([
    [`${into}/Kconfig`, fileOf(splitLines(kconfig.endsWith("\n") ? kconfig : `${kconfig}\n`))],
    [`${into}/Makefile`, fileOf(makefile.lines)],
  ]);
  const sources = (await filesBelow(from, ports)).filter(
    (path) => /\.[chS]$/.test(path) && !path.endsWith(".mod.c"),
  );
  for (const path of sources) after.set(`${into}/${path}`, await readEntry(from, path, ports));
  const before = new Map<string, Entry>();
  for (const path of after.keys()) {
    before.set(path, await readEntry(tree, path, ports));
    if (before.get(path)?.kind !== "absent") throw inTheWay(path, tree);
  }
  await hook({ tree, into, symbol }, before, after, ports);
  return {
    description: `${basename(from)}: an out-of-tree module as a part of the tree\n\nCONFIG_${symbol} builds ${makefile.modules.join(", ")} in ${into}.`,
    before,
    after,
  };
}

function placeOf({ into }: ModuleRequest, from: string): string {
  const wanted = into ?? `drivers/misc/${basename(from)}`;
  const path = safePath(wanted);
  if (path !== undefined && path.includes("/")) return path;
  throw badInput("extract.into", {
    what: `this is no place for a module in the tree: ${wanted}`,
    where: "--into",
    next: "give a new directory below one that has a Kconfig and a Makefile, for example net/netfilter/mine",
  });
}

/** The Kconfig and Makefile above know the new directory. */
async function hook(
  { tree, into, symbol }: { tree: string; into: string; symbol: string },
  before: Map<string, Entry>,
  after: Map<string, Entry>,
  ports: Ports,
): Promise<void> {
  const above = dirname(into);
  const change = async (name: string, edit: (lines: readonly string[]) => string[]) => {
    const path = `${above}/${name}`;
    const entry = await readEntry(tree, path, ports);
    if (entry.kind !== "file") throw noPlace(path, tree);
    before.set(path, entry);
    after.set(path, fileOf(edit(linesOf(entry)), entry.mode));
  };
  await change("Kconfig", (lines) => addSource(lines, `${into}/Kconfig`));
  await change("Makefile", (lines) => addObject(lines, symbol, basename(into)));
}

const readRequired = async (path: string, next: string, ports: Ports): Promise<string> =>
  (
    await ports.files.readBytes(path).catch(() => {
      throw badInput("extract.unreadable", { what: "this file cannot be read", where: path, next });
    })
  ).toString("latin1");

const inTheWay = (path: string, tree: string): Error =>
  failure("extract.already-there", {
    what: `the tree has ${path} already`,
    where: tree,
    next: "give another directory with --into",
  });

const noPlace = (path: string, tree: string): Error =>
  failure("extract.no-place", {
    what: `the tree has no ${path}`,
    where: tree,
    next: "give --into a new directory below one that has a Kconfig and a Makefile",
  });

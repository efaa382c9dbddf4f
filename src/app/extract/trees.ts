import { join } from "node:path";
import { badInput } from "../../core/errors.ts";
import type { Entry } from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import { eachAtOnce } from "../patch/parallel.ts";
import { filesBelow, readEntry, requireDirectory } from "./files.ts";
import type { Extracted, ExtractRequest } from "./types.ts";

/** Two trees, or some files of them. Files of equal size are read; nothing else is assumed. */
export async function extractTrees(
  request: Extract<ExtractRequest, { kind: "trees" }>,
  ports: Ports,
): Promise<Extracted> {
  const old = await requireDirectory(request.old, "the old tree", ports);
  const fresh = await requireDirectory(request.tree, "the new tree", ports);
  const paths =
    request.files.length > 0
      ? request.files
      : [...new Set([...(await filesBelow(old, ports)), ...(await filesBelow(fresh, ports))])];
  const before = new Map<string, Entry>();
  const after = new Map<string, Entry>();
  await eachAtOnce(paths.toSorted(), async (path) => {
    if (request.files.length === 0 && (await sameBytes(old, fresh, path, ports))) return;
    before.set(path, await readEntry(old, path, ports));
    after.set(path, await readEntry(fresh, path, ports));
    if (before.get(path)?.kind === "absent" && after.get(path)?.kind === "absent")
      throw noSuchFile(path, request.tree);
  });
  return { description: "", before, after };
}

async function sameBytes(a: string, b: string, path: string, ports: Ports): Promise<boolean> {
  const [one, two] = [await ports.files.stat(join(a, path)), await ports.files.stat(join(b, path))];
  if (one?.kind !== "file" || two?.kind !== "file") return false;
  if (one.id === two.id) return true;
  if (one.size !== two.size || one.mode !== two.mode) return false;
  return (await ports.files.readBytes(join(a, path))).equals(
    await ports.files.readBytes(join(b, path)),
  );
}

const noSuchFile = (path: string, tree: string): Error =>
  badInput("extract.no-file", {
    what: `neither tree has ${path}`,
    where: tree,
    next: "give names relative to the trees",
  });

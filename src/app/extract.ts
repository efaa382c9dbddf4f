import { failure } from "../core/errors.ts";
import {
  compareEntries,
  type Entry,
  formatPatch,
  parsePatch,
  type Patch,
  planSeries,
  reversed,
} from "../core/patch/index.ts";
import type { Ports } from "../ports.ts";
import { extractModule } from "./extract/module.ts";
import { extractPom } from "./extract/pom.ts";
import { extractTrees } from "./extract/trees.ts";
import type { Extracted, ExtractRequest, ExtractResult } from "./extract/types.ts";

export type { ExtractRequest, ExtractResult } from "./extract/types.ts";

/** A plain unified diff (-p1) with its description, from what a patch set, two trees or a module say. */
export async function extract(request: ExtractRequest, ports: Ports): Promise<ExtractResult> {
  const found =
    request.kind === "pom"
      ? await extractPom(request, ports)
      : request.kind === "trees"
        ? await extractTrees(request, ports)
        : await extractModule(request, ports);
  const diffs = [...found.after]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([path, after]) => {
      const name = Buffer.from(path, "utf8").toString("latin1");
      return compareEntries(name, found.before.get(path) ?? { kind: "absent" }, after) ?? [];
    });
  if (diffs.length === 0) throw nothing(request);
  const text = formatPatch(diffs);
  prove(text, found);
  const prose = found.description
    .split(/\r?\n/)
    // Nothing in the prose may be read as the start of a diff.
    .map((line) => (/^(?:---|\+\+\+|@@|diff |Index:)/.test(line) ? ` ${line}` : line).trimEnd())
    .join("\n");
  return {
    files: [...found.after.keys()].toSorted(),
    patch: prose === "" ? text : `${prose}\n---\n${text}`,
  };
}

/** What is printed applies without fuzz and comes out again, or it is not printed. */
function prove(text: string, { before, after }: Extracted): void {
  const patch: Patch = {
    name: "extracted",
    strip: 1,
    reverse: false,
    sha256: "",
    diffs: parsePatch(text, "extracted"),
  };
  const there = planSeries([patch], before, 0);
  const back = planSeries(reversed([patch]), after, 0);
  const same = [...there.changes].every(([path, change]) => equal(change.after, after.get(path)));
  if (there.refusals.length + back.refusals.length > 0 || !same)
    throw new Error(`the extracted patch does not apply: ${JSON.stringify(there.refusals)}`);
}

const equal = (a: Entry, b: Entry | undefined): boolean =>
  a.kind === b?.kind &&
  (a.kind !== "file" || b?.kind !== "file" || a.lines.join("") === b.lines.join(""));

const nothing = (request: ExtractRequest): Error =>
  failure("extract.nothing", {
    what: "nothing differs, so there is no patch to make",
    where: request.tree,
    next:
      request.kind === "trees"
        ? "give the old tree after --trees, then the new one"
        : "give a tree without this patch set",
  });

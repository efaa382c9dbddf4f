import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTwoFilesPatch } from "diff";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Entry,
  parsePatch,
  type Patch,
  planSeries,
  reversed,
  splitLines,
  toBytes,
} from "../../src/core/patch/index.ts";

/** The oracles: real GNU patch and real git. A failing seed is printed by fast-check. */
const runs = Number(process.env["TARPIT_KIT_CASES"] ?? 300);
let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "kit-oracle-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Few different lines, so that hunks fit in more than one place; any byte, so that encodings matter. */
const line = fc.constantFrom(
  "a",
  "b",
  "c",
  "",
  "}",
  "\tx",
  "caf\u00e9\u00ff",
  "d\r",
  "-- ",
  "@@ -1 +1 @@",
);
const text = fc
  .tuple(fc.array(line, { maxLength: 14 }), fc.boolean())
  .map(([lines, newline]) => lines.join("\n") + (newline && lines.length > 0 ? "\n" : ""));

/** Edits of a text: lines inserted, removed or replaced at random places. */
const edits = fc.array(fc.tuple(fc.nat(20), fc.nat(2), fc.array(line, { maxLength: 2 })), {
  maxLength: 4,
});
function edit(base: string, changes: readonly (readonly [number, number, string[]])[]): string {
  const lines = splitLines(base);
  for (const [at, count, fresh] of changes) {
    lines.splice(Math.min(at, lines.length), count, ...fresh.map((one) => `${one}\n`));
  }
  return lines.join("").replaceAll(/([^\n])$/g, "$1");
}

const patchOf = (diff: string, strip = 1): Patch => ({
  name: "p",
  strip,
  reverse: false,
  sha256: "",
  diffs: parsePatch(diff, "p"),
});

type Outcome = { readonly bytes: string | undefined } | "refused";

function ours(diff: string, before: string | undefined, fuzz: number, reverse = false): Outcome {
  const entries = new Map<string, Entry>();
  if (before !== undefined)
    entries.set("f", { kind: "file", lines: splitLines(before), mode: 0o644 });
  const patches = [patchOf(diff)];
  const plan = planSeries(reverse ? reversed(patches) : patches, entries, fuzz);
  if (plan.refusals.length > 0) return "refused";
  const after = plan.changes.get("f")?.after;
  if (after === undefined) return { bytes: before };
  return { bytes: after.kind === "file" ? toBytes(after).toString("latin1") : undefined };
}

function theirs(
  program: string,
  args: readonly string[],
  diff: string,
  before: string | undefined,
): Outcome {
  const tree = join(dir, "tree");
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree);
  if (before !== undefined) writeFileSync(join(tree, "f"), before, "latin1");
  const result = spawnSync(program, args, {
    cwd: tree,
    input: Buffer.from(diff, "latin1"),
    encoding: "latin1",
  });
  expect(result.error).toBeUndefined();
  if (result.status !== 0) return "refused";
  return {
    bytes: existsSync(join(tree, "f")) ? readFileSync(join(tree, "f"), "latin1") : undefined,
  };
}

/** -f: never ask, never guess that a patch is reversed. */
const gnu = (diff: string, before: string | undefined, fuzz: number, reverse = false): Outcome =>
  theirs(
    "patch",
    [
      "-p1",
      "--binary",
      "-f",
      "-s",
      "--no-backup-if-mismatch",
      "-r",
      "-",
      `-F${fuzz}`,
      ...(reverse ? ["-R"] : []),
    ],
    diff,
    before,
  );

const git = (diff: string, before: string | undefined): Outcome =>
  theirs("git", ["apply", "-p1", "--whitespace=nowarn"], diff, before);

/** jsdiff's idea of the difference; GNU diff's is used in the same way below. */
function diffOf(context: number, before: string, after: string): string {
  const made = createTwoFilesPatch("a/f", "b/f", before, after, "", "", { context });
  return made.replace(/^=+\n/, "");
}
function gnuDiffOf(context: number, before: string, after: string): string {
  writeFileSync(join(dir, "old"), before, "latin1");
  writeFileSync(join(dir, "new"), after, "latin1");
  return spawnSync(
    "diff",
    [`-U${context}`, "--label", "a/f", "--label", "b/f", "-a", "old", "new"],
    { cwd: dir, encoding: "latin1" },
  ).stdout;
}

/** The one place where GNU patch glues two lines together: see docs/adr/0002-patch-engine.md. */
function wouldGlue(diff: string, before: string, fuzz: number, reverse: boolean): boolean {
  const patches = [patchOf(diff)];
  const entries = new Map<string, Entry>([
    ["f", { kind: "file", lines: splitLines(before), mode: 0o644 }],
  ]);
  const { refusals } = planSeries(reverse ? reversed(patches) : patches, entries, fuzz);
  return refusals.length > 0 && refusals.every(({ reason }) => reason === "no-newline");
}

describe("hunks", () => {
  it("go where GNU patch puts them, with every fuzz, or are refused as there", () => {
    const seen = { applied: 0, refused: 0 };
    fc.assert(
      fc.property(
        text,
        edits,
        edits,
        fc.nat(3),
        fc.nat(3),
        fc.boolean(),
        fc.boolean(),
        (base, change, drift, context, fuzz, back, js) => {
          const after = edit(base, change);
          fc.pre(after !== base && base !== "" && after !== "");
          const diff = js ? diffOf(context, base, after) : gnuDiffOf(context, base, after);
          const tree = edit(back ? after : base, drift);
          fc.pre(tree !== "" && !wouldGlue(diff, tree, fuzz, back));
          const result = ours(diff, tree, fuzz, back);
          seen[result === "refused" ? "refused" : "applied"] += 1;
          expect(result).toEqual(gnu(diff, tree, fuzz, back));
        },
      ),
      { numRuns: runs },
    );
    // Both outcomes must be common, or the property says little.
    expect(Math.min(seen.applied, seen.refused)).toBeGreaterThan(runs / 10);
  });
});

const empty = "/dev/null";

describe("a diff on the very text it was made from", () => {
  it("gives the text it was made for: here, with GNU patch and with git; created and deleted files too", () => {
    fc.assert(
      fc.property(text, text, fc.integer({ min: 1, max: 4 }), (before, after, context) => {
        fc.pre(before !== after);
        const was = before === "" ? undefined : before;
        const will = after === "" ? undefined : after;
        const diff = gnuDiffOf(context, before, after)
          .replace("--- a/f", was === undefined ? `--- ${empty}` : "--- a/f")
          .replace("+++ b/f", will === undefined ? `+++ ${empty}` : "+++ b/f");
        expect(ours(diff, was, 0)).toEqual({ bytes: will });
        expect(gnu(diff, was, 0)).toEqual({ bytes: will });
        expect(git(diff, was)).toEqual({ bytes: will });
        expect(ours(diff, will, 0, true)).toEqual({ bytes: was });
      }),
      { numRuns: runs },
    );
  });
});

describe("a plan", () => {
  it("is the same when made again, and its undoing gives back every byte", () => {
    fc.assert(
      fc.property(text, edits, edits, fc.nat(3), (base, change, drift, context) => {
        const after = edit(base, change);
        fc.pre(after !== base && base !== "" && after !== "");
        const diff = diffOf(context, base, after);
        const tree = edit(base, drift);
        fc.pre(tree !== "");
        const result = ours(diff, tree, 0);
        expect(ours(diff, tree, 0)).toEqual(result);
        if (result === "refused" || tree !== base) return;
        expect(ours(diff, result.bytes, 0, true)).toEqual({ bytes: tree });
      }),
      { numRuns: runs * 5 },
    );
  });
  it("never fails otherwise than by refusing, whatever the patch is", () => {
    const fragment = fc.constantFrom(
      "--- a/f\n",
      "+++ b/f\n",
      "@@ -1 +1 @@\n",
      "@@ -1,2 +1,3 @@\n",
      "@@ -0,0 +1 @@\n",
      "-a\n",
      "+b\n",
      " a\n",
      "\\ No newline at end of file\n",
      "diff --git a/f b/f\n",
      "new file mode 100644\n",
      "deleted file mode 100644\n",
      "rename from f\n",
      "rename to g\n",
      "GIT binary patch\n",
      "+++ ../f\n",
      "--- /dev/null\n",
      "\n",
      "-- \n",
    );
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 12 }), text, (parts, tree) => {
        try {
          ours(parts.join(""), tree, 2);
        } catch (error) {
          expect(error).toMatchObject({ exit: 2, code: "patch.malformed" });
        }
      }),
      { numRuns: runs * 20 },
    );
  });
});

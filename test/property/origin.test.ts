import { createTwoFilesPatch } from "diff";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Entry,
  originsIn,
  parsePatch,
  type Patch,
  planSeries,
  splitLines,
} from "../../src/core/patch/index.ts";

const entry = (lines: readonly string[]): Entry => ({ kind: "file", lines, mode: 0o644 });

/** One edit: at which line, how many go, how many new ones come. */
const edits = fc.array(fc.tuple(fc.nat(60), fc.nat(3), fc.integer({ min: 0, max: 3 })), {
  minLength: 1,
  maxLength: 5,
});

/** The text after the edits; every line that comes has a text that no other has. */
function edit(lines: readonly string[], changes: readonly [number, number, number][], tag: string) {
  const after = [...lines];
  for (const [count, [at, gone, come]] of changes.entries()) {
    const fresh = Array.from({ length: come }, (_, n) => `${tag} ${count}.${n}\n`);
    after.splice(Math.min(at, after.length), gone, ...fresh);
  }
  return after;
}

const made = (name: string, text: string): Patch => ({
  name,
  strip: 1,
  reverse: false,
  sha256: "",
  diffs: parsePatch(text, name),
});

describe("where a line of a patched file is from", () => {
  test("every added line is found in its patch, whatever moved it; the kernel's own lines are nobody's addition", () => {
    fc.assert(
      fc.property(edits, edits, fc.nat(5), fc.boolean(), (first, second, shift, reverse) => {
        const base = Array.from({ length: 40 }, (_, n) => `kernel ${n}\n`);
        const one = edit(base, first, "first");
        const two = edit(one, second, "second");
        const texts = new Map<string, string>();
        const diff = (name: string, before: string[], after: string[], back = false): Patch => {
          const [a, b] = back ? [after, before] : [before, after];
          const text = createTwoFilesPatch("a/f", "b/f", a.join(""), b.join(""), "", "");
          texts.set(name, text);
          return { ...made(name, text), reverse: back };
        };
        const patches = [diff("one", base, one, reverse), diff("two", one, two)];
        const moved = [...Array.from({ length: shift }, (_, n) => `before ${n}\n`), ...base];
        const plan = planSeries(patches, new Map([["f", entry(moved)]]), 0);
        fc.pre(plan.refusals.length === 0);
        const after = plan.changes.get("f")?.after ?? entry(moved);
        const lines = after.kind === "file" ? after.lines : [];
        const originOf = originsIn(patches, new Map([["f", after]]));
        for (const [at, line] of lines.entries()) {
          const origin = originOf("f", at + 1);
          const patch = line.startsWith("first")
            ? "one"
            : line.startsWith("second")
              ? "two"
              : undefined;
          if (patch === undefined) expect(origin?.added ?? false).toBe(false);
          else expect(origin).toMatchObject({ patch, added: true });
          if (!origin) continue;
          const there = splitLines(texts.get(origin.patch) ?? "")[origin.line - 1];
          expect(there?.slice(1)).toBe(line);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a file that was changed since has no origins", () => {
    const base = ["a\n", "b\n"];
    const patch = made("p", createTwoFilesPatch("a/f", "b/f", "a\nb\n", "a\nx\nb\n", "", ""));
    expect(originsIn([patch], new Map([["f", entry(["a\n", "x\n", "b\n"])]]))("f", 2)).toEqual({
      patch: "p",
      hunk: 1,
      line:
        splitLines(createTwoFilesPatch("a/f", "b/f", "a\nb\n", "a\nx\nb\n", "", "")).indexOf(
          "+x\n",
        ) + 1,
      added: true,
    });
    expect(originsIn([patch], new Map([["f", entry([...base, "q\n"])]]))("f", 2)).toBeUndefined();
  });
});

import { createTwoFilesPatch } from "diff";
import * as fc from "fast-check";
import {
  type Entry,
  parsePatch,
  type Patch,
  planSeries,
  type RefusalReason,
  reversed,
  splitLines,
  touchedPaths,
} from "../../src/core/patch/index.ts";

/** A file of a generated tree: text in latin1 (any byte), and whether its x bits are set. */
export interface TreeFile {
  readonly text: string;
  readonly x: boolean;
}
export type Tree = Readonly<Record<string, TreeFile>>;

/** One thing to try on both sides. */
export interface Case {
  readonly oracle: "gnu" | "git" | "quilt";
  readonly tree: Tree;
  /** One patch, or (quilt) a series. */
  readonly patches: readonly string[];
  readonly strip: number;
  readonly fuzz: number;
  readonly reverse: boolean;
}

export type Outcome = Tree | "refused";

/**
 * Where we are stricter than the oracles on purpose; docs/patch.md says why. A case that we
 * refuse for one of these alone proves nothing.
 */
const stricter: ReadonlySet<RefusalReason> = new Set(["exists", "no-newline"]);

/** What our engine makes of a case; undefined where it is stricter on purpose. */
export function ours({ tree, patches, strip, fuzz, reverse }: Case): Outcome | undefined {
  const series = patches.map((text, index): Patch => {
    const name = `p${index}`;
    return { name, strip, reverse: false, sha256: "", diffs: parsePatch(text, name) };
  });
  const entries = new Map<string, Entry>();
  for (const [path, { text, x }] of Object.entries(tree))
    entries.set(path, { kind: "file", lines: splitLines(text), mode: x ? 0o755 : 0o644 });
  for (const path of [...Object.keys(tree), ...touchedPaths(series)]) {
    const parts = path.split("/").slice(0, -1);
    for (const [index] of parts.entries()) {
      const above = parts.slice(0, index + 1).join("/");
      if (Object.keys(tree).some((one) => one.startsWith(`${above}/`)))
        entries.set(above, { kind: "directory" });
    }
  }
  const plan = planSeries(reverse ? reversed(series) : series, entries, fuzz);
  if (plan.refusals.length > 0)
    return plan.refusals.every(({ reason }) => stricter.has(reason)) ? undefined : "refused";
  const after: Record<string, TreeFile> = { ...tree };
  for (const [path, { after: entry }] of plan.changes) {
    if (entry.kind === "file")
      after[path] = { text: entry.lines.join(""), x: ((entry.mode ?? 0) & 0o100) !== 0 };
    else delete after[path];
  }
  return after;
}

/** Few different lines, so that hunks fit in more than one place; any byte, so that encodings matter. */
const line = fc.constantFrom(
  ...["a", "b", "c", "", "}", "\tx", "caf\u00e9\u00ff", "d\r", "-- ", "@@ -1 +1 @@", "--- a/x"],
);
const text = fc
  .tuple(fc.array(line, { maxLength: 14 }), fc.boolean())
  .map(([lines, newline]) => lines.join("\n") + (newline && lines.length > 0 ? "\n" : ""));
type Edits = readonly (readonly [number, number, string[]])[];
const edits = fc.array(fc.tuple(fc.nat(20), fc.nat(2), fc.array(line, { maxLength: 2 })), {
  maxLength: 4,
});
function edit(base: string, changes: Edits): string {
  const lines = splitLines(base);
  for (const [at, count, fresh] of changes)
    lines.splice(Math.min(at, lines.length), count, ...fresh.map((one) => `${one}\n`));
  return lines.join("");
}

/** The hunks of a change, without names: jsdiff finds the difference, not our own code. */
const hunksOf = (before: string, after: string, context: number): string =>
  createTwoFilesPatch("a", "b", before, after, "", "", { context }).replace(/^[^@]*/, "");

const plain = (text: string): TreeFile => ({ text, x: false });

/** One file, drifted; the hunks go where GNU patch puts them, or nowhere. */
export const hunkCases: fc.Arbitrary<Case> = fc
  .tuple(text, edits, edits, fc.nat(4), fc.nat(3), fc.boolean())
  .map(([base, change, drift, context, fuzz, reverse]) => {
    const after = edit(base, change);
    const tree = edit(reverse ? after : base, drift);
    const patches = [`--- a/f\n+++ b/f\n${hunksOf(base, after, context)}`];
    return {
      use: after !== base && base !== "" && after !== "" && tree !== "",
      value: { oracle: "gnu", tree: { f: plain(tree) }, patches, strip: 1, fuzz, reverse } as Case,
    };
  })
  .filter(({ use }) => use)
  .map(({ value }) => value);

const epoch = "1970-01-01 00:00:00.000000000 +0000";
const stamp = "2024-02-03 04:05:06.789012345 +0100";
const signature = "-- \n2.39.5\n";

/** How the two names of a plain diff are written. */
const styles: readonly ((before: string, after: string, old: boolean, fresh: boolean) => string)[] =
  [
    (a, b, old, fresh) => `--- ${old ? a : "/dev/null"}\n+++ ${fresh ? b : "/dev/null"}\n`,
    (a, b, old, fresh) => `--- ${a}\t${old ? stamp : epoch}\n+++ ${b}\t${fresh ? stamp : epoch}\n`,
    (a, b, old, fresh) =>
      `diff -urN ${a} ${b}\n--- ${a}\t${old ? stamp : epoch}\n+++ ${b}\t${fresh ? stamp : epoch}\n`,
    (a, b, old, fresh) =>
      `Index: ${b}\n===\n--- ${old ? a : "/dev/null"}\n+++ ${fresh ? b : "/dev/null"}\n`,
  ];

const paths = ["f", "g", "sub/h", "sub/deep/i", "with space", "caf\u00c3\u00a9"];
const maybe = fc.option(text, { nil: undefined });

/** Several files, made, changed and removed, one perhaps twice; -p0 to -p3, dates, prose, a signature. */
export const patchCases: fc.Arbitrary<Case> = fc
  .record({
    files: fc.uniqueArray(
      fc.record({
        path: fc.constantFrom(...paths),
        base: maybe,
        change: edits,
        gone: fc.nat(5),
        drift: edits,
        drifts: fc.nat(3),
      }),
      { minLength: 1, maxLength: 3, selector: (one) => one.path },
    ),
    style: fc.constantFrom(...styles),
    strip: fc.nat(3),
    context: fc.integer({ min: 1, max: 4 }),
    fuzz: fc.nat(3),
    reverse: fc.boolean(),
    prose: fc.boolean(),
    again: fc.boolean(),
  })
  .map(({ files, style, strip, context, fuzz, reverse, prose, again }) => {
    const parts: string[] = prose ? ["From: someone\n\nWhat it does.\n---\n f | 2 +-\n\n"] : [];
    const tree: Record<string, TreeFile> = {};
    const [x, y] = [
      ["", ""],
      ["a/", "b/"],
      ["x/a/", "x/b/"],
      ["p/q/a/", "p/q/b/"],
    ][strip] as [string, string];
    for (const { path, base, change, gone, drift, drifts } of files) {
      const before = base === "" ? undefined : base;
      const edited = before !== undefined && gone === 0 ? "" : edit(before ?? "", change);
      const after = edited === "" ? undefined : edited;
      // A name with a space ends at a tab only.
      const pick = path.includes(" ") ? (styles[1] as (typeof styles)[0]) : style;
      const add = (from: string | undefined, to: string | undefined): void => {
        if (from !== to)
          parts.push(
            pick(x + path, y + path, from !== undefined, to !== undefined) +
              hunksOf(from ?? "", to ?? "", context),
          );
      };
      add(before, after);
      let end = after;
      if (again && !reverse && after !== undefined) {
        end = `${after.replace(/([^\n])$/, "$1\n")}last\n`;
        add(after, end);
      }
      const start = reverse ? end : before;
      if (start !== undefined) tree[path] = plain(drifts === 0 ? edit(start, drift) : start);
    }
    if (prose) parts.push(signature);
    const value: Case = { oracle: "gnu", tree, patches: [parts.join("")], strip, fuzz, reverse };
    const proses = prose ? 2 : 0;
    return {
      use: parts.length > proses && Object.values(tree).every((one) => one.text !== ""),
      value,
    };
  })
  .filter(({ use }) => use)
  .map(({ value }) => value);

/** No line twice: a hunk fits in one place at most, so that what decides is the headers, not the search. */
const unique = (name: string, count: number): string =>
  Array.from({ length: count }, (_, index) => `${name} ${index}\n`).join("");
const gitPaths = [
  "f",
  "dir/g",
  "dir/sub/h",
  "with space",
  "tab\there",
  "caf\u00c3\u00a9",
  'quo"te',
];
const quoted = (name: string): string =>
  /[\t"\\\u0080-\u00ff]/.test(name)
    ? `"${name.replaceAll(/[\t"\\\u0080-\u00ff]/g, (char) => (char === "\t" ? String.raw`\t` : char < " " || char > "~" ? `\\${char.charCodeAt(0).toString(8)}` : `\\${char}`))}"`
    : name;
const mode = (x: boolean): string => (x ? "100755" : "100644");
const tabbed = (name: string): string => (name.includes(" ") ? `${name}\t` : name);

interface GitEdit {
  readonly kind: "modify" | "create" | "delete" | "rename" | "copy" | "mode";
  readonly path: string;
  readonly to: string;
  readonly lines: number;
  readonly at: number;
  readonly x: boolean;
  readonly flip: boolean;
  readonly tail: boolean;
}

/** The diff of one file as git writes it, and what the tree must have for it. */
function gitDiff(one: GitEdit): { text: string; tree: Record<string, TreeFile> } {
  const { kind, path, to, lines, at, x, flip, tail } = one;
  const all = splitLines(unique(path, lines));
  const old = all.join("").slice(0, tail ? -1 : undefined);
  const pure = kind === "rename" || kind === "copy" ? at % 3 === 0 : kind === "mode";
  const changed = pure ? old : all.toSpliced(Math.min(at, lines), at % 2, `new ${path}\n`).join("");
  const target = kind === "rename" || kind === "copy" ? to : path;
  const out = [`diff --git ${quoted(`a/${path}`)} ${quoted(`b/${target}`)}\n`];
  const before = kind === "create" ? "" : old;
  const after = kind === "delete" ? "" : changed;
  if (kind === "create") out.push(`new file mode ${mode(x)}\n`);
  else if (kind === "delete") out.push(`deleted file mode ${mode(x)}\n`);
  else if (flip || kind === "mode") out.push(`old mode ${mode(x)}\nnew mode ${mode(!x)}\n`);
  if (kind === "rename" || kind === "copy")
    out.push(`similarity index 90%\n${kind} from ${quoted(path)}\n${kind} to ${quoted(to)}\n`);
  if (before !== after) {
    const name = (side: string, at: string, none: boolean): string =>
      none ? "/dev/null" : tabbed(quoted(`${side}/${at}`));
    out.push(
      `index 1234567..89abcde\n--- ${name("a", path, kind === "create")}\n+++ ${name("b", target, kind === "delete")}\n`,
    );
    out.push(hunksOf(before, after, 3));
  }
  const needs = kind === "create" ? {} : { [path]: { text: old, x } };
  return { text: out.join(""), tree: needs };
}

/** git's extended headers: rename, copy, mode, create, delete; on the tree they are for, or one that lacks or has too much. */
export const gitCases: fc.Arbitrary<Case> = fc
  .record({
    edits: fc.uniqueArray(
      fc.record({
        kind: fc.constantFrom("modify", "create", "delete", "rename", "copy", "mode"),
        path: fc.constantFrom(...gitPaths),
        to: fc.constantFrom(...gitPaths.map((path) => `moved/${path}`)),
        lines: fc.integer({ min: 1, max: 16 }),
        at: fc.nat(16),
        x: fc.boolean(),
        flip: fc.boolean(),
        tail: fc.boolean(),
      }),
      { minLength: 1, maxLength: 4, selector: (one) => one.path },
    ),
    trouble: fc.constantFrom("none", "none", "missing", "line", "extra", "target"),
    prose: fc.boolean(),
  })
  .map(({ edits, trouble, prose }) => {
    const made = edits.map((one) => gitDiff(one as GitEdit));
    const tree: Record<string, TreeFile> = Object.assign(
      { bystander: plain("b\n") },
      ...made.map((one) => one.tree),
    );
    const first = edits[0] as GitEdit;
    const there = tree[first.path];
    if (trouble === "missing") delete tree[first.path];
    if (trouble === "line" && there)
      tree[first.path] = {
        ...there,
        text: there.text.replace(`${first.path} ${first.lines >> 1}\n`, "other\n"),
      };
    if (trouble === "extra") tree[first.path] ??= plain("in the way\n");
    if (trouble === "target") tree[first.to] = plain("in the way\n");
    const text = made.map((one) => one.text).join("");
    const patches = [prose ? `Subject: x\n\nProse.\n---\n${text}${signature}` : text];
    // Two that go to one name: git and we refuse it, but so does any reader of the case.
    const targets = edits
      .filter(({ kind }) => kind === "rename" || kind === "copy")
      .map(({ to }) => to);
    const value: Case = { oracle: "git", tree, patches, strip: 1, fuzz: 0, reverse: false };
    return { use: new Set(targets).size === targets.length, value };
  })
  .filter(({ use }) => use)
  .map(({ value }) => value);

/** A series of plain patches, each on the result of the one before, on a tree that may have drifted. */
export const seriesCases: fc.Arbitrary<Case> = fc
  .record({
    base: fc.record({ f: text, g: text }),
    steps: fc.array(
      fc.record({
        path: fc.constantFrom("f", "g", "made"),
        change: edits,
        context: fc.integer({ min: 1, max: 3 }),
      }),
      { minLength: 2, maxLength: 5 },
    ),
    drift: edits,
    drifts: fc.boolean(),
    fuzz: fc.nat(2),
  })
  .map(({ base, steps, drift, drifts, fuzz }) => {
    const now: Record<string, string> = { f: `${base.f}\nf\n`, g: `${base.g}\ng\n` };
    const tree: Record<string, TreeFile> = {};
    for (const [path, text] of Object.entries(now))
      tree[path] = plain(drifts ? `${edit(text, drift)}end\n` : text);
    const patches: string[] = [];
    for (const { path, change, context } of steps) {
      const before = now[path];
      const after = edit(before ?? "", change);
      if (after === (before ?? "") || after === "") continue;
      patches.push(
        `--- ${before === undefined ? "/dev/null" : `a/${path}`}\n+++ b/${path}\n${hunksOf(before ?? "", after, context)}`,
      );
      now[path] = after;
    }
    return { oracle: "quilt", tree, patches, strip: 1, fuzz, reverse: false } as Case;
  })
  .filter(({ patches }) => patches.length > 0);

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  apply,
  format,
  parse,
  paths,
  plan,
  reverse,
  type Tree,
  type TreeFile,
} from "../../src/core/patch/library.ts";

const root = new URL("../..", import.meta.url).pathname;
const doc = readFileSync(join(root, "docs/patch.md"), "utf8");
const bytes = (text: string) => ({ bytes: Buffer.from(text, "latin1") });
const tree: Tree = new Map<string, TreeFile>([
  ["sub/f", { ...bytes("caf\u00e9\ntwo\n"), mode: 0o755 }],
  ["other", bytes("x")],
]);
const patch =
  "prose\n--- a/sub/f\n+++ b/sub/f\n@@ -1,2 +1,3 @@\n caf\u00e9\n-two\n+zwei\n+drei\n--- /dev/null\n+++ b/made\n@@ -0,0 +1 @@\n+new\n";
const series = [parse(Buffer.from(patch, "latin1"), { name: "p.patch" })];
const shown = (files: Tree) =>
  Object.fromEntries(
    [...files].map(([path, file]) => [path, Buffer.from(file.bytes).toString("latin1")]),
  );

it("parses, plans, applies, reverses and formats, and leaves what it was given alone", () => {
  expect(paths(series)).toEqual(["made", "sub/f"]);
  const planned = plan(series, tree);
  expect(planned.refusals).toEqual([]);
  const after = apply(planned, tree);
  expect(shown(after)).toEqual({ "sub/f": "caf\u00e9\nzwei\ndrei\n", other: "x", made: "new\n" });
  expect(after.get("sub/f")?.mode).toBe(0o755);
  const back = reverse(series);
  expect(shown(apply(plan(back, after), after))).toEqual(shown(tree));
  const again = parse(format(back[0] as (typeof back)[0]));
  expect(shown(apply(plan([again], after), after))).toEqual(shown(tree));
  expect(Buffer.from(format(series[0] as (typeof series)[0])).toString("latin1")).toBe(
    patch.slice("prose\n".length),
  );
});

it("says why a hunk is refused, by which fuzz it would fit, and what is damaged", () => {
  const drifted = new Map(tree).set("sub/f", bytes("coffee\ntwo\n"));
  expect(plan(series, drifted)).toMatchObject({
    changes: new Map(),
    refusals: [
      {
        patch: "p.patch",
        path: "sub/f",
        reason: "no-match",
        expected: "caf\u00e9\n",
        found: "coffee\n",
      },
    ],
  });
  expect(plan(series, drifted, { fuzz: 1 }).refusals).toEqual([]);
  expect(plan(series, drifted, { onRefusal: "merge" }).unresolved.length).toBeLessThan(2);
  expect(() => parse("@@ -1 +1 @@\n-a\n+b\n")).toThrow(
    expect.objectContaining({ code: "patch.malformed" }) as Error,
  );
});

it("the example of docs/patch.md runs as it stands, by the package's own name", () => {
  const example = /```js\n([\s\S]*?)```/.exec(doc)?.[1] ?? "";
  const file = join(root, `.example-${process.pid}.mjs`);
  writeFileSync(file, example);
  try {
    const ran = spawnSync(process.execPath, [file], { cwd: root, encoding: "utf8" });
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toBe(
      "hello\ntree\n\nhello\nworld\n\n--- b/greeting\n+++ a/greeting\n@@ -1,2 +1,2 @@\n hello\n-tree\n+world\n\n",
    );
  } finally {
    rmSync(file);
  }
});

it("every difference that docs/patch.md states has the test it names", () => {
  const tests = ["unit", "property", "integration", "support", "e2e"]
    .flatMap((level) => {
      const dir = join(root, "test", level);
      return readdirSync(dir)
        .filter((name) => name.includes("patch"))
        .map((name) => readFileSync(join(dir, name), "utf8"));
    })
    .join("\n");
  const rows = [
    ...(doc.split("## All or nothing")[0] ?? "").matchAll(
      /^\| (?!we \||function|---|`)(.*) \| (.*) \| (.*) \|$/gm,
    ),
  ];
  expect(rows.length).toBeGreaterThan(12);
  for (const [, difference, , title] of rows)
    expect(tests.includes(title ?? ""), `${difference}: ${title}`).toBe(true);
});

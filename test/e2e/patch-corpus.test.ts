import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parsePatch, touchedPaths } from "../../src/core/patch/index.ts";
import { parseSeries } from "../../src/core/series.ts";
import { kitOk, scratch, tool } from "../support/cli.ts";
import { Sources, unpackSome } from "../support/debian-sources.ts";

const { dir, remove } = scratch("corpus");
afterAll(remove);
let sources: Sources;
beforeAll(() => {
  const work = join(dir, "apt");
  mkdirSync(work);
  sources = new Sources(work);
});

/** Real series, kernel and not, with the least number of patches; the first that apt gives. */
const packages = [
  { wanted: ["linux=6.1.8-1", "linux"], least: 80 },
  { wanted: ["glibc"], least: 100 },
  { wanted: ["grub2", "binutils"], least: 30 },
  { wanted: ["exim4", "perl"], least: 30 },
  { wanted: ["unzip", "unzip=6.0-28", "lynx", "cups"], least: 10 },
] as const;

/** A series and the files it is for, without those the archive lacks. */
function layOut(wanted: readonly string[]) {
  const source = sources.download(wanted);
  const { name } = source;
  const work = join(dir, name);
  mkdirSync(work);
  tool("tar", ["-xf", source.debian, "-C", work, "debian/patches"]);
  const patches = join(work, "debian/patches");
  const entries = parseSeries(readFileSync(join(patches, "series"), "utf8"), "series");
  const touched = touchedPaths(
    entries.map((entry) => ({
      ...entry,
      sha256: "",
      diffs: parsePatch(readFileSync(join(patches, entry.name), "latin1"), entry.name),
    })),
  );
  const tree = join(work, "tree");
  const files = unpackSome(source.orig, touched, tree);
  rmSync(source.orig);
  return { source, work, patches, entries, tree, files };
}

interface Result {
  readonly outcome: string;
  readonly patches: readonly { readonly name: string }[];
}
const resultOf = (json: string): Result => (JSON.parse(json) as { results: [Result] }).results[0];

describe("Debian's own series", () => {
  test.each(packages)(
    "$wanted.0: what quilt makes of it, byte for byte, and back",
    ({ wanted, least }) => {
      const { source, work, patches, entries, tree, files } = layOut(wanted);
      console.log(`${source.name} ${source.version}: ${entries.length} patches, ${files} files`);
      expect(entries.length).toBeGreaterThanOrEqual(least);
      const [ours, quilt] = ["ours", "quilt"].map((copy) => {
        const to = join(work, copy);
        cpSync(tree, to, { recursive: true, verbatimSymlinks: true });
        return to;
      }) as [string, string];
      const series = join(patches, "series");
      const result = resultOf(kitOk(["patch", "--json", "--series", series, ours]));
      expect(result.outcome).toBe("applied");
      expect(result.patches.map((one) => one.name)).toEqual(entries.map((entry) => entry.name));
      tool("quilt", ["--quiltrc", "-", "push", "-a", "-q", "--fuzz=0"], {
        cwd: quilt,
        env: { QUILT_PATCHES: patches },
      });
      const same = (a: string, b: string): string =>
        tool("diff", ["-r", "--no-dereference", "-x", ".tarpit-kit", "-x", ".pc", a, b]);
      expect(same(ours, quilt)).toBe("");
      expect(resultOf(kitOk(["patch", "--json", "--series", series, ours])).outcome).toBe(
        "already-applied",
      );
      // quilt's tree has no record of ours: the sources themselves say that the series is in it.
      rmSync(join(quilt, ".pc"), { recursive: true });
      expect(
        resultOf(kitOk(["patch", "--json", "--check", "--reverse", "--series", series, quilt]))
          .outcome,
      ).toBe("would-reverse");
      kitOk(["patch", "--reverse", "--series", series, ours]);
      expect(same(ours, tree)).toBe("");
      rmSync(work, { recursive: true });
    },
  );
});

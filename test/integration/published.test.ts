import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../support/artifacts.ts";
import { scratch } from "../support/cli.ts";

const { dir, remove } = scratch("published");
afterAll(remove);

interface Packed {
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}
interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
}
interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>;
}
interface LockEntry {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly optional?: boolean;
}

const json = <T>(path: string): T => JSON.parse(readFileSync(join(root, path), "utf8")) as T;
const manifest = json<Manifest>("package.json");
let packed: Packed;
beforeAll(() => {
  const said = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
    encoding: "utf8",
  });
  packed = (JSON.parse(said) as Packed[])[0] as Packed;
});
const paths = (): string[] => packed.files.map(({ path }) => path);

describe("npm pack", () => {
  test("the tarball is below 0.6 MB, 2 MB unpacked", () => {
    expect(packed.size).toBeLessThan(600_000);
    expect(packed.unpackedSize).toBeLessThan(2_000_000);
  });

  test("holds what the program reads and nothing else: no sources, tests, maps, nor tools of ours", () => {
    const tops = new Set(paths().map((path) => path.split("/")[0]));
    const own = ["LICENSE", "README.md", "CHANGELOG.md", "package.json"];
    const read = ["data", "patches", "kernel-configs", "extensions", "guest", "ci-templates"];
    expect([...tops].toSorted()).toEqual([...own, ...read, "dist", "docs"].toSorted());
    expect(
      paths().filter(
        (path) => /\.(map|mjs|tsbuildinfo)$|\.test\.|\.ts$/.test(path) && !path.endsWith(".d.ts"),
      ),
    ).toEqual([]);
  });

  test("every entry point is in it, with types that a strict consumer compiles against", () => {
    const entries = Object.entries(manifest.exports).filter(([name]) => name !== "./package.json");
    for (const [name, entry] of entries) {
      if (typeof entry === "string") throw new Error(`${name} has no types`);
      for (const file of Object.values(entry)) expect(paths()).toContain(file.replace("./", ""));
    }
    for (const file of Object.values(manifest.bin)) expect(paths()).toContain(file);
    const home = join(dir, "node_modules", "tarpit-kit");
    for (const path of paths()) {
      mkdirSync(dirname(join(home, path)), { recursive: true });
      cpSync(join(root, path), join(home, path));
    }
    symlinkSync(join(root, "node_modules", "@types"), join(dir, "node_modules", "@types"));
    writeFileSync(join(dir, "package.json"), '{"type":"module"}');
    const source = `import { parse, plan, type FileDiff } from "tarpit-kit/patch";
export const diffs: readonly FileDiff[] = parse("").diffs;
export const wrong: number = parse("");
void plan;
`;
    writeFileSync(join(dir, "consumer.ts"), source);
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023"];
    const args = [...options, "--types", "node", join(dir, "consumer.ts")];
    const tsc = join(root, "node_modules/.bin/tsc");
    const said = spawnSync(tsc, args, { cwd: dir, encoding: "utf8" }).stdout;
    expect(said.match(/error TS\d+/g)).toEqual(["error TS2322"]);
    expect(said).toContain("consumer.ts(3,");
  });

  test("publint has nothing to say", async () => {
    const { messages } = await publint({ pkgDir: root, pack: false, strict: true });
    const pkg = manifest as unknown as Record<string, unknown>;
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });
});

describe("package-lock.json", () => {
  const { packages } = json<Lock>("package-lock.json");
  const entries = Object.entries(packages).filter(([name]) => name !== "");

  test("no package that is installed here runs a script when it is installed", () => {
    const scripted = entries.filter(([, entry]) => entry.hasInstallScript === true);
    // fsevents: macOS only, optional, and its script compiles nothing from the network.
    expect(
      scripted.map(([name]) => name).filter((name) => name !== "node_modules/fsevents"),
    ).toEqual([]);
    for (const [, entry] of scripted) expect(entry.optional).toBe(true);
  });

  test("every package is pinned by a hash, and none comes from elsewhere than a registry over https", () => {
    for (const [name, { resolved, integrity }] of entries) {
      expect(integrity, name).toMatch(/^sha512-/);
      expect(resolved ?? "https://", name).toMatch(/^https:\/\//);
    }
  });
});

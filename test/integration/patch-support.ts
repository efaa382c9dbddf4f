import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createFiles } from "../../src/infra/files.ts";
import { patchTree, type PatchRequest, type PatchResult } from "../../src/app/patch.ts";
import type { Files, Ports } from "../../src/ports.ts";
import { fakePorts, MemoryLog } from "../support/ports.ts";

/** In memory where there is such a place: thousands of synced writes would wait for a disk. */
export const makeDirectory = (): string =>
  mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "kit-patch-"));

/** Writes files given as path -> latin1 text. */
export function layOut(directory: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text, "latin1");
  }
  return directory;
}

/** Every name below a directory with its kind, mode and bytes: two trees are equal when these are. */
export function fingerprint(
  directory: string,
  skip: (path: string) => boolean = () => false,
): string[] {
  const found: string[] = [];
  const walk = (path: string): void => {
    for (const name of readdirSync(join(directory, path)).toSorted()) {
      const below = path === "" ? name : `${path}/${name}`;
      if (skip(below)) continue;
      const info = lstatSync(join(directory, below));
      const bytes = info.isFile()
        ? createHash("sha256")
            .update(readFileSync(join(directory, below)))
            .digest("hex")
        : "";
      found.push(
        `${below} ${(info.mode & 0o7777).toString(8)} ${info.isDirectory() ? "dir" : bytes}`,
      );
      if (info.isDirectory()) walk(below);
    }
  };
  walk("");
  return found;
}

export const notOurs = (path: string): boolean => path.startsWith(".tarpit-kit");

/** Real files, nothing else of the world. `patches/` of `root` is the package's own. */
export function portsFor(
  root: string,
  files: Files = createFiles(),
): Ports & { readonly log: MemoryLog } {
  const { processes, http, clock, host, cacheDir } = fakePorts();
  return {
    processes,
    http,
    clock,
    host: { ...host, cwd: root },
    cacheDir,
    log: new MemoryLog(),
    packageRoot: root,
    files,
  };
}

export const request = (
  tree: string,
  series: string,
  more: Partial<PatchRequest> = {},
): PatchRequest => ({
  tree,
  series,
  check: false,
  reverse: false,
  fuzz: 0,
  ...more,
});

export const run = (
  tree: string,
  series: string,
  ports: Ports,
  more: Partial<PatchRequest> = {},
): Promise<PatchResult> => patchTree(request(tree, series, more), ports);

/** A required program: one that is missing fails the test. */
export function tool(
  program: string,
  args: readonly string[],
  cwd: string,
  input = "",
): SpawnSyncReturns<string> {
  const result = spawnSync(program, args, {
    cwd,
    input,
    encoding: "latin1",
    env: { ...process.env, QUILT_PATCHES: undefined, LC_ALL: "C" },
  });
  if (result.error) throw result.error;
  return result;
}

/** A tree with a bit of everything, and a series of three patches on it. */
export const toyTree: Readonly<Record<string, string>> = {
  Makefile: "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 9\nEXTRAVERSION =\n",
  "net/ipv4/netfilter/Kconfig": Array.from({ length: 30 }, (_, i) => `config OPTION_${i}\n`).join(
    "",
  ),
  "net/netfilter/Makefile": "obj-y += a.o\nobj-y += b.o\nobj-y += caf\u00e9.o\nobj-y += d.o\n",
  "old/gone.c": "int gone;\n",
};

export const toySeries: Readonly<Record<string, string>> = {
  "manifest.json": JSON.stringify({
    lines: [
      { line: "6.1", range: ">=6.1 <6.2", series: "linux-6.1.series", verified: [] },
      { line: "2.4", range: ">=2.4.18 <2.5", series: "linux-2.4.series", verified: [] },
    ],
  }),
  "linux-6.1.series":
    "# the toy\ncommon/new.patch\ncommon/kconfig.patch -p1\nline/last.patch # the last\n",
  "linux-2.4.series": "common/new.patch\n",
  "common/new.patch": `A new file.
---
diff --git a/net/netfilter/deep/new.c b/net/netfilter/deep/new.c
new file mode 100644
index 0000000..1111111
--- /dev/null
+++ b/net/netfilter/deep/new.c
@@ -0,0 +1,3 @@
+int one;
+int two;
+int three;
--
2.39.5
`,
  "common/kconfig.patch": `--- a/net/ipv4/netfilter/Kconfig
+++ b/net/ipv4/netfilter/Kconfig
@@ -10,6 +10,7 @@
 config OPTION_9
 config OPTION_10
 config OPTION_11
+config TARPIT
 config OPTION_12
 config OPTION_13
 config OPTION_14
--- a/net/netfilter/Makefile
+++ b/net/netfilter/Makefile
@@ -1,4 +1,5 @@
 obj-y += a.o
 obj-y += b.o
+obj-y += tarpit.o
 obj-y += caf\u00e9.o
 obj-y += d.o
`,
  "line/last.patch": `--- a/net/netfilter/deep/new.c
+++ b/net/netfilter/deep/new.c
@@ -1,3 +1,4 @@
 int one;
 int two;
+int between;
 int three;
--- a/old/gone.c
+++ /dev/null
@@ -1 +0,0 @@
-int gone;
`,
};

/** DIR/tree and DIR/kit/patches. */
export function layOutToy(directory: string): { tree: string; kit: string } {
  const tree = layOut(join(directory, "tree"), toyTree);
  const kit = join(directory, "kit");
  layOut(join(kit, "patches"), toySeries);
  return { tree, kit };
}

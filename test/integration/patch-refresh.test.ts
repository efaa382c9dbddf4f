import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { refreshPatches } from "../../src/app/refresh.ts";
import { FakeProcesses } from "../support/ports.ts";
import { layOut, layOutToy, makeDirectory, portsFor, tool, toySeries } from "./patch-support.ts";

let dir = "";
let tree = "";
let kit = "";
let ports: ReturnType<typeof portsFor>;
beforeEach(() => {
  dir = makeDirectory();
  ({ tree, kit } = layOutToy(dir));
  ports = portsFor(kit);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const patch = (name: string): string => readFileSync(join(kit, "patches", name), "latin1");
const kconfig = "net/ipv4/netfilter/Kconfig";
const shift = (lines: string): void => {
  const path = join(tree, kconfig);
  writeFileSync(path, lines + readFileSync(path, "latin1"), "latin1");
};

it("leaves a series alone that is up to date", async () => {
  const found = await refreshPatches({ specs: [tree], check: false }, ports);
  expect(found.map(({ patch, moved }) => [patch, moved])).toEqual([
    ["common/new.patch", 0],
    ["common/kconfig.patch", 0],
    ["line/last.patch", 0],
  ]);
  expect(patch("common/kconfig.patch")).toBe(toySeries["common/kconfig.patch"]);
});

it("offsets vanish, and not a byte else changes; --check only says so", async () => {
  shift("# one\n# two\n");
  const dry = await refreshPatches({ specs: [tree], check: true }, ports);
  expect(dry.map(({ moved }) => moved)).toEqual([0, 1, 0]);
  expect(patch("common/kconfig.patch")).toBe(toySeries["common/kconfig.patch"]);
  await refreshPatches({ specs: [tree], check: false }, ports);
  expect(patch("common/kconfig.patch")).toBe(
    (toySeries["common/kconfig.patch"] ?? "").replace("@@ -10,6 +10,7 @@", "@@ -12,6 +12,7 @@"),
  );
  expect(
    (await refreshPatches({ specs: [tree], check: true }, ports)).every(({ moved }) => moved === 0),
  ).toBe(true);
  const said = tool(
    "patch",
    ["-p1", "-F0", "--verbose", "--dry-run", "-i", join(kit, "patches/common/kconfig.patch")],
    tree,
  );
  expect(said.status).toBe(0);
  expect(said.stdout).not.toContain("offset");
});

it("of a patch that lines share only the hunks are renumbered that all have at the same line", async () => {
  shift("# one\n");
  const other = layOut(join(dir, "other"), {});
  tool("cp", ["-a", `${tree}/.`, other], dir);
  shift("# two\n");
  const makefile = "net/netfilter/Makefile";
  for (const one of [tree, other])
    layOut(one, { [makefile]: `# top\n${readFileSync(join(one, makefile), "latin1")}` });
  const found = await refreshPatches({ specs: [tree, other], check: false }, ports);
  expect(found.map(({ moved, left }) => [moved, left])).toEqual([
    [0, 0],
    [1, 1],
    [0, 0],
    [0, 0],
    [1, 1],
    [0, 0],
  ]);
  expect(patch("common/kconfig.patch")).toBe(
    (toySeries["common/kconfig.patch"] ?? "").replace("@@ -1,4 +1,5 @@", "@@ -2,4 +2,5 @@"),
  );
});

it("without a tree: every line Debian has a kernel of; the others are told", async () => {
  const none = {
    ...ports,
    cacheDir: join(dir, "cache"),
    processes: new FakeProcesses(["apt-get"], ({ args }) =>
      args?.includes("indextargets") ? { stdout: "lists\n" } : { code: 100 },
    ),
  };
  expect(await refreshPatches({ specs: [], check: true }, none)).toEqual([]);
  expect(ports.log.lines.join("\n")).toMatch(/debian:6\.1: .*left out\n.*debian:2\.4: .*left out/);
  // One that was asked for by name is an error.
  await expect(refreshPatches({ specs: ["debian:6.1"], check: true }, none)).rejects.toMatchObject({
    code: "fetch.not-found",
  });
});

it("a hunk that fits nowhere ends it", async () => {
  writeFileSync(join(tree, kconfig), "nothing alike\n");
  await expect(refreshPatches({ specs: [tree], check: false }, ports)).rejects.toMatchObject({
    code: "patch.refused",
  });
});

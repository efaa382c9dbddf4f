import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFiles } from "../../src/infra/files.ts";

const files = createFiles();
let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "kit-files-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));
const at = (...names: string[]): string => join(dir, ...names);

describe("write", () => {
  it("makes the directory and leaves nothing else behind", async () => {
    await files.write(at("a", "b", "c"), "text");
    expect(readFileSync(at("a", "b", "c"), "utf8")).toBe("text");
    expect(readdirSync(at("a", "b"))).toEqual(["c"]);
  });
  it("never writes through a shared inode", async () => {
    writeFileSync(at("one"), "old");
    linkSync(at("one"), at("two"));
    await files.write(at("one"), "new");
    expect(readFileSync(at("two"), "utf8")).toBe("old");
    expect(statSync(at("one")).nlink).toBe(1);
  });
  it("replaces a symbolic link, not what it points to", async () => {
    writeFileSync(at("target"), "old");
    symlinkSync("target", at("link"));
    await files.write(at("link"), "new");
    expect(readFileSync(at("target"), "utf8")).toBe("old");
    expect((await files.stat(at("link")))?.kind).toBe("file");
  });
  it("keeps the mode of what it replaces, and sets the one it is given", async () => {
    writeFileSync(at("script"), "old");
    chmodSync(at("script"), 0o555);
    await files.write(at("script"), "new");
    expect(statSync(at("script")).mode & 0o7777).toBe(0o555);
    await files.write(at("script"), "new", 0o640);
    expect(statSync(at("script")).mode & 0o7777).toBe(0o640);
  });
  it("cleans up after a failure and names the path", async () => {
    mkdirSync(at("directory", "full"), { recursive: true });
    await expect(files.write(at("directory"), "x")).rejects.toMatchObject({
      code: expect.any(String),
    });
    expect(readdirSync(dir)).toEqual(["directory"]);
  });
});

describe("reading", () => {
  it("reads slices, also over the end", async () => {
    writeFileSync(at("f"), "0123456789");
    expect((await files.readSlice(at("f"), 3, 4)).toString()).toBe("3456");
    expect((await files.readSlice(at("f"), 8, 40)).toString()).toBe("89");
    expect((await files.readSlice(at("f"), 40, 4)).toString()).toBe("");
  });
  it("hashes as sha256sum does", async () => {
    const data = Buffer.alloc(3 << 20, 7);
    writeFileSync(at("f"), data);
    expect(await files.sha256(at("f"))).toBe(createHash("sha256").update(data).digest("hex"));
  });
  it("lists sorted names and nothing for a missing directory", async () => {
    for (const name of ["b", "a", "c"]) writeFileSync(at(name), "");
    expect(await files.list(dir)).toEqual(["a", "b", "c"]);
    expect(await files.list(at("missing"))).toEqual([]);
  });
  it("tells names apart from what they point to", async () => {
    symlinkSync("nowhere", at("link"));
    expect(await files.stat(at("link"))).toMatchObject({ kind: "symlink" });
    expect(await files.stat(at("link", "below"))).toBeUndefined();
    expect(await files.stat(dir)).toMatchObject({ kind: "directory" });
    await expect(files.readText(at("missing"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

it("makes private directories", async () => {
  const made = await files.makePrivateDirectory(at("deep", "draft-"));
  expect(made.startsWith(at("deep", "draft-"))).toBe(true);
  expect(statSync(made).mode & 0o777).toBe(0o700);
});

it("copies bytes and mode into a file of its own", async () => {
  writeFileSync(at("from"), "text");
  chmodSync(at("from"), 0o751);
  await files.copy(at("from"), at("deep", "to"));
  expect(readFileSync(at("deep", "to"), "utf8")).toBe("text");
  expect(statSync(at("deep", "to")).mode & 0o777).toBe(0o751);
});

describe("lock", () => {
  it("excludes a second holder until released, and leaves nothing behind", async () => {
    const lock = await files.lock(at("lock"));
    await expect(files.lock(at("lock"))).rejects.toMatchObject({
      code: "EEXIST",
      pid: process.pid,
    });
    await lock.release();
    await (await files.lock(at("lock"))).release();
    expect(readdirSync(dir)).toEqual([]);
  });
  it("takes over from a killed holder", async () => {
    const script = `const {takeLock} = await import(process.argv[1]); await takeLock(process.argv[2]); console.log("held"); setInterval(() => {}, 1000);`;
    const out = at("dist");
    const lockFile = new URL("../../src/infra/file-lock.ts", import.meta.url).pathname;
    const made = spawnSync(
      "npx",
      [
        "tsc",
        lockFile,
        "--ignoreConfig",
        "--outDir",
        out,
        "--module",
        "nodenext",
        "--target",
        "es2023",
        "--types",
        "node",
        "--skipLibCheck",
        "--rewriteRelativeImportExtensions",
        "--rootDir",
        new URL("../../src", import.meta.url).pathname,
      ],
      { cwd: new URL("../..", import.meta.url).pathname, encoding: "utf8" },
    );
    expect(made.stdout).toBe("");
    writeFileSync(join(out, "package.json"), `{"type":"module"}`);
    const child = spawn(process.execPath, [
      "--input-type=module",
      "-e",
      script,
      join(out, "infra", "file-lock.js"),
      at("lock"),
    ]);
    await once(child.stdout, "data");
    await expect(files.lock(at("lock"))).rejects.toMatchObject({ code: "EEXIST", pid: child.pid });
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(existsSync(at("lock"))).toBe(true);
    const lock = await files.lock(at("lock"));
    expect(JSON.parse(readFileSync(at("lock"), "utf8"))).toMatchObject({ pid: process.pid });
    await lock.release();
  });
  it("is not fooled by a process id that is used again", async () => {
    const lock = await files.lock(at("lock"));
    const text = readFileSync(at("lock"), "utf8");
    writeFileSync(at("lock"), JSON.stringify({ ...JSON.parse(text), started: "1" }));
    await (await files.lock(at("lock"))).release();
    await lock.release();
  });
  it("lets exactly one of many take over a dead lock", async () => {
    writeFileSync(
      at("lock"),
      JSON.stringify({ pid: 1, started: "x", boot: "before", namespace: "", token: "t" }),
    );
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => files.lock(at("lock"))));
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(readdirSync(dir)).toEqual(["lock"]);
  });
});

import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Bench,
  bench,
  compress,
  debianPackage,
  type Entry,
  kernelEntries,
  sha256,
  tarOf,
} from "./fetch-support.ts";

/**
 * Sources a hash speaks for: tar unpacks them, its listing is judged (docs/adr/0006-unpacking.md).
 * A hash says who made the bytes, not that they are good: the same archives are refused as elsewhere.
 */
let b: Bench;
const path = process.env["PATH"];
beforeEach(() => void (b = bench()));
afterEach(() => {
  process.env["PATH"] = path;
  b.close();
});

const top = "linux-6.1.5";

/** Makes `data` a pinned release: its hash is all that is known of it. */
function pin(data: Buffer, name = "bad.tar"): string {
  const tarballs = [{ version: "6.1.5", file: name, size: data.length, sha256: sha256(data) }];
  const line = { line: "6.1", directory: "v6.x", tarballsFrom: "the test", tarballs };
  b.file("kit/data/kernels/test.json", JSON.stringify(line));
  b.file(name, data);
  return `./${name}`;
}

const pax = (text: string): Entry => {
  const line = ` ${text}\n`;
  const length = line.length + String(line.length + 2).length;
  return { path: "PaxHeader", type: "ExtendedHeader", body: `${length}${line}` };
};

/** Each follows the entries of a good kernel. */
const hostile: [string, Entry[], RegExp][] = [
  ["absolute path", [{ path: "/tmp/escaped", body: "x" }], /absolute/],
  ["..", [{ path: `${top}/../../escaped`, body: "x" }], /\.\. in it/],
  ["second top directory", [{ path: "other/file", body: "x" }], /not below/],
  ["beside the top directory", [{ path: "file", body: "x" }], /beside/],
  ["symlink to /etc", [{ path: `${top}/a`, type: "SymbolicLink", link: "/etc" }], /absolute path/],
  ["symlink out", [{ path: `${top}/a`, type: "SymbolicLink", link: "../../o" }], /out of the tree/],
  [
    "file through a symlink out",
    [
      { path: `${top}/a`, type: "SymbolicLink", link: "../../.." },
      { path: `${top}/a/escaped`, body: "x" },
    ],
    /out of the tree/,
  ],
  ["file through a symlink", [{ path: `${top}/link/x`, body: "x" }], /goes through/],
  ["file over a symlink", [{ path: `${top}/link`, body: "x" }], /twice/],
  ["hard link out", [{ path: `${top}/h`, type: "Link", link: "../../../etc/passwd" }], /hard link/],
  ["absolute hard link", [{ path: `${top}/h`, type: "Link", link: "/etc/passwd" }], /hard link/],
  ["character device", [{ path: `${top}/null`, type: "CharacterDevice" }], /character device/],
  ["block device", [{ path: `${top}/sda`, type: "BlockDevice" }], /block device/],
  ["fifo", [{ path: `${top}/pipe`, type: "FIFO" }], /fifo/],
  [
    "unknown type",
    [{ path: `${top}/s`, edit: (block) => block.write("Z", 156) }],
    /thing of unknown type/,
  ],
  ["control character", [{ path: `${top}/a\u001b[2J`, body: "x" }], /control characters/],
  [
    "a name that looks like a listing",
    [{ path: `${top}/a\nblock 1: ** Block of NULs **`, body: "x" }],
    /control characters/,
  ],
  ["pax path out", [pax("path=../../escaped"), { path: `${top}/ok`, body: "x" }], /\.\. in it/],
  [
    "pax linkpath out",
    [pax("linkpath=/etc"), { path: `${top}/a`, type: "SymbolicLink", link: "ok" }],
    /absolute path/,
  ],
  [
    "a file of 32 GB",
    [{ path: `${top}/big`, edit: (block) => block.write("400000000000", 124) }],
    /unpacks to more/,
  ],
];

const nothingLeft = () => {
  expect(b.cached()).toEqual([]);
  expect(readdirSync(b.root).filter((name) => name.includes("escaped"))).toEqual([]);
  expect(existsSync("/tmp/escaped")).toBe(false);
};

describe("hostile archives with the right hash leave nothing", () => {
  test.each(hostile)("%s", async (_name, entries, why) => {
    const error = await b.refusal(pin(tarOf(...kernelEntries(), ...entries)));
    expect(error).toMatchObject({ exit: 2, code: "fetch.archive" });
    expect(error.trouble.what).toContain("bad.tar is refused");
    expect(error.trouble.what).toMatch(why);
    // oxlint-disable-next-line no-control-regex
    expect(error.trouble.what).not.toMatch(/[\u0000-\u001f]/);
    nothingLeft();
  });

  test("at the first violation tar is ended, whatever it is about to do", async () => {
    const line = `block 1: crw-r--r-- 0/0 1,3 1970-01-01 00:00 "${top}/null"`;
    const script = `#!/bin/sh\nfor a; do case $a in --index-file=*) list=\${a#*=} ;; esac; done
echo $$ > "${b.root}/tar.pid"\necho '${line}' > "$list"\nexec sleep 60\n`;
    chmodSync(b.file("bin/tar", script), 0o755);
    process.env["PATH"] = `${join(b.root, "bin")}:${path}`;
    const error = await b.refusal(pin(tarOf(...kernelEntries())));
    expect(error.trouble.what).toMatch(/character device/);
    expect(existsSync(`/proc/${readFileSync(join(b.root, "tar.pid"), "utf8").trim()}`)).toBe(false);
    nothingLeft();
  });
});

describe("damaged archives with the right hash leave nothing", () => {
  const good = tarOf(...kernelEntries(), { path: `${top}/big`, body: Buffer.alloc(300_000, "k") });
  test.each<[string, () => Buffer]>([
    ["xz cut off", () => compress("xz", good).subarray(0, -20)],
    ["gzip cut off", () => gzipSync(good).subarray(0, 400)],
    ["tar cut off in content", () => good.subarray(0, 200_000)],
    ["tar cut off in a header", () => good.subarray(0, 512 * 3 + 100)],
    ["no end mark", () => good.subarray(0, -1024)],
    ["one end block only", () => good.subarray(0, -512)],
    ["checksum wrong", () => Buffer.from(good).fill("q", 512 + 10, 512 + 12)],
    ["empty archive", () => gzipSync(Buffer.alloc(1024))],
  ])("%s", async (_name, data) => {
    expect(await b.refusal(pin(data()))).toMatchObject({ exit: 2, code: "fetch.archive" });
    nothingLeft();
  });
});

test("a good one: names in UTF-8, directories left out, links, no setuid bit", async () => {
  const entries: Entry[] = [
    { path: `${top}/Übung "1"/a\\b`, body: "x" },
    { path: `${top}/hard`, type: "Link", link: `${top}/Makefile` },
    { path: `${top}/su`, body: "x", mode: 0o6755 },
  ];
  const result = await b.fetch(pin(compress("xz", tarOf(...kernelEntries(), ...entries)), "l.xz"));
  expect(result.trust.how).toBe("sha256");
  expect(readFileSync(join(result.path, 'Übung "1"', "a\\b"), "utf8")).toBe("x");
  expect(statSync(join(result.path, "hard")).nlink).toBe(2);
  expect(statSync(join(result.path, "su")).mode & 0o7000).toBe(0);
  expect(b.cached().filter((name) => name.includes("listing"))).toEqual([]);
});

const trees = () => b.cached().filter((name) => name.startsWith("sources"));

describe("a package of apt's", () => {
  test("is unpacked when its hash is the one of the lists", async () => {
    debianPackage(b, compress("xz", tarOf(...kernelEntries())));
    const result = await b.fetch("debian:6.1");
    expect(result).toMatchObject({ trust: { how: "apt" }, version: { text: "6.1.5" } });
    expect(readFileSync(join(result.path, "Kconfig"), "utf8")).toBe("mainmenu x\n");
  });

  test("leaves the kernel's own archive, which the next tree comes out of, in its place", async () => {
    const deb = debianPackage(b, compress("xz", tarOf(...kernelEntries())));
    const first = await b.fetch("debian:6.1");
    expect(existsSync(deb)).toBe(false);
    const forget = () => rmSync(join(b.root, "cache", "sources"), { recursive: true });
    forget();
    expect(await b.fetch("debian:6.1")).toEqual({ ...first, cached: false });
    const kept = deb.replace(".deb", ".tar.xz");
    const good = readFileSync(kept);
    writeFileSync(kept, Buffer.from(good).fill("x", 100, 104));
    forget();
    // apt brings nothing here.
    expect(await b.refusal("debian:6.1")).toMatchObject({ exit: 3, code: "fetch.apt" });
    expect(existsSync(kept)).toBe(false);
    writeFileSync(kept, good);
    expect(await b.refusal("debian:6.1")).toMatchObject({ exit: 3, code: "fetch.apt" });
    expect(trees()).toEqual([]);
  });

  test("with another hash it leaves nothing, not even itself", async () => {
    const deb = debianPackage(b, compress("xz", tarOf(...kernelEntries())), "0".repeat(64));
    expect(await b.refusal("debian:6.1")).toMatchObject({ exit: 3, code: "fetch.apt" });
    expect(trees()).toEqual([]);
    expect(existsSync(deb)).toBe(false);
  });

  test("with a device in it, it is refused whoever signed it", async () => {
    const bad = { path: `${top}/null`, type: "CharacterDevice" };
    debianPackage(b, compress("xz", tarOf(...kernelEntries(), bad)));
    const error = await b.refusal("debian:6.1");
    expect(error).toMatchObject({ exit: 2, code: "fetch.archive" });
    expect(error.trouble.what).toContain("character device");
    expect(trees()).toEqual([]);
  });

  test("with a kernel cut off in it", async () => {
    debianPackage(b, compress("xz", tarOf(...kernelEntries())).subarray(0, -20));
    expect(await b.refusal("debian:6.1")).toMatchObject({ exit: 2, code: "fetch.archive" });
    expect(trees()).toEqual([]);
  });
});

describe("kill -9 of tarpit-kit ends the programs it unpacks with", () => {
  const gone = async (pid: string): Promise<boolean> => {
    for (let turn = 0; turn < 100; turn++) {
      if (!existsSync(`/proc/${pid}`)) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  };
  test.each([
    ["a package of apt's", "debian:6.1"],
    ["a user's tarball", "./linux.tar.xz"],
  ])(
    "%s",
    async (_name, spec) => {
      const packed = compress("xz", tarOf(...kernelEntries()));
      debianPackage(b, packed);
      b.file("linux.tar.xz", packed);
      const file = join(b.root, "xz.pid");
      chmodSync(b.file("bin/xz", `#!/bin/sh\necho $$ > "${file}"\nexec sleep 60\n`), 0o755);
      const child = spawn(process.execPath, [join(process.cwd(), "dist/bin.js"), "fetch", spec], {
        cwd: b.root,
        env: { ...process.env, TARPIT_KIT_CACHE: join(b.root, "cache") },
        stdio: "ignore",
      });
      const ended = new Promise((resolve) => child.on("exit", resolve));
      await expect
        .poll(() => existsSync(file) && readFileSync(file, "utf8"), { timeout: 10_000 })
        .toMatch(/\n/);
      child.kill("SIGKILL");
      await ended;
      expect(await gone(readFileSync(file, "utf8").trim())).toBe(true);
    },
    20_000,
  );
});

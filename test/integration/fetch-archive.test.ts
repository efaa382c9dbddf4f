import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Bench,
  bench,
  compress,
  type Entry,
  kernelEntries,
  sum,
  tarEnd,
  tarEntry,
  tarOf,
} from "./fetch-support.ts";

let b: Bench;
beforeEach(() => void (b = bench()));
afterEach(() => b.close());

describe("a user's tarball", () => {
  test.each([
    ["xz", (data: Buffer) => compress("xz", data)],
    ["gz", gzipSync],
    ["bz2", (data: Buffer) => compress("bzip2", data)],
    ["zst", (data: Buffer) => compress("zstd", data)],
    ["tar", (data: Buffer) => data],
  ])("%s", async (ending, packed) => {
    b.file(`linux.${ending}`, packed(tarOf(...kernelEntries())));
    const result = await b.fetch(`./linux.${ending}`);
    expect(result).toMatchObject({
      version: { text: "6.1.5" },
      trust: { how: "user" },
      cached: false,
    });
    expect(result.path.endsWith("/linux")).toBe(true);
    expect(readFileSync(join(result.path, "link", "xt_tcpmss.c"), "utf8")).toBe("/* match */\n");
    const sha256 = createHash("sha256")
      .update(readFileSync(join(b.root, `linux.${ending}`)))
      .digest("hex");
    expect(result.id).toBe(`sha256:${sha256}`);
    const again = await b.fetch(`./linux.${ending}`);
    expect(again).toEqual({ ...result, cached: true });
  });

  test("changed in place, it is unpacked again", async () => {
    b.file("linux.tar", tarOf(...kernelEntries("6.1.5")));
    const first = await b.fetch("./linux.tar");
    b.file("linux.tar", tarOf(...kernelEntries("6.1.66")));
    const second = await b.fetch("./linux.tar");
    expect(second.version.text).toBe("6.1.66");
    expect(second.path).not.toBe(first.path);
  });

  test("long names, pax and GNU, as GNU tar writes them", async () => {
    const deep = `linux-6.1.5/${"d".repeat(90)}/${"e".repeat(90)}/${"f".repeat(90)}`;
    const tree = join(b.root, "make");
    for (const { path, body, type } of [
      ...kernelEntries(),
      { path: deep, body: "deep" } as Entry,
    ]) {
      if (type === undefined) b.file(join("make", path), body as string);
    }
    for (const format of ["gnu", "pax", "posix", "ustar"]) {
      const name = `${format}.tar`;
      if (format === "ustar") execFileSync("rm", ["-r", join(tree, "linux-6.1.5", "d".repeat(90))]);
      execFileSync("tar", [
        "-C",
        tree,
        `--format=${format}`,
        "-cf",
        join(b.root, name),
        "linux-6.1.5",
      ]);
      const { path } = await b.fetch(`./${name}`);
      expect(existsSync(join(path, ...deep.split("/").slice(1)))).toBe(format !== "ustar");
    }
  });

  test("setuid bits are not taken over", async () => {
    b.file(
      "linux.tar",
      tarOf(...kernelEntries(), { path: "linux-6.1.5/su", body: "x", mode: 0o6755 }),
    );
    const { path } = await b.fetch("./linux.tar");
    expect(statSync(join(path, "su")).mode & 0o7000).toBe(0);
  });
});

const top = "linux-6.1.5";
const pax = (text: string, type = "ExtendedHeader"): Entry => {
  const line = ` ${text}\n`;
  const length = line.length + String(line.length + 2).length;
  return { path: "PaxHeader", type, body: `${length}${line}` };
};

/** Each follows the entries of a good kernel. */
const hostile: [string, Entry[]][] = [
  ["absolute path", [{ path: "/tmp/escaped", body: "x" }]],
  ["..", [{ path: `${top}/../../escaped`, body: "x" }]],
  ["second top directory", [{ path: "other/file", body: "x" }]],
  ["symlink to an absolute path", [{ path: `${top}/a`, type: "SymbolicLink", link: "/etc" }]],
  ["symlink out of the tree", [{ path: `${top}/a`, type: "SymbolicLink", link: "../../out" }]],
  ["file through a symlink", [{ path: `${top}/link/x`, body: "x" }]],
  ["file over a symlink", [{ path: `${top}/link`, body: "x" }]],
  ["hard link out", [{ path: `${top}/h`, type: "Link", link: "../../../etc/passwd" }]],
  ["absolute hard link", [{ path: `${top}/h`, type: "Link", link: "/etc/passwd" }]],
  ["character device", [{ path: `${top}/null`, type: "CharacterDevice" }]],
  ["block device", [{ path: `${top}/sda`, type: "BlockDevice" }]],
  ["fifo", [{ path: `${top}/pipe`, type: "FIFO" }]],
  ["GNU sparse file", [{ path: `${top}/s`, edit: (block) => block.write("S", 156) }]],
  ["unknown type", [{ path: `${top}/s`, edit: (block) => block.write("Z", 156) }]],
  ["control character in a name", [{ path: `${top}/a\u001b[2J`, body: "x" }]],
  ["pax path with ..", [pax("path=../../escaped"), { path: `${top}/ok`, body: "x" }]],
  [
    "pax linkpath out",
    [pax("linkpath=/etc"), { path: `${top}/a`, type: "SymbolicLink", link: "ok" }],
  ],
  ["pax size", [pax("size=1"), { path: `${top}/ok`, body: "x" }]],
  ["pax sparse", [pax("GNU.sparse.major=1"), { path: `${top}/ok`, body: "x" }]],
  [
    "pax damaged",
    [
      { path: "p", type: "ExtendedHeader", body: "99 path=x\n" },
      { path: `${top}/ok`, body: "x" },
    ],
  ],
  [
    "pax global path",
    [pax("path=/etc/passwd", "GlobalExtendedHeader"), { path: `${top}/ok`, body: "x" }],
  ],
  [
    "GNU long name with ..",
    [
      { path: "././@LongLink", type: "NextFileHasLongPath", body: "../../escaped\0" },
      { path: `${top}/ok`, body: "x" },
    ],
  ],
  [
    "GNU long link out",
    [
      { path: "././@LongLink", type: "NextFileHasLongLinkpath", body: "/etc\0" },
      { path: `${top}/a`, type: "SymbolicLink", link: "ok" },
    ],
  ],
  [
    "GNU and pax mixed",
    [
      pax(`path=${top}/a`),
      { path: "././@LongLink", type: "NextFileHasLongPath", body: "../b\0" },
      { path: `${top}/ok`, body: "x" },
    ],
  ],
  [
    "huge extended header",
    [
      { path: "p", type: "ExtendedHeader", body: Buffer.alloc(1 << 20, "1") },
      { path: `${top}/ok`, body: "x" },
    ],
  ],
  [
    "symlink with content",
    [{ path: `${top}/a`, type: "SymbolicLink", link: "ok", body: "x".repeat(600) }],
  ],
  ["negative size", [{ path: `${top}/a`, edit: (block) => block.fill(0xff, 124, 136) }]],
  ["odd magic", [{ path: `${top}/a`, edit: (block) => block.write("ustar\u000099", 257) }]],
];

describe("hostile archives leave nothing", () => {
  test.each(hostile)("%s", async (_name, entries) => {
    b.file("bad.tar.gz", gzipSync(tarOf(...kernelEntries(), ...entries)));
    const error = await b.refusal("./bad.tar.gz");
    expect(error).toMatchObject({ exit: 2, code: "fetch.archive" });
    expect(error.trouble.what).toContain("bad.tar.gz");
    expect(error.trouble.next).toBeTruthy();
    // oxlint-disable-next-line no-control-regex
    expect(error.trouble.what).not.toMatch(/[\u0000-\u001f]/);
    expect(b.cached()).toEqual([]);
    expect(readdirSync(b.root).toSorted()).toEqual(["bad.tar.gz", "cache", "kit"]);
    expect(existsSync("/tmp/escaped")).toBe(false);
  });

  test("tar never gets to see what was refused", async () => {
    const canary = join(b.root, "canary");
    b.file(
      "bad.tar",
      tarOf(
        ...kernelEntries(),
        { path: canary, body: "x" },
        { path: `${top}/${"x".repeat(90)}`, body: "y" },
      ),
    );
    await b.refusal("./bad.tar");
    expect(existsSync(canary)).toBe(false);
  });
});

describe("damaged archives leave nothing", () => {
  const good = tarOf(...kernelEntries(), { path: `${top}/big`, body: Buffer.alloc(300_000, "k") });
  const damaged: [string, () => Buffer][] = [
    ["gzip cut off", () => gzipSync(good).subarray(0, 400)],
    ["xz cut off", () => compress("xz", good).subarray(0, -20)],
    ["zstd cut off", () => compress("zstd", good).subarray(0, -20)],
    ["tar cut off in content", () => good.subarray(0, 200_000)],
    ["tar cut off in a header", () => good.subarray(0, 512 * 3 + 100)],
    ["tar cut off between entries", () => tarEntry(kernelEntries()[0] as Entry)],
    ["no end mark", () => good.subarray(0, -1024)],
    ["one end block only", () => good.subarray(0, -512)],
    [
      "more after the end mark",
      () => Buffer.concat([good, tarEntry({ path: "/etc/x", body: "x" }), tarEnd]),
    ],
    ["checksum wrong", () => Buffer.from(good).fill("q", 512 + 10, 512 + 12)],
    ["bytes changed in gzip", () => Buffer.from(gzipSync(good)).fill(0x55, 100, 140)],
    ["empty file", () => Buffer.alloc(0)],
    ["empty archive", () => tarEnd],
    ["no archive", () => Buffer.from("<html>404 not found</html>".repeat(40))],
    [
      "bad checksum field",
      () => Buffer.concat([sum(Buffer.alloc(512, "a")).fill("z", 148, 156), tarEnd]),
    ],
  ];
  test.each(damaged)("%s", async (_name, data) => {
    b.file("bad.tar", data());
    expect(await b.refusal("./bad.tar")).toMatchObject({ exit: 2, code: "fetch.archive" });
    expect(b.cached()).toEqual([]);
  });

  test("a good archive that is no kernel", async () => {
    b.file(
      "other.tar",
      tarOf({ path: "hello/", type: "Directory" }, { path: "hello/Makefile", body: "all:\n" }),
    );
    expect(await b.refusal("./other.tar")).toMatchObject({ exit: 2, code: "fetch.no-kernel" });
    expect(b.cached()).toEqual([]);
  });
});

test("a full disk says how much is needed and where, and leaves nothing", async () => {
  const program = b.file(
    "bin/tar",
    "#!/bin/sh\ncat >/dev/null\necho 'tar: x: Cannot write: No space left on device' >&2\nexit 2\n",
  );
  execFileSync("chmod", ["755", program]);
  b.file("linux.tar", tarOf(...kernelEntries()));
  const path = process.env["PATH"];
  process.env["PATH"] = `${join(b.root, "bin")}:${path}`;
  try {
    const error = await b.refusal("./linux.tar");
    expect(error).toMatchObject({ exit: 3, code: "fetch.disk-full" });
    expect(error.trouble.what).toMatch(/about \d+ MB/);
    expect(error.trouble.where).toContain("cache");
    expect(b.cached()).toEqual([]);
  } finally {
    process.env["PATH"] = path;
  }
});

describe("trees", () => {
  const unpack = () => {
    b.file("linux.tar", tarOf(...kernelEntries()));
    execFileSync("tar", ["-C", b.root, "-xf", join(b.root, "linux.tar")]);
    return join(b.root, top);
  };
  test("a tree is returned as it is", async () => {
    const path = unpack();
    expect(await b.fetch(`./${top}`)).toMatchObject({
      path,
      version: { text: "6.1.5" },
      id: `tree:${path}`,
      trust: { how: "user" },
    });
    expect(existsSync(b.ports.cacheDir)).toBe(false);
  });
  test("no kernel", async () => {
    b.file("tree/Makefile", "all:\n");
    expect(await b.refusal("./tree")).toMatchObject({ exit: 2 });
  });
  test("CRLF", async () => {
    const makefile = join(unpack(), "Makefile");
    writeFileSync(makefile, readFileSync(makefile, "utf8").replaceAll("\n", "\r\n"));
    const error = await b.refusal(`./${top}`);
    expect(error).toMatchObject({ exit: 2, code: "tree.mangled" });
    expect(error.trouble.what).toContain("CRLF");
  });
  test("letter case lost", async () => {
    execFileSync("rm", [join(unpack(), "net/netfilter/xt_TCPMSS.c")]);
    const error = await b.refusal(`./${top}`);
    expect(error).toMatchObject({ exit: 2, code: "tree.mangled" });
    expect(error.trouble.what).toContain("xt_TCPMSS.c");
  });
});

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cpioArchive, type CpioEntry } from "../../src/core/cpio.ts";

const entries: readonly CpioEntry[] = [
  { kind: "character", path: "dev/console", major: 5, minor: 1 },
  { kind: "file", path: "init", data: Buffer.from("#!"), mode: 0o755 },
  { kind: "file", path: "a/b/c", data: Buffer.alloc(4097, 7) },
  { kind: "symlink", path: "sbin/modprobe", target: "/init" },
];

/** `cpio -tv` is another reading of the same format. */
const cpio = spawnSync("cpio", ["--version"]).status === 0;
const listed = (archive: Buffer): string =>
  spawnSync("cpio", ["-tv", "--quiet"], {
    input: archive,
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
  }).stdout;

describe("cpioArchive", () => {
  test("every header starts on four bytes, the archive fills its last block", () => {
    const archive = cpioArchive(entries);
    expect(archive.length % 512).toBe(0);
    const starts = [...archive.toString("latin1").matchAll(/070701[0-9A-F]{104}/g)].map(
      (m) => m.index,
    );
    expect(starts).toHaveLength(9);
    expect(starts.filter((at) => at % 4 !== 0)).toEqual([]);
  });

  test("directories are made for what is in them, once, and before it", () => {
    const names = [
      ...cpioArchive(entries)
        .toString("latin1")
        .matchAll(/070701[0-9A-F]{104}([^\0]+)\0/g),
    ].map((m) => m[1]);
    expect(names).toEqual([
      "dev",
      "dev/console",
      "init",
      "a",
      "a/b",
      "a/b/c",
      "sbin",
      "sbin/modprobe",
      "TRAILER!!!",
    ]);
  });

  test("the same input gives the same bytes", () => {
    expect(cpioArchive(entries).equals(cpioArchive(entries))).toBe(true);
  });

  test.skipIf(!cpio)("cpio(1) reads modes, sizes, the device and the link", () => {
    const list = listed(cpioArchive(entries));
    expect(list).toMatch(/^crw------- .* 5, +1 .* dev\/console$/m);
    expect(list).toMatch(/^-rwxr-xr-x .* 2 .* init$/m);
    expect(list).toMatch(/^-rw-r--r-- .* 4097 .* a\/b\/c$/m);
    expect(list).toMatch(/sbin\/modprobe -> \/init$/m);
  });

  test.skipIf(!cpio)("cpio(1) unpacks the same bytes", () => {
    const dir = mkdtempSync(join(tmpdir(), "cpio-"));
    try {
      spawnSync("cpio", ["-idm", "--quiet"], { input: cpioArchive(entries.slice(1)), cwd: dir });
      expect(readFileSync(join(dir, "a/b/c"))).toEqual(Buffer.alloc(4097, 7));
      expect(readlinkSync(join(dir, "sbin/modprobe"))).toBe("/init");
      expect(statSync(join(dir, "init")).mode & 0o777).toBe(0o755);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { KernelLine } from "../../src/app/fetch/pins.ts";
import { dearmor } from "../../src/core/fetch-openpgp.ts";
import { lineOf, parseKernelVersion } from "../../src/core/kernel-version.ts";

const pinned = [
  "647F28654894E3BD457199BE38DBBDC86092693E",
  "ABAF11C65A2970B130ABE3C479BE3E4300411886",
  "E27E5D8A3403A2EF66873BBCDEA66FF797772CDC",
  "AC2B29BD34A6AFDDB3F68F35E7BFC8EC95861109",
];

/** Length of an OpenPGP packet body and where it begins (RFC 4880 section 4.2). */
function packetAt(data: Buffer, at: number): { tag: number; body: number; length: number } {
  const first = data[at] as number;
  if (first & 0x40) {
    const one = data[at + 1] as number;
    if (one < 192) return { tag: first & 0x3f, body: at + 2, length: one };
    const two = data[at + 2] as number;
    if (one < 224)
      return { tag: first & 0x3f, body: at + 3, length: ((one - 192) << 8) + two + 192 };
    return { tag: first & 0x3f, body: at + 6, length: data.readUInt32BE(at + 2) };
  }
  const size = 1 << (first & 3);
  return { tag: (first >> 2) & 0xf, body: at + 1 + size, length: data.readUIntBE(at + 1, size) };
}

/** Fingerprints of the primary keys (RFC 4880 section 12.2, version 4). */
function fingerprints(data: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < data.length;) {
    const { tag, body, length } = packetAt(data, at);
    const packet = data.subarray(body, body + length);
    const head = Buffer.from([0x99, length >> 8, length & 0xff]);
    if (tag === 6)
      found.push(createHash("sha1").update(head).update(packet).digest("hex").toUpperCase());
    at = body + length;
  }
  return found;
}

test("exactly the four keys are pinned, and the README names them", () => {
  const files = readdirSync("data/keys").filter((name) => name.endsWith(".asc"));
  const found = files.flatMap((name) =>
    fingerprints(dearmor(readFileSync(`data/keys/${name}`, "utf8")) as Buffer),
  );
  expect(found.toSorted()).toEqual(pinned.toSorted());
  const readme = readFileSync("data/keys/README.md", "utf8");
  for (const fingerprint of pinned) expect(readme).toContain(fingerprint);
  for (const name of files) {
    expect(readme).toContain(
      createHash("sha256")
        .update(readFileSync(`data/keys/${name}`))
        .digest("hex"),
    );
  }
});

test.each(readdirSync("data/kernels"))("data/kernels/%s", (name) => {
  const line = JSON.parse(readFileSync(`data/kernels/${name}`, "utf8")) as KernelLine;
  expect(name).toBe(`${line.line}.json`);
  if (line.last) expect(lineOf(parseKernelVersion(line.last) as never)).toBe(line.line);
  if (line.tarballs.length > 0) expect(line.tarballsFrom).toMatch(/20\d\d-\d\d-\d\d/);
  for (const { version, sha256, size, file } of line.tarballs) {
    expect(lineOf(parseKernelVersion(version) as never)).toBe(line.line);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(size).toBeGreaterThan(1e8);
    expect(file).toContain(version);
  }
});

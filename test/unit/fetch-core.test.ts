import { describe, expect, test } from "vitest";
import { readAptPercent, readPrintUris, versionInDebName } from "../../src/core/fetch-apt.ts";
import { splitSignedTag } from "../../src/core/fetch-git.ts";
import {
  newestInListing,
  newestInReleases,
  newestLongterm,
  readReleases,
  signatureOf,
  tarballPaths,
} from "../../src/core/fetch-kernel-org.ts";
import { parseKernelVersion, type KernelVersion } from "../../src/core/kernel-version.ts";
import { dearmor, readGpgStatus } from "../../src/core/fetch-openpgp.ts";

const v = (text: string) => parseKernelVersion(text) as KernelVersion;

describe("kernel.org", () => {
  test("where releases lie", () => {
    expect(tarballPaths(v("6.1.192"))).toEqual(["v6.x/linux-6.1.192.tar.xz"]);
    expect(tarballPaths(v("2.4.37.11"))[0]).toBe("v2.4/linux-2.4.37.11.tar.xz");
    expect(tarballPaths(v("2.6.32.71"))).toContain("v2.6/longterm/v2.6.32/linux-2.6.32.71.tar.xz");
    expect(signatureOf("https://x/linux-6.1.tar.xz")).toBe("https://x/linux-6.1.tar.sign");
    expect(signatureOf("linux.tar")).toBe("linux.tar.sign");
  });
  test("releases.json", () => {
    const text = JSON.stringify({
      releases: [
        { version: "6.19-rc3", moniker: "mainline" },
        { version: "6.12.9", moniker: "longterm" },
        { version: "6.1.192", moniker: "longterm" },
        { version: "next-20261124", moniker: "linux-next" },
        null,
        { version: 7 },
      ],
    });
    const releases = readReleases(text);
    expect(releases).toHaveLength(4);
    expect(newestInReleases(releases, "6.1")?.text).toBe("6.1.192");
    expect(newestInReleases(releases, "6.19")).toBeUndefined();
    expect(newestLongterm(releases)?.text).toBe("6.12.9");
    for (const bad of ["", "[]", "null", "{}", '{"releases":1}', "<html>"])
      expect(readReleases(bad)).toEqual([]);
  });
  test("a listing", () => {
    const text =
      "abc  linux-6.1.9.tar.xz\nabc  linux-6.1.10.tar.xz\nabc  linux-6.1.10.tar.gz\nabc linux-6.10.99.tar.xz\n";
    expect(newestInListing(text, "6.1")?.text).toBe("6.1.10");
    expect(newestInListing(text, "5.4")).toBeUndefined();
  });
});

describe("apt", () => {
  const hash = "a".repeat(64);
  test("print-uris", () => {
    const line = `'http://deb.example/pool/linux-source-6.1_6.1.192-2_all.deb' linux-source-6.1_6.1.192-2_all.deb 139331676 SHA256:${hash}`;
    expect(readPrintUris(`${line}\n`)).toEqual({
      url: "http://deb.example/pool/linux-source-6.1_6.1.192-2_all.deb",
      file: "linux-source-6.1_6.1.192-2_all.deb",
      size: 139331676,
      sha256: hash,
    });
    // No weaker hash, no path in the name.
    expect(readPrintUris(line.replace("SHA256", "MD5Sum"))).toBeUndefined();
    expect(
      readPrintUris(line.replace(" linux-source-6.1_", " ../linux-source-6.1_")),
    ).toBeUndefined();
    expect(readPrintUris("")).toBeUndefined();
  });
  test("progress and versions", () => {
    expect(readAptPercent("dlstatus:1:42.5:Retrieving file 1 of 1")).toBe(42.5);
    expect(readAptPercent("Get:1 http://…")).toBeUndefined();
    expect(versionInDebName("linux-source-6.1_1%3a6.1.192-2_all.deb")).toBe("1:6.1.192-2");
  });
});

describe("OpenPGP", () => {
  const armored =
    "-----BEGIN PGP SIGNATURE-----\nVersion: x\n\naGVsbG8gd29ybGQ=\n=nURp\n-----END PGP SIGNATURE-----\n";
  test("dearmor", () => {
    expect(dearmor(armored.replace("=nURp\n", ""))?.toString()).toBe("hello world");
    expect(dearmor("nothing")).toBeUndefined();
    expect(dearmor(armored.replace("=nURp", "=AAAA"))).toBeUndefined();
  });
  const status = (...lines: string[]) => lines.map((line) => `[GNUPG:] ${line}\n`).join("");
  const valid = "VALIDSIG FPR 2026-01-01 1 0 4 0 1 8 00 PRIMARY";
  test("only a good signature is good", () => {
    expect(readGpgStatus(0, status("GOODSIG 1234 A B <a@b>", valid))).toEqual({
      verdict: "good",
      fingerprint: "PRIMARY",
      signer: "A B <a@b>",
    });
    expect(readGpgStatus(1, status("GOODSIG 1234 A", valid))).toEqual({ verdict: "unreadable" });
    expect(readGpgStatus(0, status("GOODSIG 1234 A"))).toEqual({ verdict: "unreadable" });
    expect(readGpgStatus(0, status(valid))).toEqual({ verdict: "unreadable" });
    expect(readGpgStatus(0, status("EXPKEYSIG 1234 A", "GOODSIG 1 A", valid))).toEqual({
      verdict: "unreadable",
    });
    expect(readGpgStatus(0, status("GOODSIG 1 A", valid, "BADSIG 1 A"))).toEqual({
      verdict: "bad",
    });
    expect(readGpgStatus(2, status("ERRSIG 12 1 8 00 1 9", "NO_PUBKEY 12AB"))).toEqual({
      verdict: "unknown key",
      key: "12AB",
    });
    expect(readGpgStatus(0, "GOODSIG 1 A\nVALIDSIG x\n")).toEqual({ verdict: "unreadable" });
  });
});

test("a signed tag is taken apart where its signature begins", () => {
  const payload = `object ${"a".repeat(40)}\ntype commit\ntag v6.1\ntagger T <t@x> 1 +0000\n\nLinux 6.1\n`;
  const signature = "-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n";
  const tag = splitSignedTag(payload + signature);
  expect(tag).toMatchObject({ name: "v6.1", object: "a".repeat(40) });
  expect(tag?.payload.toString()).toBe(payload);
  expect(tag?.signature.toString()).toBe(signature);
  expect(splitSignedTag(payload)).toBeUndefined();
  expect(splitSignedTag(payload.replace("type commit", "type tree") + signature)).toBeUndefined();
});

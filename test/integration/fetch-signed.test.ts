import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type Bench,
  bench,
  compress,
  kernelEntries,
  serve,
  type Site,
  site,
  tarOf,
} from "./fetch-support.ts";

/** Throw-away keys: one is pinned in the tests, the other is not. */
let home: string;
const gpg = (args: string[], input?: Buffer): Buffer =>
  execFileSync("gpg", ["--homedir", home, "--batch", "--quiet", "--no-tty", ...args], {
    input,
    stdio: ["pipe", "pipe", "ignore"],
  });
const sign = (data: Buffer, who = "pinned"): Buffer =>
  gpg(["--armor", "--local-user", who, "--detach-sign", "-o", "-"], data);

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "gpg-"));
  for (const who of ["pinned", "stranger"]) {
    gpg([
      "--passphrase",
      "",
      "--quick-generate-key",
      `${who} <${who}@test.invalid>`,
      "ed25519",
      "sign",
      "never",
    ]);
  }
});
afterAll(() => {
  execFileSync("gpgconf", ["--homedir", home, "--kill", "gpg-agent"]);
  rmSync(home, { recursive: true, force: true });
});

let b: Bench;
let web: Site | undefined;
beforeEach(() => {
  b = bench();
  b.file("kit/data/keys/test.asc", gpg(["--armor", "--export", "pinned"]));
});
afterEach(async () => {
  await web?.close();
  web = undefined;
  b.close();
});

const tar = tarOf(...kernelEntries("6.1.5"));
const xz = compress("xz", tar);

/** A mirror in a directory, laid out as kernel.org. */
function mirror(files: Readonly<Record<string, Buffer | string>>): string {
  for (const [name, data] of Object.entries(files)) b.file(join("mirror", name), data);
  return join(b.root, "mirror");
}

describe("a release from a mirror", () => {
  test("signed with a pinned key", async () => {
    const where = mirror({ "v6.x/linux-6.1.5.tar.xz": xz, "v6.x/linux-6.1.5.tar.sign": sign(tar) });
    const result = await b.fetch("6.1.5", { mirror: where });
    expect(result).toMatchObject({
      version: { text: "6.1.5" },
      trust: { how: "openpgp" },
      cached: false,
    });
    expect(result.trust.detail).toContain("pinned <pinned@test.invalid>");
    expect(b.cached().filter((name) => !name.startsWith("sources/linux-6.1.5-"))).toEqual([]);
    // The second time without any mirror: an exact release asks nobody.
    expect(await b.fetch("6.1.5", { mirror: "/nowhere" })).toEqual({ ...result, cached: true });
  });

  test("file:// and TARPIT_KIT_MIRROR, and a flat directory", async () => {
    const where = mirror({ "linux-6.1.5.tar.xz": xz, "linux-6.1.5.tar.sign": sign(tar) });
    expect(await b.fetch("6.1.5", { mirror: `file://${where}` })).toMatchObject({ cached: false });
    const env = { TARPIT_KIT_MIRROR: where };
    const other = { ...b.ports, host: { ...b.ports.host, env }, cacheDir: join(b.root, "cache2") };
    const { fetchSource } = await import("../../src/app/fetch.ts");
    expect(await fetchSource({ spec: "6.1.5", insecureSkipVerify: false }, other)).toMatchObject({
      cached: false,
    });
  });

  test("over http, resumed signature and all", async () => {
    web = await site((request, response) => {
      if (request.url === "/v6.x/linux-6.1.5.tar.xz") serve(xz, '"1"', request, response);
      else if (request.url === "/v6.x/linux-6.1.5.tar.sign")
        serve(sign(tar), '"2"', request, response);
      else response.writeHead(404).end();
    });
    expect(await b.fetch("6.1.5", { mirror: web.base })).toMatchObject({
      trust: { how: "openpgp" },
    });
    expect(await b.refusal("6.1.6", { mirror: web.base })).toMatchObject({
      exit: 2,
      code: "fetch.not-found",
    });
  });

  const refused: [string, () => Record<string, Buffer>, string][] = [
    [
      "changed content",
      () => ({
        "v6.x/linux-6.1.5.tar.xz": compress(
          "xz",
          tarOf(...kernelEntries("6.1.5"), { path: "linux-6.1.5/evil", body: "x" }),
        ),
        "v6.x/linux-6.1.5.tar.sign": sign(tar),
      }),
      "fetch.signature",
    ],
    [
      "a stranger's key",
      () => ({ "v6.x/linux-6.1.5.tar.xz": xz, "v6.x/linux-6.1.5.tar.sign": sign(tar, "stranger") }),
      "fetch.unverified",
    ],
    ["no signature", () => ({ "v6.x/linux-6.1.5.tar.xz": xz }), "fetch.unverified"],
    [
      "rubbish as signature",
      () => ({
        "v6.x/linux-6.1.5.tar.xz": xz,
        "v6.x/linux-6.1.5.tar.sign": Buffer.from("rubbish"),
      }),
      "fetch.unverified",
    ],
    [
      "a signature over the compressed file",
      () => ({ "v6.x/linux-6.1.5.tar.xz": xz, "v6.x/linux-6.1.5.tar.sign": sign(xz) }),
      "fetch.signature",
    ],
    [
      "a signed older release under a new name",
      () => ({ "v6.x/linux-6.1.99.tar.xz": xz, "v6.x/linux-6.1.99.tar.sign": sign(tar) }),
      "fetch.version",
    ],
  ];
  test.each(refused)("%s is refused, and nothing stays", async (_name, files, code) => {
    const where = mirror(files());
    const spec = code === "fetch.version" ? "6.1.99" : "6.1.5";
    const error = await b.refusal(spec, { mirror: where });
    expect(error).toMatchObject({ exit: 1, code });
    expect(error.trouble.next).toBeTruthy();
    expect(b.cached()).toEqual([]);
  });

  test("--insecure-skip-verify takes it loudly, apart from the verified ones", async () => {
    const where = mirror({
      "v6.x/linux-6.1.5.tar.xz": xz,
      "v6.x/linux-6.1.5.tar.sign": sign(tar, "stranger"),
    });
    const result = await b.fetch("6.1.5", { mirror: where, insecureSkipVerify: true });
    expect(result).toMatchObject({ trust: { how: "skipped" } });
    expect(b.log.lines.some((line) => line.startsWith("warning: NOT VERIFIED"))).toBe(true);
    expect(await b.refusal("6.1.5", { mirror: where })).toMatchObject({ code: "fetch.unverified" });
  });

  test("a pinned sha256 does without a signature", async () => {
    const sha256 = createHash("sha256").update(xz).digest("hex");
    const line = {
      line: "6.1",
      directory: "v6.x",
      tarballs: [{ version: "6.1.5", file: "linux-6.1.5.tar.xz", size: xz.length, sha256 }],
    };
    b.file("kit/data/kernels/6.1.json", JSON.stringify(line));
    const where = mirror({ "v6.x/linux-6.1.5.tar.xz": xz });
    expect(await b.fetch("6.1.5", { mirror: where })).toMatchObject({ trust: { how: "sha256" } });
  });

  test.each(["http://mirror.example/x", "ftp://a.example", "nonsense", "https://u:p@a.example/"])(
    "mirror %s is refused",
    async (where) => {
      expect(await b.refusal("6.1.5", { mirror: where })).toMatchObject({
        exit: 2,
        code: "fetch.mirror",
      });
    },
  );

  test("a release candidate points to its signed tag", async () => {
    const error = await b.refusal("6.12-rc1", { mirror: b.root });
    expect(error).toMatchObject({ exit: 2 });
    expect(error.trouble.next).toContain("#v6.12-rc1");
  });
});

describe("a line", () => {
  const release = (version: string) => {
    const data = tarOf(...kernelEntries(version));
    return {
      [`v6.x/linux-${version}.tar.xz`]: compress("xz", data),
      [`v6.x/linux-${version}.tar.sign`]: sign(data),
    };
  };
  test("is its newest release, by releases.json or by the names there", async () => {
    const where = mirror({
      ...release("6.1.9"),
      ...release("6.1.10"),
      "v6.x/linux-6.12.1.tar.xz": "x",
    });
    expect(await b.fetch("6.1", { mirror: where })).toMatchObject({ version: { text: "6.1.10" } });
    b.file(
      "mirror/releases.json",
      JSON.stringify({ releases: [{ version: "6.1.9", moniker: "longterm" }] }),
    );
    expect(await b.fetch("6.1", { mirror: where })).toMatchObject({ version: { text: "6.1.9" } });
    expect(await b.refusal("5.5", { mirror: where })).toMatchObject({
      exit: 2,
      code: "fetch.not-found",
    });
  });
  test("offline: the environment's error, with a way out", async () => {
    web = await site(() => undefined);
    await web.close();
    const error = await b.refusal("6.1", { mirror: web.base });
    expect(error).toMatchObject({ exit: 3, code: "fetch.network" });
    expect(error.trouble.next).toContain("debian:6.1");
  });
});

describe("a user's tarball with a signature beside it", () => {
  test("good: verified; wrong: refused; a stranger's: the user's word", async () => {
    b.file("linux.tar.xz", xz);
    b.file("linux.tar.sign", sign(tar));
    expect(await b.fetch("./linux.tar.xz")).toMatchObject({ trust: { how: "openpgp" } });
    b.file("wrong.tar.xz", xz);
    b.file("wrong.tar.sign", sign(Buffer.from("other")));
    expect(await b.refusal("./wrong.tar.xz")).toMatchObject({ exit: 1, code: "fetch.signature" });
    b.file("other.tar.xz", xz);
    b.file("other.tar.sign", sign(tar, "stranger"));
    expect(await b.fetch("./other.tar.xz")).toMatchObject({ trust: { how: "user" } });
  });
});

describe("git", () => {
  const git = (...args: string[]): string =>
    execFileSync(
      "git",
      [
        "-C",
        join(b.root, "repo"),
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@test.invalid",
        "-c",
        "gpg.program=gpg",
        ...args,
      ],
      {
        env: { ...process.env, GNUPGHOME: home, GIT_CONFIG_GLOBAL: "/dev/null" },
        stdio: ["ignore", "pipe", "ignore"],
      },
    )
      .toString()
      .trim();

  beforeEach(() => {
    mkdirSync(join(b.root, "repo"));
    writeFileSync(join(b.root, "k.tar"), tar);
    execFileSync("tar", [
      "-C",
      join(b.root, "repo"),
      "--strip-components=1",
      "-xf",
      join(b.root, "k.tar"),
    ]);
    git("init", "--quiet", "--initial-branch=main");
    git("add", "-A");
    git("commit", "--quiet", "-m", "one");
    git("tag", "-u", "pinned", "-m", "v6.1.5", "v6.1.5");
    git("tag", "-u", "stranger", "-m", "theirs", "theirs");
    git("tag", "plain");
  });

  test("a tag signed with a pinned key", async () => {
    const result = await b.fetch("git:./repo#v6.1.5");
    const commit = git("rev-parse", "HEAD");
    expect(result).toMatchObject({
      trust: { how: "openpgp" },
      id: `commit:${commit}`,
      origin: { commit },
      version: { text: "6.1.5" },
    });
    expect(b.cached().some((name) => name.includes("/.git/"))).toBe(false);
    expect(await b.fetch("git:./repo#v6.1.5")).toMatchObject({ cached: true });
  });

  test.each(["theirs", "plain", "main"])(
    "%s is refused, then taken by its commit hash",
    async (ref) => {
      const error = await b.refusal(`git:./repo#${ref}`);
      expect(error).toMatchObject({ exit: 1, code: "fetch.unverified" });
      expect(b.cached()).toEqual([]);
      const commit = git("rev-parse", `${ref}^{commit}`);
      expect(error.trouble.next).toContain(`#${commit}`);
      expect(await b.fetch(`git:./repo#${commit}`)).toMatchObject({ trust: { how: "commit" } });
      expect(await b.fetch(`git:./repo#${ref}`, { insecureSkipVerify: true })).toMatchObject({
        trust: { how: "skipped" },
      });
    },
  );

  test("a signed tag under another name is refused", async () => {
    git("update-ref", "refs/tags/v6.1.9", git("rev-parse", "refs/tags/v6.1.5"));
    const error = await b.refusal("git:./repo#v6.1.9");
    expect(error).toMatchObject({ exit: 1 });
    expect(error.trouble.what).toContain("another one's content");
  });

  test("a link out of the tree is refused before it is checked out", async () => {
    symlinkSync("/etc", join(b.root, "repo", "out"));
    git("add", "-A");
    git("commit", "--quiet", "-m", "two");
    expect(await b.refusal(`git:./repo#${git("rev-parse", "HEAD")}`)).toMatchObject({
      exit: 2,
      code: "fetch.archive",
    });
    expect(b.cached()).toEqual([]);
  });

  test("no such tag; no such repository", async () => {
    expect(await b.refusal("git:./repo#v9")).toMatchObject({ exit: 2, code: "fetch.not-found" });
    expect(await b.refusal("git:./nothing#v9")).toMatchObject({ exit: 3, code: "fetch.git" });
  });
});

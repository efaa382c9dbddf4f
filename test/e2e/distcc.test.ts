import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root, sha256 } from "../support/artifacts.ts";
import { kitOk, launcher, scratch, tool } from "../support/cli.ts";
import { NetHosts } from "../support/net-hosts.ts";

const { dir, remove } = scratch("distcc");
const cache = process.env["TARPIT_KIT_CACHE"] ?? join(homedir(), ".cache/tarpit-kit");
let hosts: NetHosts;

/** A small kernel: what the target needs and no more. */
const kernel = ["build", "--arch", "sparc64", "--kernel", "debian:6.1", "--base", "allnoconfig"];
const small = [...kernel, "--set", "MODULES=y", "--userland", "64"];

const logOf = (name: string): string => join(dir, `${name}.log`);
/** Compilations a host has done; distccd writes one COMPILE_OK line each. */
const done = (name: string): number =>
  existsSync(logOf(name))
    ? (readFileSync(logOf(name), "utf8").match(/COMPILE_OK/g)?.length ?? 0)
    : 0;

beforeAll(() => {
  kitOk(["fetch", "debian:6.1"]);
  // distccd runs compilers that have a link there, and no others (distccd(1), update-distcc-symlinks(1)).
  tool("update-distcc-symlinks", []);
  hosts = new NetHosts(2);
  for (const { name, address, daemon } of hosts.hosts) {
    const serve = ["--no-detach", "--daemon", "--jobs", "4", "--log-level", "info", "--log-stderr"];
    daemon("distccd", [...serve, "--listen", address, "--allow", "10.77.0.0/16"], logOf(name));
  }
});
afterAll(() => {
  hosts?.close();
  remove();
});

describe("a kernel compiled on two hosts", () => {
  test("one is cut off in mid-build: the build ends well, and every byte is what a build here makes", async () => {
    const [first, second] = hosts.hosts as readonly [NetHosts["hosts"][0], NetHosts["hosts"][0]];
    const own = join(dir, "cache");
    for (const name of [own, join(dir, "distcc")]) mkdirSync(name);
    for (const name of ["sources", "downloads", "apt"])
      if (existsSync(join(cache, name))) symlinkSync(join(cache, name), join(own, name));
    const ended = onClient(
      [...small, "--launcher", "distcc", "--out", join(dir, "far"), "--json"],
      {
        TARPIT_KIT_CACHE: own,
        DISTCC_DIR: join(dir, "distcc"),
        DISTCC_HOSTS: hosts.hosts.map(({ address }) => `${address}/4,lzo`).join(" "),
        DISTCC_IO_TIMEOUT: "15",
      },
    );
    await until(() => done(first.name) >= 25 && done(second.name) >= 25, ended);
    second.cut();
    const atCut = done(second.name);
    const far = await ended;
    expect(far.code, far.output.slice(-4000)).toBe(0);
    // What it had in hand when the cable went may still be compiled; nothing new comes.
    expect(done(second.name)).toBeLessThanOrEqual(atCut + 4);
    const { compiled, dir: made } = (JSON.parse(far.stdout) as Told).results[0];
    expect(compiled).toBeGreaterThan(atCut + 100);
    expect(done(first.name)).toBeGreaterThan(atCut);
    const near = kitOk([...small, ...launcher(), "--out", join(dir, "near")]);
    for (const name of ["vmlinux", "image", "System.map", "config", "modules.tar.gz"])
      expect(sha256(join(made, name)), name).toBe(sha256(join(near, name)));
    console.log(
      `distcc: ${compiled} files, ${done(first.name)} on the first host, ${atCut} on the second before it was cut off`,
    );
  });
});

interface Told {
  readonly results: readonly [{ readonly compiled: number; readonly dir: string }];
}
interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly output: string;
}

function onClient(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const [program, words] = hosts.command(process.execPath, [join(root, "dist/bin.js"), ...args]);
  const child = spawn(program, words, { env: { ...process.env, ...env, NO_COLOR: "1" } });
  let [stdout, output] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => ((stdout += chunk), (output += chunk)));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk));
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code, stdout, output }));
  });
}

async function until(true_: () => boolean, ended: Promise<Ended>): Promise<void> {
  let over: Ended | undefined;
  void ended.then((result) => (over = result));
  while (!true_()) {
    if (over) throw new Error(`it ended before (exit ${over.code}):\n${over.output.slice(-4000)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { prove, type ProveResult } from "../../src/app/prove.ts";
import { realWorld } from "../../src/infra/world.ts";
import type { Log } from "../../src/ports.ts";
import { kitOk, launcher, scratch as outputDir } from "../support/cli.ts";

/**
 * Boots what `build` makes (a second build of the same kernel compiles nothing). Every case is red
 * if the behaviour is gone: the second half takes something away and wants to see that.
 */
const { dir: out, remove } = outputDir("prove");
let built = "";
beforeAll(() => {
  built = kitOk(["build", "--arch", "sparc64", "--install", "--out", out, ...launcher()]);
});
afterAll(remove);

const log: Log = {
  stage: () => undefined,
  info: () => undefined,
  warn: (text) => void process.stderr.write(`${text}\n`),
  detail: () => undefined,
  progress: () => undefined,
};

const run = (artifacts: string, timeoutSeconds = 300): Promise<ProveResult> =>
  prove({ artifacts, timeoutSeconds }, realWorld(log).ports);

const failed = (result: ProveResult): readonly string[] =>
  result.results
    .filter((one) => !one.ok)
    .map((one) =>
      [
        one.abi,
        one.path,
        one.family,
        one.variant,
        one.case,
        one.detail,
        ...(one.packets ?? []),
      ].join(" | "),
    );

const scratch: string[] = [];
afterAll(() => {
  for (const dir of scratch) rmSync(dir, { recursive: true, force: true });
});

/** A copy of the artifacts to break. */
function copyOf(dir: string): string {
  const copy = mkdtempSync(join(tmpdir(), "prove-e2e-"));
  scratch.push(copy);
  cpSync(dir, copy, { recursive: true });
  return copy;
}

const abisOf = (dir: string): readonly string[] =>
  (JSON.parse(readFileSync(join(dir, "metadata.json"), "utf8")) as { abis: string[] }).abis;

describe("prove", () => {
  test("everything holds, for every ABI, path and family", async () => {
    const dir = built;
    const result = await run(dir);
    expect(failed(result)).toEqual([]);
    expect(result.ok).toBe(true);
    const seen = new Set(result.results.map((one) => `${one.abi} ${one.path} ${one.family}`));
    const all = abisOf(dir).flatMap((abi) =>
      ["rule", "wire", "loopback"].flatMap((path) =>
        ["ipv4", "ipv6"].map((family) => `${abi} ${path} ${family}`),
      ),
    );
    expect(all.filter((one) => !seen.has(one))).toEqual([]);
    expect(result.evidence).toBeUndefined();
  });

  test("a module that is not in modules.tar.gz is named", async () => {
    const dir = copyOf(built);
    const tar = join(dir, "modules.tar.gz");
    const empty = spawnSync("tar", ["-czf", tar, "--files-from", "/dev/null"]);
    expect(empty.status).toBe(0);
    await expect(run(dir)).rejects.toMatchObject({ exit: 1, code: "prove.module-missing" });
  });

  test("an extension that is none makes the rules fail, with iptables' own words", async () => {
    const dir = copyOf(built);
    const [abi] = abisOf(dir);
    for (const name of ["libipt_TARPIT.so", "libxt_TARPIT.so"])
      writeFileSync(join(dir, "extensions", abi as string, name), "no ELF");
    const error = await run(dir).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ exit: 1, code: "prove.rule" });
    expect(JSON.stringify(error)).toMatch(/Couldn't load target/);
  });

  test("an image that does not boot: the time is up, and what there was on the console is shown", async () => {
    const dir = copyOf(built);
    const image = ["image", "bzImage"]
      .map((name) => join(dir, name))
      .find((path) => existsSync(path));
    const bytes = readFileSync(image as string);
    writeFileSync(image as string, bytes.fill(0, bytes.length >> 2));
    const error = await run(dir, 20).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ exit: 1 });
    expect((error as { code: string }).code).toMatch(/^prove\.(timeout|guest-died)$/);
  });
});

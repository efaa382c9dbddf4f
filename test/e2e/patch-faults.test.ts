import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fingerprint, layOut, notOurs, toySeries, toyTree } from "../integration/patch-support.ts";
import { root } from "../support/artifacts.ts";
import { scratch, tool } from "../support/cli.ts";

/**
 * The real program, really killed: SIGKILL before every call that changes the file system (the
 * state after a call is the state before the next one) and halfway through every file's bytes;
 * a disk that is full from any call on; and a real file system with no room left.
 */
const { dir, remove } = scratch("faults");
afterAll(remove);

interface Ran {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}
function patch(
  tree: string,
  args: readonly string[],
  strike?: string,
  count?: string,
): Promise<Ran> {
  const hook =
    strike === undefined && count === undefined
      ? []
      : ["--import", join(root, "test/support/strike.mjs")];
  const series = join(dir, "patches/linux-6.1.series");
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [...hook, join(root, "dist/bin.js"), "patch", "--json", "--series", series, ...args, tree],
      {
        env: {
          ...process.env,
          ...(strike === undefined ? {} : { STRIKE: strike }),
          ...(count === undefined ? {} : { STRIKE_COUNT: count }),
        },
      },
    );
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    child.on("close", (code, signal) => resolve({ code, signal, out, err }));
  });
}
const recoveredOf = ({ out }: Ran): string | undefined =>
  (JSON.parse(out) as { results?: { recovered?: string }[] }).results?.[0]?.recovered;
const errorOf = ({ out }: Ran): string | undefined =>
  (JSON.parse(out) as { error?: { code: string } }).error?.code;

/** Both cores: two at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}

interface Scene {
  readonly args: readonly string[];
  readonly start: string;
  readonly goal: readonly string[];
  readonly before: readonly string[];
  readonly calls: number;
  readonly bytes: readonly number[];
}
const scenes: Record<string, Scene> = {};
const ways = ["apply", "reverse"] as const;

beforeAll(async () => {
  layOut(join(dir, "patches"), toySeries);
  const plain = layOut(join(dir, "plain"), toyTree);
  const patched = join(dir, "patched");
  cpSync(plain, patched, { recursive: true });
  expect((await patch(patched, [])).code).toBe(0);
  for (const way of ways) {
    const start = way === "apply" ? plain : patched;
    const args = way === "apply" ? [] : ["--reverse"];
    const whole = join(dir, `whole-${way}`);
    cpSync(start, whole, { recursive: true });
    const count = join(dir, `count-${way}`);
    expect((await patch(whole, args, undefined, count)).code).toBe(0);
    const counted = JSON.parse(readFileSync(count, "utf8")) as { calls: number; bytes: number[] };
    scenes[way] = {
      args,
      start,
      goal: fingerprint(whole),
      before: fingerprint(start, notOurs),
      ...counted,
    };
  }
});

describe.each(ways)("%s", (way) => {
  const scene = (): Scene => scenes[way] as Scene;
  /** A tree after a run that was struck. */
  async function struck(strike: string): Promise<{ tree: string; ran: Ran }> {
    const tree = join(dir, `${way}-${strike.replace(":", "-")}`);
    cpSync(scene().start, tree, { recursive: true });
    return { tree, ran: await patch(tree, scene().args, strike) };
  }

  test("killed at every write point: the next run says what became of it, and ends as if nothing had been", async () => {
    const { calls, bytes, goal, before, args } = scene();
    expect(calls).toBeGreaterThan(25);
    expect(bytes.length).toBeGreaterThan(4);
    const points = [
      ...Array.from({ length: calls }, (_, index) => `${index + 1}:before`),
      ...bytes.map((call) => `${call}:half`),
    ];
    const seen = new Set<string | undefined>();
    await each(points, async (strike) => {
      const { tree, ran } = await struck(strike);
      expect(ran.signal, strike).toBe("SIGKILL");
      const other = `${tree}-other`;
      cpSync(tree, other, { recursive: true });
      const next = await patch(tree, args);
      expect(next.code, `${strike}: ${next.err}`).toBe(0);
      expect(fingerprint(tree), strike).toEqual(goal);
      const recovered = recoveredOf(next);
      seen.add(recovered);
      // Told to a person as well as to a program.
      expect(/cut off/.test(next.err), `${strike}: ${next.err}`).toBe(recovered !== undefined);
      // The other way round: what was begun can be taken back just as well.
      const back = await patch(other, way === "apply" ? ["--reverse"] : []);
      expect(back.code, `${strike}: ${back.err}`).toBe(0);
      if (way === "apply") expect(fingerprint(other, notOurs), strike).toEqual(before);
      for (const gone of [tree, other]) rmSync(gone, { recursive: true });
    });
    expect([...seen].map(String).toSorted()).toEqual(["cleared-up", "finished", "undefined"]);
  });

  test("a disk that is full from any call on: the tree is as it was, or whole", async () => {
    const { calls, goal, before, args } = scene();
    const seen = new Set<string | undefined>();
    await each(
      Array.from({ length: calls }, (_, index) => index + 1),
      async (call) => {
        const { tree, ran } = await struck(`${call}:full`);
        seen.add(ran.code === 0 ? "done" : errorOf(ran));
        if (ran.code !== 0) {
          expect(ran.code, `call ${call}: ${ran.out}`).toBe(3);
          // Names alone are changed by then: a disk may refuse even that, when all files are in place.
          const all = errorOf(ran) === "patch.unrecorded";
          const want = all ? goal.filter((line) => !line.startsWith(".tarpit-kit")) : before;
          expect(fingerprint(tree, notOurs), `call ${call}`).toEqual(want);
        }
        expect((await patch(tree, args)).code).toBe(0);
        expect(fingerprint(tree), `call ${call}`).toEqual(goal);
        rmSync(tree, { recursive: true });
      },
    );
    expect(seen).toContain("patch.disk-full");
    expect(seen).toContain("done");
  });
});

test("a file system without room: nothing but a message, or all of it", async () => {
  const { start, goal, before } = scenes["apply"] as Scene;
  const small = join(dir, "small");
  mkdirSync(small);
  tool("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
  try {
    const tree = join(small, "tree");
    cpSync(start, tree, { recursive: true });
    const seen = new Set<string>();
    for (let pages = 0; pages <= 24; pages += 1) {
      const { bavail, bsize } = statfsSync(small);
      writeFileSync(join(small, "filler"), Buffer.alloc(Math.max(0, bavail - pages) * bsize));
      const ran = await patch(tree, []);
      seen.add(ran.code === 0 ? "done" : (errorOf(ran) ?? ""));
      rmSync(join(small, "filler"));
      expect(existsSync(join(tree, ".tarpit-kit/journal"))).toBe(false);
      expect(fingerprint(tree, notOurs), `${pages} pages`).toEqual(
        ran.code === 0 ? goal.filter((line) => !line.startsWith(".tarpit-kit")) : before,
      );
      if (ran.code !== 0) continue;
      expect((await patch(tree, ["--reverse"])).code).toBe(0);
    }
    expect(seen).toContain("done");
    expect([...seen].some((code) => code !== "done")).toBe(true);
  } finally {
    tool("umount", [small]);
  }
});

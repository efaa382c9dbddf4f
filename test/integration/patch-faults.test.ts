import { cpSync, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFiles } from "../../src/infra/files.ts";
import type { Files } from "../../src/ports.ts";
import {
  fingerprint,
  layOut,
  layOutToy,
  makeDirectory,
  notOurs,
  portsFor,
  run,
} from "./patch-support.ts";

let dir = "";
beforeEach(() => {
  dir = makeDirectory();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

type Fault = (
  call: number,
  method: string,
  args: readonly unknown[],
) => "before" | "after" | Error | undefined;

class Killed extends Error {}

/** A Files port in which a fault strikes at a call. After a kill nothing works any more, as in a dead process. */
function faulty(fault: Fault): { files: Files; calls: () => number; struck: () => boolean } {
  const real = createFiles();
  let calls = 0;
  let dead = false;
  let struck = false;
  const files = new Proxy(real, {
    get: (target, method: string) => {
      const original = target[method as keyof Files] as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        if (dead) throw new Killed();
        calls += 1;
        const what = fault(calls, method, args);
        if (what === undefined) return original(...args);
        struck = true;
        if (what instanceof Error) throw what;
        dead = true;
        if (what === "after") await original(...args);
        throw new Killed();
      };
    },
  });
  return { files, calls: () => calls, struck: () => struck };
}

/** The lock of a dead process; this one lives on, so the lock has to be told. */
const forgetLock = (tree: string): void =>
  rmSync(join(tree, ".tarpit-kit", "lock"), { force: true });

const readers = new Set([
  "stat",
  "list",
  "readText",
  "readBytes",
  "realpath",
  "sha256",
  "readSlice",
  "readlink",
]);

const originals = (tree: string): string[] => {
  const place = join(tree, ".tarpit-kit/original");
  return existsSync(place) ? readdirSync(place).toSorted() : [];
};

interface Case {
  readonly name: string;
  readonly reverse: boolean;
  readonly until?: string;
  readonly prepare?: string;
}
const cases: readonly Case[] = [
  { name: "apply", reverse: false },
  { name: "reverse", reverse: true, prepare: "line/last.patch" },
  { name: "apply the rest", reverse: false, prepare: "common/kconfig.patch" },
  {
    name: "reverse a part",
    reverse: true,
    until: "common/kconfig.patch",
    prepare: "line/last.patch",
  },
];

async function setUp(
  { prepare }: Case,
  name: string,
): Promise<{ tree: string; kit: string; before: string[] }> {
  const { tree, kit } = layOutToy(join(dir, name));
  if (prepare !== undefined) await run(tree, "linux-6.1", portsFor(kit), { until: prepare });
  return { tree, kit, before: fingerprint(tree, notOurs) };
}

describe.each(cases)("killed at any point: $name", (one) => {
  const more = { reverse: one.reverse, ...(one.until === undefined ? {} : { until: one.until }) };
  it.each(["before", "after"] as const)(
    "%s the call: the same command again ends as if nothing had been",
    async (when) => {
      const whole = await setUp(one, "whole");
      const counter = faulty(() => undefined);
      await run(whole.tree, "linux-6.1", portsFor(whole.kit, counter.files), more);
      const goal = fingerprint(whole.tree);
      expect(counter.calls()).toBeGreaterThan(20);
      const seen = new Set<string>();
      const fresh = await setUp(one, "fresh");
      for (let n = 1; n <= counter.calls(); n += 1) {
        const tree = join(dir, "tree");
        rmSync(tree, { recursive: true, force: true });
        cpSync(fresh.tree, tree, { recursive: true });
        const { files } = faulty((call) => (call === n ? when : undefined));
        await run(tree, "linux-6.1", portsFor(fresh.kit, files), more).catch((error: unknown) => {
          seen.add(error instanceof Killed ? "killed" : String((error as { code?: string }).code));
        });
        forgetLock(tree);
        const ports = portsFor(fresh.kit);
        await run(tree, "linux-6.1", ports, more);
        for (const line of ports.log.lines) seen.add(line);
        expect(fingerprint(tree), `call ${n}`).toEqual(goal);
      }
      expect([...seen].some((line) => line.includes("finished it"))).toBe(true);
      expect([...seen].some((line) => line.includes("before it changed anything"))).toBe(true);
    },
  );
});

describe.each(cases)("a full disk at any point: $name", (one) => {
  const more = { reverse: one.reverse, ...(one.until === undefined ? {} : { until: one.until }) };
  it("leaves the tree as it was, with one message, or whole", async () => {
    const fresh = await setUp(one, "fresh");
    const whole = await setUp(one, "whole");
    const counter = faulty(() => undefined);
    await run(whole.tree, "linux-6.1", portsFor(whole.kit, counter.files), more);
    const goal = fingerprint(whole.tree);
    const goalFiles = fingerprint(whole.tree, notOurs);
    const codes = new Set<string>();
    for (let n = 1; n <= counter.calls(); n += 1) {
      const tree = join(dir, "tree");
      rmSync(tree, { recursive: true, force: true });
      cpSync(fresh.tree, tree, { recursive: true });
      const full = Object.assign(new Error("ENOSPC: no space left"), {
        code: "ENOSPC",
        path: tree,
      });
      const { files, struck } = faulty((call, method) =>
        call === n && !readers.has(method) ? full : undefined,
      );
      const outcome = await run(tree, "linux-6.1", portsFor(fresh.kit, files), more).then(
        () => "done",
        (error: { exit?: number; code?: string }) => {
          codes.add(String(error.code));
          expect(error.exit, `call ${n}: ${String(error.code)}`).toBe(3);
          return error.code;
        },
      );
      if (!struck()) continue;
      const left = fingerprint(tree, notOurs);
      if (outcome === "patch.disk-full") {
        expect(left, `call ${n}`).toEqual(fresh.before);
        expect(originals(tree), `call ${n}`).toEqual(originals(fresh.tree));
      } else expect(left, `call ${n}`).toEqual(goalFiles);
      forgetLock(tree);
      await run(tree, "linux-6.1", portsFor(fresh.kit), more);
      expect(fingerprint(tree), `call ${n}`).toEqual(goal);
      expect(existsSync(join(tree, ".tarpit-kit", "journal"))).toBe(false);
    }
    expect(codes).toContain("patch.disk-full");
  });
});

it("takes a killed roll-back up again", async () => {
  const fresh = await setUp(cases[0] as Case, "fresh");
  for (let n = 1; n < 60; n += 1) {
    const tree = join(dir, "tree");
    rmSync(tree, { recursive: true, force: true });
    cpSync(fresh.tree, tree, { recursive: true });
    // The disk fills up at the last replacement, and the process is killed n calls later.
    let full = 0;
    const { files } = faulty((call, method, args) => {
      if (full > 0) return call === full + n ? "before" : undefined;
      if (method !== "rename" || !String(args[1]).endsWith("deep/new.c")) return undefined;
      full = call;
      return Object.assign(new Error("ENOSPC"), { code: "ENOSPC", path: tree });
    });
    await expect(run(tree, "linux-6.1", portsFor(fresh.kit, files))).rejects.toThrow();
    forgetLock(tree);
    await run(tree, "linux-6.1", portsFor(fresh.kit), { reverse: true });
    expect(fingerprint(tree, notOurs), `kill ${n} calls later`).toEqual(fresh.before);
  }
});

it("gives files that are alike their own bytes back", async () => {
  const hunk = (name: string): string =>
    `--- a/${name}\n+++ b/${name}\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n`;
  const tree = join(dir, "tree");
  const patches = join(dir, "patches");
  layOut(tree, Object.fromEntries(["a", "b", "c"].map((name) => [name, "one\ntwo\nthree\n"])));
  layOut(patches, { series: "p.patch\n", "p.patch": ["a", "b", "c"].map(hunk).join("") });
  const before = fingerprint(tree);
  const apart = (): void => {
    const inodes = new Set(["a", "b", "c"].map((name) => statSync(join(tree, name)).ino));
    expect(inodes.size).toBe(3);
    for (const name of ["a", "b", "c"]) expect(statSync(join(tree, name)).nlink).toBe(1);
  };
  for (const last of ["a", "b", "c"]) {
    const { files, struck } = faulty((_, method, args) =>
      method === "rename" && args[1] === join(tree, last)
        ? Object.assign(new Error("ENOSPC"), { code: "ENOSPC", path: tree })
        : undefined,
    );
    // The roll-back renames to the same place: the fault is over by then.
    let over = false;
    const once = new Proxy(files, {
      get: (target, method: keyof Files) => {
        if (over) return createFiles()[method];
        if (struck()) over = true;
        return over ? createFiles()[method] : target[method];
      },
    });
    await expect(run(tree, patches, portsFor(dir, once))).rejects.toThrow();
    expect(struck()).toBe(true);
    expect(fingerprint(tree)).toEqual(before);
    apart();
  }
  await run(tree, patches, portsFor(dir));
  expect(originals(tree)).toHaveLength(1);
  apart();
  await run(tree, patches, portsFor(dir), { reverse: true });
  expect(fingerprint(tree)).toEqual(before);
  apart();
});

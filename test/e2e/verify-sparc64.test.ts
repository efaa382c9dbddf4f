import { cpSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { realWorld } from "../../src/infra/world.ts";
import { kitOk, launcher, scratch } from "../support/cli.ts";
import { recordFacts, type Scenario } from "../support/facts-guest.ts";
import { expected, foundIn, keepFixture } from "../support/facts-fixtures.ts";
import { MemoryLog } from "../support/ports.ts";

/**
 * Facts of sparc64 machines, recorded in QEMU: a 64-bit kernel under iptables of both widths, with and
 * without the kernel's translation layer, and each thing that can be missing or wrong (test/guest/facts.sh).
 */
const { dir, remove } = scratch("facts");
afterAll(remove);

const narrow = ["good", "limit", "nflog", "log", "no-so", "stale", "no-module", "ulog"];
const machines: readonly Scenario[] = [
  ...narrow.map((name): Scenario => ({ name, abi: "sparc" })),
  { name: "good", abi: "sparc64" },
  { name: "other-width", abi: "sparc64" },
];
const withoutLayer: readonly Scenario[] = [
  { name: "compat-off", abi: "sparc" },
  { name: "compat-off", abi: "sparc64" },
];

describe("sparc64 machines", () => {
  const found = new Map<string, string>();
  beforeAll(async () => {
    const { ports } = realWorld(new MemoryLog());
    // The kernel of sparc64.test.ts and prove.test.ts.
    const main = kitOk([
      "build",
      "--arch",
      "sparc64",
      "--install",
      "--out",
      join(dir, "main"),
      ...launcher(),
    ]);
    const off = kitOk([
      ...["build", "--arch", "sparc64", "--userland", "64", "--set", "NETFILTER_XTABLES_COMPAT=n"],
      ...["--out", join(dir, "off"), ...launcher()],
    ]);
    cpSync(join(main, "extensions/sparc"), join(off, "extensions/sparc"), { recursive: true });
    for (const [artifacts, scenarios] of [
      [main, machines],
      [off, withoutLayer],
    ] as const)
      for (const [name, text] of await recordFacts(
        artifacts,
        scenarios,
        join(dir, `guest-${found.size}`),
        ports,
      ))
        found.set(name, text);
  });

  test.each([...machines, ...withoutLayer].map(({ name, abi }) => `${name}-${abi}`))(
    "%s",
    (name) => {
      const text = found.get(name);
      if (text === undefined) throw new Error(`the guest did not come to ${name}`);
      keepFixture(name, text);
      expect(foundIn(text)).toEqual(expected[name]);
    },
  );
});

import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { realWorld } from "../../src/infra/world.ts";
import { kitOk, launcher, scratch } from "../support/cli.ts";
import { expected, foundIn, keepFixture } from "../support/facts-fixtures.ts";
import { oldIptables, recordOldFacts, type OldScenario } from "../support/facts-guest-2.4.ts";
import { MemoryLog } from "../support/ports.ts";

/**
 * Facts of machines with Linux 2.4, recorded in QEMU (test/guest/facts-2.4.sh): the target as a module, which
 * is loaded as modutils did, and built in. iptables of that age comes from TARPIT_KIT_IPTABLES_2_4.
 */
const tree = join(process.env["TARPIT_KIT_LINUX_2_4"] ?? "", "2.4.37.11");
const { dir, remove } = scratch("facts-2.4");
afterAll(remove);

const of = (
  width: "sparc64" | "sparc",
  names: readonly string[],
  iptables: string = width,
): OldScenario[] => names.map((name) => ({ name, width, iptables }));
/** One boot each: a RAM disk has no room for every iptables. */
const given = oldIptables !== "";
const wide = [
  ...of("sparc64", ["no-iptables"]),
  ...(given
    ? [
        ...of("sparc64", ["good", "log", "limit", "not-loaded", "no-module", "no-depmod"]),
        ...of("sparc64", ["no-so", "other-so"]),
      ]
    : []),
];
const narrow = [
  ...of("sparc", ["no-iptables"]),
  ...(given
    ? [
        ...of("sparc", ["good", "log", "refused"]),
        ...of("sparc", ["limit", "ulog"], "sparc-split"),
        ...of("sparc", ["older"], "sparc-1.2.9"),
      ]
    : []),
];
const builtin = given ? of("sparc64", ["built-in"]) : [];

describe.runIf(existsSync(join(tree, "Makefile")))(
  "machines with 2.4.37.11 of TARPIT_KIT_LINUX_2_4",
  () => {
    const found = new Map<string, string>();
    const build = (out: string, ...set: readonly string[]): string =>
      kitOk([
        ...["build", "--arch", "sparc64", "--tree", tree, "--profile", "sparc64-2.4-emulator"],
        ...["--out", join(dir, out), "--install", ...set, ...launcher()],
      ]);
    const record = async (artifacts: string, scenarios: readonly OldScenario[]): Promise<void> => {
      const { ports } = realWorld(new MemoryLog());
      const work = join(dir, `guest-${found.size}`);
      for (const [name, text] of await recordOldFacts(artifacts, scenarios, work, ports))
        found.set(name, text);
    };

    beforeAll(async () => {
      const names = ["IP_NF_TARGET_LOG", "IP_NF_TARGET_ULOG", "IP_NF_MATCH_LIMIT"];
      const more = names.flatMap((name) => ["--set", `${name}=y`]);
      const module = build("module", ...more, "--set", "IP_NF_TARGET_TARPIT=m");
      await record(module, wide);
      await record(module, narrow);
      if (given) await record(build("built-in"), builtin);
    });

    test.each([...wide, ...narrow, ...builtin].map(({ name, width }) => `${name}-2.4-${width}`))(
      "%s",
      (name) => {
        const text = found.get(name);
        if (text === undefined) throw new Error(`the guest did not come to ${name}`);
        keepFixture(name, text);
        expect(foundIn(text)).toEqual(expected[name]);
      },
    );
  },
);

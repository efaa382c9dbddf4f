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
const loadable = [
  ...of("sparc64", ["no-iptables"]),
  ...of("sparc", ["no-iptables"]),
  ...(oldIptables === ""
    ? []
    : [
        ...of("sparc64", ["good", "log", "limit", "not-loaded", "no-module", "no-depmod"]),
        ...of("sparc64", ["no-so", "other-so"]),
        ...of("sparc", ["good", "log", "refused"]),
        ...of("sparc", ["limit", "ulog"], "sparc-split"),
      ]),
];
const builtin = oldIptables === "" ? [] : of("sparc64", ["built-in"]);

describe.runIf(existsSync(join(tree, "Makefile")))(
  "machines with 2.4.37.11 of TARPIT_KIT_LINUX_2_4",
  () => {
    const found = new Map<string, string>();
    beforeAll(async () => {
      const { ports } = realWorld(new MemoryLog());
      const names = ["IP_NF_TARGET_LOG", "IP_NF_TARGET_ULOG", "IP_NF_MATCH_LIMIT"];
      const more = names.flatMap((name) => ["--set", `${name}=y`]);
      for (const [kind, scenarios, ...set] of [
        ["module", loadable, ...more, "--set", "IP_NF_TARGET_TARPIT=m"],
        ["built-in", builtin],
      ] as [string, OldScenario[], ...string[]][]) {
        if (scenarios.length === 0) continue;
        const artifacts = kitOk([
          ...["build", "--arch", "sparc64", "--tree", tree, "--profile", "sparc64-2.4-emulator"],
          ...["--out", join(dir, kind), "--install", ...set, ...launcher()],
        ]);
        const recorded = await recordOldFacts(
          artifacts,
          scenarios,
          join(dir, `${kind}-guest`),
          ports,
        );
        for (const [name, text] of recorded) found.set(name, text);
      }
    });

    test.each([...loadable, ...builtin].map(({ name, width }) => `${name}-2.4-${width}`))(
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

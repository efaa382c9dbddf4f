import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../support/artifacts.ts";
import { kitOk, launcher, scratch } from "../support/cli.ts";
import {
  artifactModules,
  complaints,
  type GuestReport,
  packGuest,
  type ReportLine,
  runLabGuest,
} from "../support/lab-guest.ts";

/**
 * The target against crafted segments and Linux peers, driven by Debian's own iptables with Debian's
 * own libxt_TARPIT.so (test/guest/target.py). The kernel is the one of x86_64.test.ts. TARPIT_KIT_GROUPS=VRF,peer_table
 * runs these groups alone.
 */
const { dir, remove } = scratch("target");
afterAll(remove);

/** A line of the guest's report (test/guest/target.py). */
interface Check extends ReportLine {
  readonly group: string;
  readonly name: string;
  readonly ok: boolean;
  readonly info: string;
}

/** How many checks each group makes at least: a guest that dies early must not look like success. */
const groups: readonly (readonly [string, number])[] = [
  ["network", 1],
  ["legacy rules", 22],
  ["variant byte", 12],
  ["fragments", 6],
  ["tarpit", 498],
  ["honeypot", 100],
  ["reset", 90],
  ["packets", 13],
  ["ways", 18],
  ["offloads", 40],
  ["leftovers", 88],
  ["Linux peers", 15],
  ["policy routing", 4],
  ["VRF", 11],
  ["bridge", 5],
  ["facing", 36],
  ["ceiling", 2],
  ["random packets", 2],
  ["conntrack", 470],
  ["keys", 76],
  ["policies", 30],
  ["peer table", 49],
  ["whole table", 5],
  ["revision 1", 168],
  ["unload", 1],
  ["nft rules", 22],
  ["nft variants", 372],
  ["nft Linux peers", 15],
  ["nft queue", 8],
  ["nft revision 1", 168],
  ["nft conntrack", 156],
  ["nft unload", 1],
];

const full = process.env["TARPIT_KIT_FULL"] === "1";

describe.each(full ? ["debian:6.12", "debian:6.1"] : ["debian:6.12"])("TARPIT on %s", (kernel) => {
  let ran: GuestReport = { lines: [], finished: false, console: "" };
  let checks: readonly Check[] = [];
  beforeAll(async () => {
    const artifacts = kitOk([
      ...["build", "--arch", "x86_64", "--kernel", kernel],
      ...["--fragment", join(root, "test/guest/lab.config")],
      ...["--install", "--out", join(dir, "out"), ...launcher()],
    ]);
    const work = join(dir, "guest");
    const initramfs = packGuest(
      {
        script: "target.py",
        programs: ["/usr/sbin/tc"],
        modules: artifactModules(artifacts, work),
        files: {
          // Beside Debian's, which stays what the rules are made with unless XTABLES_LIBDIR says otherwise.
          "usr/lib/tarpit-kit/libxt_TARPIT.so": readFileSync(
            join(artifacts, "extensions/x86_64/libxt_TARPIT.so"),
          ),
        },
      },
      work,
    );
    ran = await runLabGuest({
      image: join(artifacts, "bzImage"),
      initramfs,
      work,
      settings: { groups: process.env["TARPIT_KIT_GROUPS"] ?? "" },
      timeoutMs: 8 * 60_000,
    });
    checks = ran.lines.filter((line): line is Check => line.key === "check");
  });

  test.each(groups)("%s", (group, floor) => {
    const made = checks.filter((one) => one.group === group);
    expect(made.filter((one) => !one.ok).map((one) => `${one.name}: ${one.info}`)).toEqual([]);
    expect(made.length).toBeGreaterThanOrEqual(floor);
  });

  test("the guest ran to its end, every group is one of the above", () => {
    expect(ran.lines.filter(({ key }) => key === "error")).toEqual([]);
    expect(ran.finished, ran.console.slice(-2000)).toBe(true);
    const known = new Set(groups.map(([group]) => group));
    expect(checks.filter((one) => !known.has(one.group))).toEqual([]);
  });

  test("the kernel has nothing to complain about", () => {
    expect(ran.console).toContain("Lock dependency validator");
    expect(complaints(ran.console)).toEqual([]);
  });
});

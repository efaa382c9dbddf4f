import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scratch } from "../support/cli.ts";
import { debianKernel, withoutDebianKernel, withoutStock } from "../support/debian-kernel.ts";
import { type GuestReport, packGuest, type ReportLine, runLabGuest } from "../support/lab-guest.ts";

/**
 * The target beside the stock module in one guest of Debian's own 6.1 kernel (test/guest/stock.py):
 * which one a rule gets, what they have to say to each other; namespaces and conntrack on that kernel.
 */
const { dir, remove } = scratch("stock");
afterAll(remove);

const noStock = withoutStock ? ` (skipped: ${withoutStock})` : "";
const noKernel = withoutDebianKernel ? ` (skipped: ${withoutDebianKernel})` : "";
const stockIt = test.skipIf(withoutStock !== undefined);

describe.skipIf(withoutDebianKernel !== undefined)(`ours and the stock module${noKernel}`, () => {
  let ran: GuestReport = { lines: [], finished: false, console: "" };
  const only = (key: string): ReportLine[] => ran.lines.filter((line) => line.key === key);

  beforeAll(async () => {
    const kernel = debianKernel(dir);
    const work = join(dir, "guest");
    const initramfs = packGuest(
      {
        script: "stock.py",
        modules: {
          ...kernel.modules,
          names: [
            ...["veth", "iptable_filter", "ip6table_filter", "iptable_raw", "ip6table_raw"],
            ...["xt_tcpudp", "xt_conntrack", "xt_CT", "nf_conntrack", "x_tables"],
          ],
        },
        files: {
          "ours/xt_TARPIT.ko": kernel.ours,
          ...(kernel.stock ? { "stock/xt_TARPIT.ko": kernel.stock } : {}),
        },
      },
      work,
    );
    const timeoutMs = 5 * 60_000;
    ran = await runLabGuest({
      image: kernel.image,
      initramfs,
      work,
      countInstructions: true,
      timeoutMs,
    });
    for (const line of ran.lines) console.log(JSON.stringify(line));
  });

  test("the guest runs to its end", () => {
    expect(only("error")).toEqual([]);
    expect(ran.finished, ran.console.slice(-3000)).toBe(true);
  });

  stockIt(`the one that is loaded stays, the other is refused${noStock}`, () => {
    expect(only("second")).toMatchObject([
      { first: "ours", code: 1, before: "ours", after: "ours" },
      { first: "stock", code: 1, before: "stock", after: "stock" },
    ]);
    for (const line of only("second")) expect(line["words"]).toContain("File exists");
  });

  stockIt(`under two names, a new rule goes to the one that came last${noStock}`, () => {
    expect(only("duplicate")).toMatchObject([{ used: { xt_TARPIT: 1, xt_TARPIU: 0 } }]);
  });

  stockIt(`two stock targets talk for ever about one forged ACK${noStock}`, () => {
    expect(only("war")).toMatchObject([{ packets: 500 }]);
  });

  stockIt(`ours ends every talk with the stock one, a guessed cookie included${noStock}`, () => {
    const peace = only("peace") as unknown as {
      policy: string;
      starters: number;
      longest: number;
    }[];
    expect(peace.map((one) => one.policy)).toEqual(["strict", "adopt"]);
    for (const one of peace) {
      expect(one.starters).toBe(80);
      expect(one.longest).toBeGreaterThan(0);
      expect(one.longest).toBeLessThanOrEqual(3);
    }
  });

  test("`unshare -Urn` in a loop leaves no memory taken, with a rule in each or without", () => {
    const found = only("namespaces") as unknown as { failed: number; grown: number }[];
    expect(found.map((one) => one.failed)).toEqual([0, 0]);
    // A hundred tables left behind would be 26 MiB, 10 KiB of each namespace without one 4 MiB.
    for (const one of found) expect(one.grown).toBeLessThan(1500);
  });

  test("no remote peer leaves a conntrack entry on 6.1, tracked or not", () => {
    expect(only("conntrack").map((line) => [line["mode"], line["held"], line["entries"]])).toEqual(
      ["tracked", "tracked, closed", "NOTRACK", "NOTRACK, closed"].map((mode) => [mode, 40, 0]),
    );
  });
});

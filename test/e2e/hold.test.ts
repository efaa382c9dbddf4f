import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scratch } from "../support/cli.ts";
import { debianKernel, withoutDebianKernel, withoutStock } from "../support/debian-kernel.ts";
import { type GuestReport, packGuest, runLabGuest } from "../support/lab-guest.ts";

/**
 * How long Linux peers stay, with the target and with the stock module, in one guest of Debian's own
 * kernel (test/guest/hold.py). Guest time is instructions executed: idle time costs nothing.
 * TARPIT_KIT_HORIZON says for how many seconds to watch; TARPIT_KIT_REAL_TIME=1 waits for them.
 */
const { dir, remove } = scratch("hold");
afterAll(remove);

interface Hold {
  readonly target: string;
  readonly peer: string;
  readonly family: string;
  readonly case: string;
  readonly seconds: number;
  readonly held: boolean;
  readonly why: string;
  readonly probes?: number;
  readonly segments?: number;
}

const horizon = Number(process.env["TARPIT_KIT_HORIZON"] ?? 3000);
const real = process.env["TARPIT_KIT_REAL_TIME"] === "1";

const reason = withoutDebianKernel ? ` (skipped: ${withoutDebianKernel})` : "";
describe.skipIf(withoutDebianKernel !== undefined)(`hold of Linux peers${reason}`, () => {
  let ran: GuestReport = { lines: [], finished: false, console: "" };
  let holds: readonly Hold[] = [];
  const find = (target: string, peer: string, name: string): Hold[] =>
    holds.filter((one) => one.target === target && one.peer === peer && one.case === name);

  beforeAll(async () => {
    const kernel = debianKernel(dir);
    const work = join(dir, "guest");
    const names = [
      "veth",
      "iptable_filter",
      "ip6table_filter",
      "xt_tcpudp",
      "x_tables",
      "sch_netem",
    ];
    const initramfs = packGuest(
      {
        script: "hold.py",
        programs: ["/usr/sbin/tc", "/usr/bin/env"],
        modules: { ...kernel.modules, names },
        files: {
          "ours/xt_TARPIT.ko": kernel.ours,
          ...kernel.extensions,
          ...(kernel.stock ? { "stock/xt_TARPIT.ko": kernel.stock } : {}),
        },
      },
      work,
    );
    ran = await runLabGuest({
      image: kernel.image,
      initramfs,
      work,
      countInstructions: !real,
      settings: {
        HORIZON: horizon,
        COPIES: process.env["TARPIT_KIT_COPIES"] ?? 1,
        LOSS: process.env["TARPIT_KIT_LOSS"] ?? 0,
        OPTIONS: process.env["TARPIT_KIT_RULE_OPTIONS"] ?? "",
      },
      timeoutMs: 15 * 60_000 + (real ? horizon * 2200 : 0),
    });
    holds = ran.lines.filter(({ key }) => key === "hold") as unknown as Hold[];
    for (const one of holds) console.log(JSON.stringify(one));
  });

  test("the guest runs to its end", () => {
    expect(ran.lines.filter(({ key }) => key === "error")).toEqual([]);
    expect(ran.finished, ran.console.slice(-3000)).toBe(true);
  });

  const peers = ["retries2=15", "retries2=6"];
  test.each(peers)("ours holds a peer with data blocked, %s: no bound found", (peer) => {
    const found = find("ours", peer, "data blocked");
    expect(found.map(({ family }) => family)).toEqual(["ipv4", "ipv6"]);
    for (const one of found) expect(one).toMatchObject({ held: true, probes: 0 });
  });

  test.each(peers)("ours holds an idle peer and one that sends keepalives, %s", (peer) => {
    for (const name of ["idle", "keepalive every 75 s"])
      for (const one of find("ours", peer, name)) expect(one).toMatchObject({ held: true });
  });

  test.skipIf(withoutStock !== undefined).each(peers)(
    `stock loses a peer with data blocked, %s${withoutStock ? ` (skipped: ${withoutStock})` : ""}`,
    (peer) => {
      const [stock] = find("stock", peer, "data blocked");
      expect(stock).toMatchObject({ held: false, why: "Connection timed out" });
      expect((stock as Hold).seconds).toBeLessThan(horizon);
    },
  );

  test("an orphan is held for longer than by stock", () => {
    for (const peer of peers)
      for (const ours of find("ours", peer, "data blocked, closed"))
        for (const stock of find("stock", peer, "data blocked, closed"))
          expect(ours.seconds).toBeGreaterThan(stock.seconds);
  });
});

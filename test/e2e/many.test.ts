import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scratch } from "../support/cli.ts";
import { debianKernel, withoutDebianKernel } from "../support/debian-kernel.ts";
import { type GuestReport, packGuest, type ReportLine, runLabGuest } from "../support/lab-guest.ts";

/**
 * Very many connections held at once by one guest, and what they cost (test/guest/many.py). The guest's
 * time is instructions executed, so that the minutes between two probes cost nothing.
 */
const { dir, remove } = scratch("many");
afterAll(remove);

const full = process.env["TARPIT_KIT_FULL"] === "1";
const connections = Number(process.env["TARPIT_KIT_CONNECTIONS"] ?? (full ? 100_000 : 20_000));
const sockets = Math.min(2000, connections / 10);

const reason = withoutDebianKernel ? ` (skipped: ${withoutDebianKernel})` : "";
describe.skipIf(withoutDebianKernel !== undefined)(
  `${connections} connections held, ${sockets} of them sockets${reason}`,
  () => {
    let ran: GuestReport = { lines: [], finished: false, console: "" };
    const only = (key: string): ReportLine[] => ran.lines.filter((line) => line.key === key);

    beforeAll(async () => {
      const kernel = debianKernel(dir);
      const work = join(dir, "guest");
      const initramfs = packGuest(
        {
          script: "many.py",
          native: ["crowd"],
          modules: {
            ...kernel.modules,
            names: [
              ...["veth", "iptable_filter", "ip6table_filter", "xt_tcpudp", "x_tables"],
              ...["xt_conntrack", "nf_conntrack"],
            ],
          },
          files: { "ours/xt_TARPIT.ko": kernel.ours },
        },
        work,
      );
      ran = await runLabGuest({
        image: kernel.image,
        initramfs,
        work,
        countInstructions: true,
        memoryMiB: 1024,
        settings: { CONNECTIONS: connections, SOCKETS: sockets },
        timeoutMs: 40 * 60_000,
      });
      for (const line of ran.lines) console.log(JSON.stringify(line));
    });

    test("the guest runs to its end", () => {
      expect(only("error")).toEqual([]);
      expect(ran.finished, ran.console.slice(-3000)).toBe(true);
    });

    test("all of them are there, and every probe is answered with the window closed", () => {
      const periods = only("period");
      expect(periods).toHaveLength(3);
      for (const one of periods)
        expect(one).toMatchObject({
          answered: connections - sockets,
          wrong: 0,
          blocked: sockets,
          broken: 0,
        });
    });

    test("a held connection takes no memory and no conntrack entry", () => {
      const [line] = only("established") as unknown as {
        before: { Slab: number };
        after: { Slab: number; conntrack: number };
      }[];
      expect(line?.after.conntrack).toBe(0);
      // Noise of a running system, in KiB: an entry of 64 bytes each would be over it.
      const grown = (line?.after.Slab ?? 0) - (line?.before.Slab ?? 0);
      expect((grown * 1024) / connections).toBeLessThan(32);
    });

    test("it costs less than a byte a second and connection", () => {
      const [line] = only("traffic") as unknown as { bytes: number; conntrack: number }[];
      expect(line?.conntrack).toBe(0);
      expect((line?.bytes ?? 0) / connections).toBeLessThan(1);
    });
  },
);

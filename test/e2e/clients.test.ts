import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scratch } from "../support/cli.ts";
import { debianKernel, withoutDebianKernel } from "../support/debian-kernel.ts";
import { type GuestReport, packGuest, runLabGuest } from "../support/lab-guest.ts";

/**
 * nmap, curl and ssh against the three modes, on Debian's own kernel, the rules made by Debian's own
 * iptables (both of them) with Debian's own extension (test/guest/clients.py). Guest time is
 * instructions executed: idle time costs nothing.
 */
const { dir, remove } = scratch("clients");
afterAll(remove);

interface Client {
  readonly backend: string;
  readonly family: string;
  readonly mode: string;
  readonly client: string;
  readonly held: boolean;
  readonly seconds: number;
  readonly said: string;
}

const horizon = Number(process.env["TARPIT_KIT_HORIZON"] ?? 2000);
const clients = ["nmap -sT", "nmap -sV", "curl", "curl, 1 MB upload", "ssh"];
const backends = ["legacy", "nft"];
const families = ["ipv4", "ipv6"];

const reason = withoutDebianKernel ? ` (skipped: ${withoutDebianKernel})` : "";
describe.skipIf(withoutDebianKernel !== undefined)(`real clients${reason}`, () => {
  let ran: GuestReport = { lines: [], finished: false, console: "" };
  let seen: readonly Client[] = [];
  const of = (mode: string, client: string): Client[] =>
    seen.filter((one) => one.mode === mode && one.client === client);

  beforeAll(async () => {
    const kernel = debianKernel(dir);
    const work = join(dir, "guest");
    const initramfs = packGuest(
      {
        script: "clients.py",
        programs: ["/usr/sbin/tc", "/usr/bin/nmap", "/usr/bin/curl", "/usr/bin/ssh"],
        directories: ["/usr/share/nmap"],
        modules: {
          ...kernel.modules,
          names: [
            ...["veth", "iptable_filter", "ip6table_filter", "xt_tcpudp", "x_tables"],
            ...["sch_netem", "nf_tables", "nft_compat"],
          ],
        },
        files: {
          "ours/xt_TARPIT.ko": kernel.ours,
        },
      },
      work,
    );
    ran = await runLabGuest({
      image: kernel.image,
      initramfs,
      work,
      countInstructions: true,
      memoryMiB: 1024,
      settings: { HORIZON: horizon },
      timeoutMs: 20 * 60_000,
    });
    seen = ran.lines.filter(({ key }) => key === "client") as unknown as Client[];
    for (const one of seen) console.log(JSON.stringify(one));
  });

  test("the guest runs to its end, and the module can go", () => {
    expect(ran.lines.filter(({ key }) => key === "error")).toEqual([]);
    expect(ran.finished, ran.console.slice(-3000)).toBe(true);
    expect(ran.lines.find(({ key }) => key === "unloaded")).toMatchObject({ ok: true });
  });

  test.each(backends.flatMap((kind) => [`iptables-${kind}`, `ip6tables-${kind}`]))(
    "%s appends, checks, lists, saves, restores and deletes",
    (program) => {
      const checks = ran.lines.filter(
        (line) => line.key === "rules" && line["program"] === program,
      );
      expect(checks.filter((line) => line["ok"] !== true)).toEqual([]);
      expect(checks).toHaveLength(16);
    },
  );

  test("every client was there, over both families and both iptables", () => {
    expect(seen).toHaveLength(clients.length * 3 * backends.length * families.length);
  });

  test.each(["curl", "curl, 1 MB upload", "ssh"])("the tarpit holds %s", (client) => {
    for (const one of of("tarpit", client)) expect(one).toMatchObject({ held: true });
  });

  test("the reset mode ends everybody within a second", () => {
    for (const client of ["curl", "ssh"])
      for (const one of of("reset", client)) {
        expect(one.held).toBe(false);
        expect(one.seconds).toBeLessThan(1);
      }
  });

  test("nmap takes a tarpit and a honeypot for open ports, a reset for a closed one", () => {
    const said = (mode: string): string[] => of(mode, "nmap -sT").map((one) => one.said);
    expect(new Set([...said("tarpit"), ...said("honeypot")])).toEqual(new Set(["open"]));
    expect(new Set(said("reset"))).toEqual(new Set(["closed"]));
  });

  test("a server that listens on the port sees none of them", () => {
    for (const line of ran.lines.filter(({ key }) => key === "listeners"))
      expect(line["accepted"]).toBe(0);
  });
});

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { causeOf } from "../../src/core/probe/messages.ts";
import { compileExtension, loadArchFile, root } from "../support/artifacts.ts";
import { kitOk, scratch, tool } from "../support/cli.ts";
import { debianKernel, withoutDebianKernel, withoutStock } from "../support/debian-kernel.ts";
import { packGuest, runLabGuest, type GuestReport } from "../support/lab-guest.ts";
import { metricsTrouble } from "../support/metrics.ts";
import { printedCases } from "../support/printed-rules.ts";

/**
 * The program itself in a guest, where there is a kernel with the target: verify --live and what it leaves
 * behind, what iptables says when something is wrong, printed rules, stuck (test/guest/verify.py).
 */
const { dir, remove } = scratch("live");
afterAll(remove);

interface Live {
  readonly name: string;
  readonly code: number;
  readonly same_rules: boolean;
  readonly same_namespaces: boolean;
  readonly left: readonly string[];
  readonly findings: readonly {
    code: string;
    severity: string;
    what: string;
    args: Record<string, number>;
  }[];
  readonly checked: readonly string[];
}

const plugins = "usr/lib/x86_64-linux-gnu/xtables";
const modules = [
  ...["veth", "iptable_filter", "iptable_raw", "ip6table_filter", "ip6table_raw", "x_tables"],
  ...["nf_tables", "nft_compat", "nf_conntrack", "xt_tcpudp", "xt_recent", "xt_NFLOG", "xt_LOG"],
  ...[
    "nfnetlink_log",
    "nf_log_syslog",
    "xt_multiport",
    "xt_CT",
    "xt_conntrack",
    "xt_state",
    "xt_limit",
    "nft_limit",
    "nft_log",
    "nft_ct",
    "nft_counter",
  ],
];
/** What the probe may use, what --live does, and what this guest's program calls besides. */
const programs = [
  ...["sh", "cat", "find", "getconf", "grep", "gzip", "id", "ls", "od", "sed", "uname"],
  ...["unshare", "dmesg", "env", "cp"],
].map((name) => `/usr/bin/${name}`);

const reason = withoutDebianKernel ? ` (skipped: ${withoutDebianKernel})` : "";
describe.skipIf(withoutDebianKernel !== undefined)(
  `tarpit-kit where the target is${reason}`,
  () => {
    let ran: GuestReport = { lines: [], finished: false, console: "" };
    const of = <T>(key: string): T[] =>
      ran.lines.filter((line) => line.key === key) as unknown as T[];
    const live = (name: string): Live => {
      const found = of<Live>("live").find((one) => one.name === name);
      if (!found) throw new Error(`the guest did not come to "${name}"`);
      return found;
    };
    const said = (name: string): string[] =>
      live(name)
        .findings.filter((one) => one.code.startsWith("live."))
        .map((one) => one.code);

    beforeAll(async () => {
      const kernel = debianKernel(dir);
      const work = join(dir, "guest");
      const [abi] = loadArchFile("x86_64").abis;
      const wrong = join(dir, "wrong-size.so");
      compileExtension(abi as NonNullable<typeof abi>, wrong, (text) =>
        // The revision in between is not one the kernel has, or iptables would take that.
        text
          .replaceAll(/XT_ALIGN\(sizeof\(struct tarpit_info\)\)/g, "16")
          .replace(/(\.revision\s*)= 1/, "$1= 9"),
      );
      const packages = tool("npm", ["ls", "--omit=dev", "--all", "--parseable"], { cwd: root })
        .trim()
        .split("\n")
        .filter((path) => path !== root.replace(/\/$/, ""));
      const initramfs = packGuest(
        {
          script: "verify.py",
          programs: [process.execPath, ...programs],
          directories: [
            ...["dist", "data"].map((name) => join(root, name)),
            ...packages,
            `/${plugins}`,
          ],
          modules: { ...kernel.modules, names: modules },
          files: {
            [join(root, "package.json").slice(1)]: readFileSync(join(root, "package.json")),
            [`usr/lib/modules/${kernel.release}/xt_TARPIT.ko`]: kernel.ours,
            [`boot/config-${kernel.release}`]: readFileSync(
              `/boot/config-${kernel.release}`.replace(/^\/boot/, `${kernel.modules.dir}/boot`),
            ),
            ...kernel.extensions,
            "wrong-size.so": readFileSync(wrong),
            "printed.json": JSON.stringify(printedCases()),
            ...(kernel.stock ? { "stock/xt_TARPIT.ko": kernel.stock } : {}),
          },
        },
        work,
      );
      // Two guests at once: one alone leaves half of the machine idle.
      const guests = ["causes", "uses"].map((part) => {
        const own = join(work, part);
        mkdirSync(own);
        return runLabGuest({
          image: kernel.image,
          initramfs,
          work: own,
          memoryMiB: 1536,
          settings: { NODE: process.execPath, KIT: join(root, "dist/bin.js"), PART: part },
          timeoutMs: 15 * 60_000,
        });
      });
      const reports = await Promise.all(guests);
      ran = {
        lines: reports.flatMap(({ lines }) => lines),
        finished: reports.every(({ finished }) => finished),
        console: reports.map((one) => one.console.slice(-3000)).join("\n"),
      };
    }, 20 * 60_000);

    test("the guest runs to its end", () => {
      expect(ran.lines.filter(({ key }) => key === "error" || key === "trouble")).toEqual([]);
      expect(ran.finished, ran.console).toBe(true);
    });

    test("the machine is as it was after each: rules of both backends and families, namespaces, modules", () => {
      expect(of<Live>("live").length).toBeGreaterThan(6);
      for (const one of of<Live>("live"))
        expect(one).toMatchObject({ same_rules: true, same_namespaces: true, left: [] });
    });

    test.each(["nft", "legacy"])(
      "ours under iptables-%s: held over both families, limit and NFLOG taken",
      (backend) => {
        expect(said(`ours, ${backend}`)).toEqual(["live.measured"]);
        const { checked, findings } = live(`ours, ${backend}`);
        expect(checked.filter((one) => one === "live.held")).toHaveLength(2);
        expect(checked).toEqual(
          expect.arrayContaining([
            "live.tarpit",
            "live.tarpit6",
            "live.limit",
            "live.nflog",
            "live.conntrack",
          ]),
        );
        const measured = findings.find((one) => one.code === "live.measured");
        // The caller is in the namespace too: its own entry, and none of the target's.
        expect(measured?.args["during"]).toBeLessThanOrEqual(1);
      },
    );

    test.each([
      ["no extension, nft", "live.no-extension"],
      ["no extension, legacy", "live.no-extension"],
      ["no module, nft", "live.no-module"],
      ["no module, legacy", "live.no-module"],
      ["wrong size, legacy", "live.size"],
      ["wrong size, nft", "live.size"],
    ])("%s: iptables' words mean %s", (name, code) => {
      expect(live(name).code).toBe(1);
      expect(
        said(name).filter((one) => one !== "live.kernel-log" && one !== "live.measured"),
      ).toContain(code);
    });

    test("without --live the same machines have the same causes, before anybody tries", () => {
      const codes = (name: string) => live(name).findings.map((one) => one.code);
      expect(codes("no extension, nft")).toEqual(expect.arrayContaining(["so.elsewhere"]));
      expect(codes("wrong size, nft")).toContain("so.size");
      expect(codes("no module, nft")).toContain("target.absent");
    });

    test("what iptables and the kernel really say is understood", () => {
      const messages = of<{
        name: string;
        backend: string;
        said: string;
        kernel: string;
        code: number;
      }>("message");
      expect(messages).toHaveLength(6);
      for (const one of messages) {
        expect(one.code, one.said).not.toBe(0);
        const wanted = one.name === "hook" ? "live.hook" : "live.protocol";
        expect(
          causeOf(`${one.kernel} ${one.said}`),
          `${one.backend} ${one.name}: ${one.said}`,
        ).toBe(wanted);
      }
    });

    test("killed in the middle: nothing stays", () => {
      const killed = of<{
        namespaces_before: number;
        namespaces_after: number;
        same_rules: boolean;
      }>("killed");
      expect(killed).toHaveLength(2);
      for (const one of killed) {
        expect(one.namespaces_before).toBeGreaterThan(1);
        expect(one).toMatchObject({ namespaces_after: 1, same_rules: true });
      }
    });

    test("printed rules are taken by iptables, clean under lint, and go by their own last words", () => {
      const printed = of<{ failed: string[]; saved: string; left: string[]; gone: boolean }>(
        "printed",
      );
      expect(printed).toHaveLength(7);
      for (const one of printed) {
        expect(one).toMatchObject({ failed: [], left: [], gone: true });
        const path = join(dir, "saved");
        writeFileSync(path, one.saved);
        const { findings, targets } = JSON.parse(kitOk(["rules", "lint", "--json", path])) as {
          findings: { code: string; severity: string }[];
          targets: number;
        };
        expect(targets).toBe(1);
        expect(findings.filter(({ severity }) => severity !== "info")).toEqual([]);
      }
      expect(of<{ lint: string[] }>("piped").map(({ lint }) => lint)).toEqual([[]]);
    });

    test("and by iptables-restore, with --test and without", () => {
      const restored = of<{ failed: string[]; tarpit: number }>("restored");
      expect(restored).toHaveLength(3);
      for (const one of restored) expect(one).toMatchObject({ failed: [], tarpit: 1 });
    });

    test("stuck: the table, its metrics, its log, and verify agree with what is held", () => {
      const [one] = of<{
        told: { held: number; connections: number; peers: { address: string; ports: number[] }[] };
        table: string;
        metrics: string;
        human: string;
        verify: string[];
        after: { held: number };
        log: string[];
        log_code: number;
      }>("stuck");
      if (!one) throw new Error("the guest did not come to stuck");
      expect(one.told).toMatchObject({ held: 7, heldPeers: 1 });
      expect(one.told.peers).toEqual([
        expect.objectContaining({ address: "10.7.0.2", ports: [23] }),
      ]);
      expect(one.table.split("\n").filter((line) => line.startsWith("4 10.7.0.2 "))).toHaveLength(
        7,
      );
      expect(metricsTrouble(one.metrics)).toEqual([]);
      expect(one.metrics).toContain("tarpit_held_connections 7\n");
      expect(one.human).toMatch(/^7 connections held/);
      expect(one.verify).toContain("stuck.held");
      expect(one.after.held).toBe(0);
      expect(one.log.map((line) => line.split(" ").slice(0, 3).join(" "))).toEqual([
        "tarpit: held peer=10.7.0.2",
        "tarpit: let-go peer=10.7.0.2",
      ]);
      expect(one.log_code).toBe(0);
    });

    test.skipIf(withoutStock !== undefined)(
      "the stock module is named as such; stuck estimates and says so",
      () => {
        const { findings } = live("stock, nft");
        expect(findings.map((one) => one.code)).toEqual(expect.arrayContaining(["target.stock"]));
        expect(findings.map((one) => one.code)).not.toContain("module.identity");
        const [estimate] = of<{ text: string; code: number }>("estimate");
        expect(estimate).toMatchObject({ code: 0, metrics: "", metrics_code: 2 });
        expect(estimate?.text).toMatch(/^estimate +this machine has no table/);
      },
    );
  },
);

import { describe, expect, test } from "vitest";
import { wordsOf } from "../../src/cli/render/findings.ts";
import { judgeOlderModule } from "../../src/core/abi/older-module.ts";
import { finding } from "../../src/core/findings.ts";
import { parseFacts } from "../../src/core/probe/facts.ts";
import { judgeFacts } from "../../src/core/probe/judge.ts";
import { loadArchFile } from "../support/artifacts.ts";
import { recorded } from "../support/facts-fixtures.ts";

/** What a person with a 2.4 firewall is told: of real ones (test/fixtures/facts), and of such with one thing changed. */
function judge(name: string, change: (text: string) => string = (text) => text) {
  const facts = parseFacts(change(recorded(name)));
  if (!facts) throw new Error("no facts");
  return judgeFacts(facts, undefined, [loadArchFile("sparc64")]);
}
const find = (code: string, ...machine: Parameters<typeof judge>) =>
  judge(...machine).findings.find((one) => one.code === code);
const next = (code: string, ...machine: Parameters<typeof judge>): string | undefined => {
  const found = find(code, ...machine);
  return found && wordsOf(found).next;
};
const passed = (...machine: Parameters<typeof judge>): readonly string[] =>
  judge(...machine).checked.map((one) => one.check);

const release = "2.4.37.11-emulator";
const dropped =
  (name: string) =>
  (text: string): string =>
    text.replace(new RegExp(`@ ${name}\n(?:\\|.*\n|\n)*`), `@ ${name}\n|=missing\n`);

describe("a 2.4 machine", () => {
  test("the numbers below /proc/sys are whole", () => {
    const facts = parseFacts(recorded("good-2.4-sparc64"));
    const max = facts?.records.find((one) => one.name === "conntrack max");
    expect(Number(max?.data[1])).toBeGreaterThan(1000);
    expect(passed("good-2.4-sparc64")).toContain("conntrack");
  });

  test("a full table: what is raised there, and no table raw", () => {
    const full = (text: string): string =>
      text.replace(/(ip_conntrack +)\d+/, (_, before: string) => `${before}100000`);
    expect(next("conntrack.full", "good-2.4-sparc64", full)).toBe("raise ip_conntrack_max");
  });

  test("rules and module come back in the way of their time", () => {
    expect(next("reboot.rules", "good-2.4-sparc64", dropped("boot"))).toBe(
      "iptables-save > /etc/sysconfig/iptables (Red Hat; elsewhere the file your init script restores)",
    );
    expect(next("reboot.module", "good-2.4-sparc64", dropped("boot"))).toBe(
      "echo ipt_TARPIT >> /etc/modules",
    );
  });

  test("its module is read as insmod there reads it", () => {
    expect(passed("not-loaded-2.4-sparc64")).toContain("module.vermagic");
    const other = (text: string): string => text.replace(`Linux ${release}`, "Linux 2.4.36");
    expect(find("module.not-for-kernel", "not-loaded-2.4-sparc64", other)).toMatchObject({
      severity: "error",
      args: { actual: release, expected: "2.4.36" },
    });
    expect(passed("not-loaded-2.4-sparc64", other)).not.toContain("module.vermagic");
  });

  test("a kernel before 2.4.10 has no licence to ask a module for", () => {
    const licence = (release: string) =>
      judgeOlderModule(
        "ipt_TARPIT.o",
        { targets: 1, kernelVersion: release, license: undefined, checksums: false },
        release,
      ).modinfo.map((one) => one.code);
    expect(licence("2.4.9")).toEqual([]);
    expect(licence("2.4.10")).toEqual(["module.license"]);
  });

  test("a module whose start did not end is not loaded", () => {
    const hangs = (text: string): string =>
      text.replace(/^\|TARPIT\n/m, "").replace(/^(\|ipt_TARPIT +\d+).*$/m, "$1 (uninitialized)");
    expect(passed("good-2.4-sparc64")).toContain("target.present");
    expect(passed("good-2.4-sparc64", hangs)).not.toContain("target.present");
  });

  test("no target: a kernel of the same series is built, not one of today", () => {
    expect(next("target.absent", "no-module-2.4-sparc64")).toBe(
      "tarpit-kit build --arch sparc64 --tree ./linux-2.4.37.11, then install its kernel and modules",
    );
  });

  test.each(["so.missing no-so", "so.version other-so"])("%s: built for this iptables", (one) => {
    const [code = "", name = ""] = one.split(" ");
    expect(next(code, `${name}-2.4-sparc64`)).toBe(
      "TARPIT_KIT_IPTABLES=./iptables-1.3.8 tarpit-kit build --arch sparc64, then cp extensions/sparc64/iptables-1.3.8/libipt_TARPIT.so /lib/iptables/",
    );
  });

  test("without iptables: that is missing, and nothing that was read is called unread", () => {
    const { findings } = judge("no-iptables-2.4-sparc");
    expect(findings.map((one) => one.code)).toEqual(["facts.required", "width.split"]);
    const words = findings.map((one) => wordsOf(one));
    expect(words[0]?.next).toBe("install iptables, or put it into root's PATH");
    expect(words[1]?.what).toBe("a 32-bit userland runs on a 64-bit kernel 2.4.37.11");
  });

  test("without its configuration: the list of tables tells that iptables can work", () => {
    expect(passed("built-in-2.4-sparc64")).toContain("kernel.backend");
    const named = dropped("ip_tables names");
    expect(passed("built-in-2.4-sparc64", named)).not.toContain("kernel.backend");
    expect(find("facts.unread", "built-in-2.4-sparc64", named)).toBeDefined();
  });

  test("knows no signatures, and none are asked for", () => {
    const { findings } = judge("not-loaded-2.4-sparc64", dropped("config"));
    const unread = findings.flatMap((one) => (one.code === "facts.unread" ? [one.args.fact] : []));
    expect(unread).not.toContain("module signatures");
  });

  test("what modutils' modprobe would do: a file it takes, and another one beside it", () => {
    const said = (text: string): string =>
      text
        .replace(
          "@ modprobe\n|=skipped\n",
          "@ modprobe\n|/sbin/insmod /lib/modules/x/ipt_TARPIT.o\n|\n|=0\n",
        )
        .replace("@ modprobe\n", (line) => `@ module\n|/lib/modules/x/ipt_TARPIT.o\n|=0\n${line}`);
    expect(find("target.two-owners", "not-loaded-2.4-sparc64", said)).toMatchObject({
      args: { takes: "/lib/modules/x/ipt_TARPIT.o" },
    });
  });
});

describe("a 32-bit iptables on a 64-bit 2.4", () => {
  test("its version does not tell whether it converts limit: avoid it, as it was refused here", () => {
    expect(find("split.avoid", "refused-2.4-sparc")?.args).toMatchObject({
      names: expect.arrayContaining(["limit", "ULOG", "mark"]) as string[],
      converted: ["limit", "ULOG", "MARK", "SAME", "conntrack"],
    });
    expect(next("split.avoid", "refused-2.4-sparc")).not.toMatch(/NFLOG|statistic|connlimit/);
  });
  test("a rule that the kernel took does: it was built for the two", () => {
    const found = find("split.avoid", "limit-2.4-sparc");
    expect(found?.args).toMatchObject({ converted: [] });
    expect(found && wordsOf(found).what).not.toMatch(/\blimit|ULOG|nfacct/);
  });
  test("ULOG is not to be replaced by what came with 2.6.14", () => {
    const text = judge("ulog-2.4-sparc").findings.map((one) => wordsOf(one).next ?? "");
    expect(text.join("\n")).toMatch(/use -j LOG, or a 64-bit ulogd/);
    expect(text.join("\n")).not.toMatch(/NFLOG/);
  });
});

test("what a boot loads is named as that kernel names it", () => {
  const { what, next: todo } = wordsOf(finding("reboot.module", { kernel: "2.4.37.11" }));
  expect(what).toMatch(/names ipt_TARPIT/);
  expect(todo).toBe("echo ipt_TARPIT >> /etc/modules");
});

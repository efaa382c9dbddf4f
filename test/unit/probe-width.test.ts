import { describe, expect, test } from "vitest";
import { parseFacts } from "../../src/core/probe/facts.ts";
import { judgeFacts } from "../../src/core/probe/judge.ts";
import { factsText, good, hexRecord, i386, type Records, sparc32, x86 } from "../support/facts.ts";

/** What judge-width says, to the file and line, and the machines beside each trouble that do not have it. */
const judge = (...changes: readonly Records[]) => {
  const facts = parseFacts(factsText(good, ...changes));
  if (!facts) throw new Error("no facts");
  return judgeFacts(facts).findings;
};
const found = (code: string, ...changes: readonly Records[]) =>
  judge(...changes).filter((one) => one.code === code);
const codes = (...changes: readonly Records[]): string[] =>
  judge(...changes).map((one) => one.code);

const kernel = (release: string, machine: string, symbol: string): Records => ({
  uname: [`Linux ${release} ${machine}`],
  symbols: ["/proc/kallsyms", symbol],
});
const wide = "0000000000404000 T _start";
const narrow = "c0100000 T _text";
const split = (release: string, iptables: string): Records => ({
  ...kernel(release, "sparc64", wide),
  iptables: [`iptables v${iptables}`],
  "elf iptables": hexRecord("/sbin/iptables", sparc32),
});
const rules = (...lines: readonly string[]): Records => ({
  "rules iptables-save": ["*filter", ":INPUT DROP [0:0]", ...lines, "COMMIT"],
});
const ulogd = (header: Buffer): Records => ({ "elf ulogd": hexRecord("/usr/sbin/ulogd", header) });
const plugin = 'plugin="/usr/lib/ulogd/ulogd_inppkt_ULOG.so"';
const conf = (...lines: readonly string[]): Records => ({
  "ulogd.conf": ["/etc/ulogd.conf", ...lines],
});
const toUlog = "-A INPUT -p tcp -j ULOG";
const limited = "-A INPUT -m limit --limit 3/hour -j LOG";

describe("a 32-bit userland", () => {
  test("is found by the header of its iptables, and both versions are told", () => {
    expect(found("width.split", split("6.1.192", "1.8.9"))).toMatchObject([
      {
        args: { iptables: "1.8.9", kernel: "6.1.192" },
        evidence: { file: "/sbin/iptables" },
      },
    ]);
  });

  test("without an iptables to look at is found by its shell", () => {
    const machine: Records = { iptables: "missing", "elf iptables": "missing" };
    const shell: Records = { "elf sh": hexRecord("/bin/sh", i386) };
    expect(found("width.split", machine, shell)).toMatchObject([
      { args: { iptables: "?", kernel: "6.1.192" }, evidence: { file: "sh" } },
    ]);
    expect(codes(machine, shell, rules(limited))).not.toContain("split.rule");
  });

  test("on a kernel as wide as it is no split", () => {
    const machine = kernel("6.1.192", "i686", narrow);
    const own: Records = { "elf iptables": hexRecord("/sbin/iptables", i386) };
    const all = codes(machine, own, { "elf sh": hexRecord("/bin/sh", i386) }, rules(limited));
    expect(all.filter((code) => /^(width|split)/.test(code))).toEqual([]);
  });

  test("the other way round names the program that cannot run", () => {
    const machine = kernel("6.1.192", "i686", narrow);
    expect(found("width.backwards", machine)).toMatchObject([
      { args: { file: "/usr/sbin/iptables" }, evidence: { file: "/usr/sbin/iptables" } },
    ]);
    expect(
      found("width.backwards", machine, { iptables: "missing", "elf iptables": "missing" }),
    ).toMatchObject([{ args: { file: "sh" }, evidence: { file: "sh" } }]);
  });
});

describe("the compat layer", () => {
  const off: Records = { config: ["/c", "CONFIG_64BIT=y"] };
  test.each([
    ["6.1.192", "1.8.9", "NETFILTER_XTABLES_COMPAT"],
    ["5.12.0", "1.8.9", "COMPAT"],
    ["2.6.17", "1.4.0", "COMPAT"],
  ])("Linux %s with iptables %s has it by %s", (release, iptables, symbol) => {
    expect(found("width.compat-off", split(release, iptables), off)).toMatchObject([
      { args: { kernel: release, symbol } },
    ]);
  });

  test.each([
    ["2.6.16", "1.4.8"],
    ["2.6.32", "1.3.8"],
    ["2.4.37", "1.2.9"],
  ])("Linux %s with iptables %s has none to switch on", (release, iptables) => {
    expect(codes(split(release, iptables), off)).not.toContain("width.compat-off");
  });

  test("is unchecked, not on, where no configuration can be read", () => {
    expect(found("facts.unread", split("6.1.192", "1.8.9"), { config: "missing" })).toContainEqual(
      expect.objectContaining({
        args: expect.objectContaining({ fact: "NETFILTER_XTABLES_COMPAT" }),
      }),
    );
  });
});

describe("rules of extensions that differ in size", () => {
  const machine = split("2.4.37", "1.2.9");

  test("each is named with its line, up to ten of one extension", () => {
    const many = Array.from({ length: 12 }, (_, at) => limited.replace("3/", `${at + 1}/`));
    const named = found("split.rule", machine, rules(...many));
    expect(named.map(({ evidence }) => evidence?.line)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(named[0]).toMatchObject({
      args: { name: "limit", kernel: "2.4.37", iptables: "1.2.9" },
      evidence: { file: "iptables-save", text: limited.replace("3/", "1/") },
    });
  });

  test("a long one is shown in its first 200 characters", () => {
    const long = `-A INPUT -m limit --limit 3/hour -j LOG --log-prefix ${"x".repeat(300)}`;
    expect(found("split.rule", machine, rules(long))[0]?.evidence?.text).toBe(long.slice(0, 200));
  });

  test("rules for IPv6 wait for the layer of 2.6.25", () => {
    const six = { "rules ip6tables-save": ["*filter", ":INPUT DROP [0:0]", limited, "COMMIT"] };
    const compat: Records = { config: ["/c", "CONFIG_64BIT=y", "CONFIG_COMPAT=y"] };
    const judged = (release: string) => found("split.rule", split(release, "1.4.8"), compat, six);
    const evidence = { file: "ip6tables-save" };
    expect(judged("2.6.24")).toMatchObject([{ args: { verdict: "no-ipv6-layer" }, evidence }]);
    expect(judged("2.6.25")).toMatchObject([{ args: { verdict: "works" }, evidence }]);
  });
});

describe("ULOG", () => {
  const old = split("2.6.32", "1.4.8");

  test("its first rule is shown, not each", () => {
    const shown = found("ulog.gone", rules(limited, toUlog, toUlog));
    expect(shown).toMatchObject([{ evidence: { file: "iptables-save", line: 4, text: toUlog } }]);
    const long = `${toUlog} --ulog-prefix ${"x".repeat(300)}`;
    expect(found("ulog.gone", rules(long))[0]?.evidence?.text).toBe(long.slice(0, 200));
  });

  test("packets differ between a 64-bit kernel and a 32-bit daemon only", () => {
    expect(found("ulog.packets", old, ulogd(sparc32), rules(toUlog))).toMatchObject([
      { evidence: { file: "iptables-save", line: 3, text: toUlog } },
    ]);
    expect(codes(old, ulogd(x86), rules(toUlog))).not.toContain("ulog.packets");
    expect(codes(old, rules(toUlog))).not.toContain("ulog.packets");
    const small = kernel("2.6.32", "i686", narrow);
    expect(codes(small, ulogd(i386), rules(toUlog))).not.toContain("ulog.packets");
  });

  test("of the daemon's configuration where no rule says so", () => {
    const shown = { file: "/etc/ulogd.conf", text: plugin };
    const comment = "# NFLOG in place of ULOG";
    const asked = found("ulog.packets", old, ulogd(sparc32), conf(comment, plugin));
    expect(asked).toMatchObject([{ evidence: shown }]);
    expect(found("ulog.conf", conf(comment, plugin))).toMatchObject([{ evidence: shown }]);
    const both = found("ulog.packets", old, ulogd(sparc32), conf(plugin), rules(toUlog));
    expect(both.map(({ evidence }) => evidence?.file)).toEqual(["iptables-save"]);
    for (const quiet of [conf(comment, "[global]"), conf()]) {
      expect(codes(old, ulogd(sparc32), quiet)).not.toContain("ulog.packets");
      expect(codes(quiet)).not.toContain("ulog.conf");
    }
    expect(codes(old, ulogd(x86), conf(plugin))).not.toContain("ulog.packets");
    expect(codes(old, conf(plugin))).not.toContain("ulog.packets");
  });

  test("a daemon as wide as its kernel is in order", () => {
    expect(codes(ulogd(x86))).not.toContain("ulogd.width");
    expect(found("ulogd.width", ulogd(i386))).toMatchObject([{ args: { bits: 32, kernel: 64 } }]);
  });
});

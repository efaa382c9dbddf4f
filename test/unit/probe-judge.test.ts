import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { targetSeverities } from "../../src/core/target-findings.ts";
import { factBytes, parseFacts } from "../../src/core/probe/facts.ts";
import { judgeFacts } from "../../src/core/probe/judge.ts";
import {
  configSymbols,
  extensionDirectories,
  extensionFiles,
  loaderFiles,
  ownExtensions,
} from "../../src/core/probe/places.ts";
import { splitExtensions, splitVerdict, type SplitVerdict } from "../../src/core/probe/split.ts";
import {
  factsText,
  good,
  hexRecord,
  i386,
  sparc32,
  sparc64,
  x86,
  type Records,
} from "../support/facts.ts";

const judge = (...changes: readonly Records[]) => {
  const facts = parseFacts(factsText(good, ...changes));
  if (!facts) throw new Error("no facts");
  return judgeFacts(facts).findings;
};
const codes = (...changes: readonly Records[]): string[] =>
  judge(...changes).map((one) => one.code);

/** What is found about the good machine is no trouble but its missing extension, which needs a compiler (integration). */
test("a machine in order has no finding but the extension, which these facts leave out", () => {
  const bad = judge().filter((one) => one.severity !== "info");
  expect(bad.map((one) => one.code)).toEqual(["so.missing"]);
});

const absent: Records = {
  "ip_tables targets": ["/proc/net/ip_tables_targets", "LOG"],
  modules: ["/proc/modules"],
  "modules.dep": ["/lib/modules/6.1.192/modules.dep"],
};
const split: Records = {
  "elf iptables": hexRecord("/sbin/iptables", sparc32),
  symbols: ["/proc/kallsyms", "0000000000404000 T _start"],
  uname: ["Linux 6.1.192 sparc64"],
};
const withRule = (rule: string): Records => ({
  "rules iptables-save": [
    "*filter",
    ":INPUT DROP [0:0]",
    "-A INPUT -p tcp --dport 22 -j ACCEPT",
    rule,
    "COMMIT",
  ],
});
const old = (kernel: string, iptables: string): Records => ({
  ...split,
  uname: [`Linux ${kernel} sparc64`],
  iptables: [`iptables v${iptables}`],
});

const cases: readonly (readonly [code: string, ...changes: Records[]])[] = [
  ["target.absent", absent],
  ["target.no-ipv6", { "ip6_tables targets": ["/proc/net/ip6_tables_targets", "LOG"] }],
  [
    "target.builtin",
    absent,
    {
      "modules.builtin": [
        "/lib/modules/6.1.192/modules.builtin",
        "kernel/net/netfilter/xt_TARPIT.ko",
      ],
    },
  ],
  [
    "target.blocked",
    absent,
    {
      module: hexRecord("/lib/modules/6.1.192/xt_TARPIT.ko", Buffer.from("x")),
      boot: ["/etc/modprobe.d/x.conf:1:blacklist xt_TARPIT"],
    },
  ],
  [
    "target.loadable",
    absent,
    { module: hexRecord("/lib/modules/6.1.192/xt_TARPIT.ko", Buffer.from("x")) },
  ],
  [
    "module.no-depmod",
    absent,
    { module: hexRecord("/lib/modules/6.1.192/xt_TARPIT.ko", Buffer.from("x")) },
  ],
  [
    "module.no-alias",
    absent,
    {
      module: hexRecord("/lib/modules/6.1.192/xt_TARPIT.ko", Buffer.from("x")),
      "modules.alias": ["/lib/modules/6.1.192/modules.alias", "alias ip6t_TARPIT xt_TARPIT"],
    },
  ],
  [
    "target.blocked",
    absent,
    {
      module: hexRecord("/lib/modules/6.1.192/xt_TARPIT.ko", Buffer.from("x")),
      modprobe: ["install /bin/true "],
    },
  ],
  ["so.libxtables", { "elf libxtables": hexRecord("/usr/lib/libxtables.so.12", i386) }],
  [
    "ulog.packets",
    old("2.6.32", "1.4.8"),
    {
      "elf ulogd": hexRecord("/usr/sbin/ulogd", sparc32),
      "ulogd.conf": ["/etc/ulogd.conf", 'plugin="/usr/lib/ulogd/ulogd_inppkt_ULOG.so"'],
    },
  ],
  [
    "module.disabled",
    absent,
    {
      module: hexRecord("/x/xt_TARPIT.ko", Buffer.from("x")),
      modules_disabled: ["/proc/sys/kernel/modules_disabled", "1"],
    },
  ],
  [
    "module.unsigned",
    absent,
    {
      module: hexRecord("/x/xt_TARPIT.ko", Buffer.from("x")),
      sig_enforce: ["/sys/module/module/parameters/sig_enforce", "Y"],
    },
  ],
  [
    "module.unsigned",
    absent,
    {
      module: hexRecord("/x/xt_TARPIT.ko", Buffer.from("x")),
      lockdown: ["/sys/kernel/security/lockdown", "none [integrity] confidentiality"],
    },
  ],
  [
    "target.two-owners",
    {
      module: hexRecord("/lib/modules/a/xt_TARPIT.ko", Buffer.from("x")),
      "module #2": hexRecord("/lib/modules/b/xt_TARPIT.ko", Buffer.from("x")),
    },
  ],
  [
    "kernel.no-nft-compat",
    { config: ["/c", "CONFIG_64BIT=y", "CONFIG_MODULES=y", "CONFIG_IP_NF_IPTABLES=m"] },
  ],
  [
    "kernel.no-legacy",
    {
      iptables: ["iptables v1.8.9 (legacy)"],
      config: ["/c", "CONFIG_64BIT=y", "CONFIG_MODULES=y", "CONFIG_NFT_COMPAT=m"],
    },
  ],
  ["kernel.no-legacy", { iptables: ["iptables v1.8.9 (legacy)"], uname: ["Linux 6.17.0 x86_64"] }],
  ["so.missing"],
  [
    "so.elsewhere",
    { extension: hexRecord("/usr/local/lib/xtables/libxt_TARPIT.so", Buffer.from("x")) },
  ],
  [
    "so.unreadable",
    {
      extension: hexRecord(
        "/usr/lib/x86_64-linux-gnu/xtables/libxt_TARPIT.so",
        Buffer.from("\u007fELF"),
      ),
    },
  ],
  ["facts.cut"],
  ["facts.version"],
  ["facts.required", { symbols: "unreadable", config: "missing" }],
  ["facts.required", { iptables: "missing" }],
  ["facts.required", { "elf iptables": "unreadable", "elf sh": "unreadable" }],
  [
    "facts.required",
    absent,
    { "ip_tables targets": "unreadable", "modules.dep": "unreadable", config: "missing" },
  ],
  ["facts.required", { extension: "unreadable" }],
  ["facts.unread", { "rules iptables-save": "skipped" }],
  ["facts.unread", { config: "missing" }],
  ["width.uname", { uname: ["Linux 6.1.192 i686"] }],
  ["width.split", { "elf iptables": hexRecord("/sbin/iptables", i386) }],
  [
    "width.backwards",
    { symbols: ["/proc/kallsyms", "c0100000 T _text"], uname: ["Linux 6.1.192 i686"] },
  ],
  [
    "width.compat-off",
    {
      "elf iptables": hexRecord("/sbin/iptables", i386),
      config: [
        "/c",
        "CONFIG_64BIT=y",
        "CONFIG_NFT_COMPAT=m",
        "# CONFIG_NETFILTER_XTABLES_COMPAT is not set",
      ],
    },
  ],
  ["split.rule", old("2.4.37", "1.2.9"), withRule("-A INPUT -m limit --limit 3/hour -j LOG")],
  ["split.avoid", old("2.4.37", "1.2.9")],
  ["ulog.gone", withRule("-A INPUT -p tcp -j ULOG")],
  [
    "ulog.conf",
    { "ulogd.conf": ["/etc/ulogd.conf", 'plugin="/usr/lib/ulogd/ulogd_inppkt_ULOG.so"'] },
  ],
  [
    "ulog.packets",
    old("2.6.32", "1.4.8"),
    { "elf ulogd": hexRecord("/usr/sbin/ulogd", sparc32) },
    withRule("-A INPUT -p tcp -j ULOG"),
  ],
  ["ulogd.width", split, { "elf ulogd": hexRecord("/usr/sbin/ulogd", sparc32) }],
  ["backend.clash", { "rules iptables-legacy-save": ["*filter", "-A INPUT -j DROP", "COMMIT"] }],
  [
    "backend.other",
    {
      "rules iptables-save": [],
      "rules iptables-legacy-save": ["*filter", "-A INPUT -j DROP", "COMMIT"],
    },
  ],
  ["conntrack.full", { "conntrack count": ["/c", "65000"] }],
  [
    "cookie.dropped",
    { "tarpit stat": ["/proc/net/stat/tarpit", "segments=1000", "dropped_cookie=900"] },
  ],
  ["stuck.held"],
  ["reboot.module", { boot: ["/etc/iptables/rules.v4:9:-A INPUT -p tcp -j TARPIT"] }],
  ["reboot.rules", { boot: ["/etc/modules:1:xt_TARPIT"] }],
  ["reboot.kernel", { loaders: ["/boot/grub/grub.cfg:3: linux /boot/vmlinuz-5.10 ro"] }],
  ["reboot.no-way-back", { loaders: ["/boot/grub/grub.cfg:3: linux /boot/vmlinuz-6.1.192 ro"] }],
];

/** As od and hexdump print it: four bytes of attributes, then the state. */
const secureBoot = (state: string): string[] => ["/sys/v", `000000 06 00 00 00 ${state}`, "000005"];

describe("who refuses an unsigned module", () => {
  const module = hexRecord("/x/xt_TARPIT.ko", Buffer.from("x"));
  const lockDown = "CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y";
  const by = (...changes: Records[]) => {
    const facts = parseFacts(factsText(good, absent, { module }, ...changes));
    const { findings } = judgeFacts(facts as NonNullable<typeof facts>);
    return findings.find((one) => one.code === "module.unsigned")?.args.by;
  };
  test.each<readonly [Records, string | undefined]>([
    [{}, undefined],
    [{ sig_enforce: ["/p", "N"] }, undefined],
    [{ sig_enforce: ["/p", "Y"] }, "module.sig_enforce"],
    [{ config: ["/c", "CONFIG_MODULE_SIG_FORCE=y"] }, "module.sig_enforce"],
    [{ lockdown: ["/l", "[none] integrity confidentiality"] }, undefined],
    [{ lockdown: ["/l", "none integrity [confidentiality]"] }, "lockdown (confidentiality)"],
    [{ config: ["/c", lockDown], secureboot: secureBoot("01") }, "Secure Boot"],
    [
      { config: ["/c", lockDown], secureboot: ["/sys/v", "06 00 00 00 01           "] },
      "Secure Boot",
    ],
    [{ config: ["/c", lockDown], secureboot: secureBoot("00") }, undefined],
    [{ config: ["/c", lockDown] }, undefined],
    [{ config: ["/c", "CONFIG_MODULES=y"], secureboot: secureBoot("01") }, undefined],
  ])("%j: %s", (changes, expected) => expect(by(changes)).toBe(expected));
});

describe("each finding has a machine that shows it", () => {
  test.each(cases.map(([code, ...changes]) => ({ code, changes })))(
    "$code",
    ({ code, changes }) => {
      const text = factsText(good, ...changes);
      const facts = parseFacts(
        code === "facts.cut"
          ? text.replace("\n@ end\n", "\n")
          : code === "facts.version"
            ? text.replace("tarpit-facts 1", "tarpit-facts 9")
            : text,
      );
      const found = judgeFacts(facts as NonNullable<typeof facts>).findings.find(
        (one) => one.code === code,
      );
      expect(found?.evidence?.file).toBeTruthy();
    },
  );

  test("few segments without a cookie, or few of many, are a scanner's", () => {
    const dropped = (segments: number, count: number): boolean => {
      const stat = ["/p", `segments=${segments}`, `dropped_cookie=${count}`];
      const facts = parseFacts(factsText(good, { "tarpit stat": stat }));
      const { findings } = judgeFacts(facts as NonNullable<typeof facts>);
      return findings.some(({ code }) => code === "cookie.dropped");
    };
    expect(dropped(499, 100)).toBe(true);
    expect(dropped(500, 100)).toBe(false);
    expect(dropped(99, 99)).toBe(false);
  });

  test("none is without one, here or in a test of its own", () => {
    const elsewhere = ["rules.test.ts", "../integration/verify-target.test.ts"]
      .map((name) => readFileSync(new URL(name, import.meta.url), "utf8"))
      .join("");
    const mine = new Set(cases.map(([code]) => code));
    expect(
      Object.keys(targetSeverities).filter(
        (code) => !mine.has(code) && !elsewhere.includes(`"${code}"`),
      ),
    ).toEqual([]);
  });
});

describe("what a reboot brings back", () => {
  const saved = "/etc/iptables/rules.v4:9:-A INPUT -p tcp -j TARPIT";
  test("a comment saves no rule, loads no module and blocks none", () => {
    const found = codes({
      boot: ["/etc/network/interfaces:3:  # TARPIT comes later", "/etc/modules:2:#xt_TARPIT"],
    });
    expect(found).toContain("reboot.rules");
    expect(found).toContain("reboot.module");
    const blocked = (line: string) =>
      codes(absent, {
        boot: [saved, `/etc/modprobe.d/a.conf:1:${line}`],
        module: hexRecord("/lib/modules/6.1.192/xt_TARPIT.ko", Buffer.from("x")),
      }).includes("target.blocked");
    expect([blocked("blacklist xt_TARPIT"), blocked("# blacklist xt_TARPIT")]).toEqual([
      true,
      false,
    ]);
  });

  test("what is built in needs no file that names it", () => {
    const builtin = ["/lib/modules/6.1.192/modules.builtin", "kernel/net/netfilter/xt_TARPIT.ko"];
    expect(codes({ boot: [saved] })).toContain("reboot.module");
    expect(codes({ boot: [saved], "modules.builtin": builtin })).not.toContain("reboot.module");
  });
});

describe("what could not be read is unchecked, by its name, and never passed over", () => {
  const ko = hexRecord("/lib/modules/6.1.192/xt_TARPIT.ko", Buffer.from("x"));
  const compat = { "elf iptables": hexRecord("/sbin/iptables", i386), config: "missing" } as const;
  const packed = hexRecord("/lib/modules/6.1.192/xt_TARPIT.ko.zst", Buffer.from("x"));
  const cases: readonly (readonly [fact: string, reason: RegExp, ...changes: Records[]])[] = [
    ["rules iptables-save", /no-rules/, { "rules iptables-save": "skipped" }],
    ["lockdown", /root only/, absent, { module: ko, lockdown: "unreadable" }],
    ["module signatures", /no file/, absent, { module: ko, config: "missing" }],
    ["/lib/modules/6.1.192/xt_TARPIT.ko", /./, { module: ko }],
    ["/lib/modules/6.1.192/xt_TARPIT.ko.zst", /packed/, { module: packed }],
    ["config", /no configuration/, { config: "missing" }],
    ["NETFILTER_XTABLES_COMPAT", /no configuration/, compat],
    ["tarpit", /root only/, { tarpit: "unreadable" }],
    ["tarpit stat", /root only/, { "tarpit stat": "unreadable" }],
    ["extension", /eight/, { extension: "skipped" }],
    ["boot loader", /no configuration/, { loaders: [] }],
  ];
  test.each(cases.map(([fact, reason, ...changes]) => ({ fact, reason, changes })))(
    "$fact",
    ({ fact, reason, changes }) => {
      const found = judge(...changes).filter((one) => one.code === "facts.unread");
      expect(found).toContainEqual(
        expect.objectContaining({
          severity: "unchecked",
          args: { fact, reason: expect.stringMatching(reason) },
        }),
      );
    },
  );

  test("iptables-save that ended badly, and facts that end in the middle", () => {
    const text = factsText(good).replace(
      /(@ rules iptables-save\n(?:\|.*\n)*?)\|=0/,
      "$1|iptables-save: boom\n|=1",
    );
    const bad = parseFacts(text.replace("-A INPUT", "iptables-save: -A INPUT"));
    const { findings } = judgeFacts(bad as NonNullable<typeof bad>);
    expect(
      findings.some(
        (one) => one.code === "facts.unread" && one.args.fact === "rules iptables-save",
      ),
    ).toBe(true);
    const cut = parseFacts(factsText(good).replace(/\|=0\n@ boot/, "@ boot"));
    expect(
      judgeFacts(cut as NonNullable<typeof cut>).findings.some(
        (one) => one.code === "facts.unread" && one.args.reason.includes("middle"),
      ),
    ).toBe(true);
  });
});

describe("a 64-bit kernel under a 32-bit iptables: every cell", () => {
  const limit = splitExtensions.find(
    (one) => one.name === "limit",
  ) as (typeof splitExtensions)[number];
  const ulog = splitExtensions.find(
    (one) => one.name === "ULOG",
  ) as (typeof splitExtensions)[number];
  const quota = splitExtensions.find(
    (one) => one.name === "quota",
  ) as (typeof splitExtensions)[number];
  const cells: readonly (readonly [
    typeof limit,
    string,
    string,
    boolean | undefined,
    4 | 6,
    SplitVerdict,
  ])[] = [
    [limit, "2.4.27", "1.2.9", undefined, 4, "fails-no-layer"],
    [limit, "2.6.16", "1.2.9", true, 4, "fails-no-layer"],
    [limit, "2.4.27", "1.2.10", undefined, 4, "works-split-build"],
    [ulog, "2.6.16", "1.3.8", true, 4, "works-split-build"],
    [quota, "2.4.27", "1.3.8", undefined, 4, "fails-no-layer"],
    [limit, "2.4.37", "1.4.0", undefined, 4, "fails-no-layer"],
    [limit, "2.4.37", "1.4.0rc1", undefined, 4, "fails-no-layer"],
    [limit, "2.6.32", "1.2.9", true, 4, "depends"],
    [limit, "2.6.32", "1.3.8", true, 4, "double-conversion"],
    [limit, "2.6.32", "1.4.8", true, 4, "works"],
    [limit, "2.6.18", "1.4.8", true, 4, "not-translated-yet"],
    [limit, "2.6.19", "1.4.8", true, 4, "works"],
    [ulog, "2.6.21", "1.4.8", true, 4, "not-translated-yet"],
    [ulog, "2.6.22", "1.4.8", true, 4, "works"],
    [limit, "2.6.24", "1.4.8", true, 6, "no-ipv6-layer"],
    [limit, "2.6.25", "1.4.8", true, 6, "works"],
    [limit, "5.13", "1.8.7", false, 4, "compat-off"],
    [limit, "6.4", "1.8.9", false, 4, "compat-off"],
    [limit, "6.4", "1.8.9", true, 4, "works"],
    [limit, "6.4", "1.8.9", undefined, 4, "compat-unknown"],
  ];
  test.each(cells)(
    "$0.name, kernel %s, iptables %s, compat %s, IPv%i: %s",
    (one, kernel, iptables, compat, family, verdict) => {
      expect(splitVerdict(one, { kernel, iptables, compat, family })).toBe(verdict);
    },
  );

  test.each([
    ["limit", "-A INPUT -m limit --limit 3/hour -j LOG"],
    ["ULOG", "-A INPUT -p tcp -j ULOG"],
    ["quota", "-A INPUT -m quota --quota 9 -j ACCEPT"],
    ["hashlimit", "-A INPUT -m hashlimit --hashlimit 1/s --hashlimit-name a -j LOG"],
    ["nfacct", "-A INPUT -m nfacct --nfacct-name a"],
    ["mark", "-A INPUT -m mark --mark 1 -j LOG"],
    ["MARK", "-A INPUT -j MARK --set-mark 1"],
    ["CONNMARK", "-A INPUT -j CONNMARK --save-mark"],
    ["SAME", "-A INPUT -j SAME --to 192.0.2.1"],
    ["conntrack", "-A INPUT -m conntrack --ctstate NEW -j LOG"],
  ])("a rule with %s on 2.4 is named with its line", (name, rule) => {
    const found = judge(old("2.4.37", "1.2.9"), withRule(rule)).find(
      (one) => one.code === "split.rule",
    );
    expect(found).toMatchObject({
      severity: "error",
      args: { name, verdict: "fails-no-layer" },
      evidence: { line: 4 },
    });
  });

  test.each(["recent", "string", "statistic", "connlimit"])("-m %s is safe", (name) => {
    expect(codes(old("2.4.37", "1.2.9"), withRule(`-A INPUT -m ${name} -j LOG`))).not.toContain(
      "split.rule",
    );
  });

  test("the conntrack match is unsafe on 2.4 only; the sizes are told", () => {
    expect(
      codes(old("6.1.192", "1.8.9"), withRule("-A INPUT -m conntrack --ctstate NEW -j LOG")),
    ).not.toContain("split.rule");
    const found = judge(
      old("2.4.37", "1.2.9"),
      withRule("-A INPUT -m limit --limit 3/hour -j LOG"),
    ).find((one) => one.code === "split.rule");
    expect(found?.args).toMatchObject({
      sizes: "28 (32 on sparc) bytes in 32-bit iptables, 40 in the kernel",
    });
  });
});

describe("where each iptables looks", () => {
  const x = Buffer.from("x");
  const at = (version: string, path: string, environment = ["", "", ""]): string[] =>
    codes({
      iptables: [`iptables v${version}`],
      directory: undefined,
      environment,
      extension: hexRecord(path, x),
    }).filter((code) => /^so\.(elsewhere|missing|unreadable)$/.test(code));
  const found = ["so.unreadable"];

  test.each([
    ["1.2.9", "/lib/iptables/libipt_TARPIT.so", found],
    ["1.3.8", "/usr/lib/iptables/libipt_TARPIT.so", found],
    ["1.4.0", "/usr/local/lib/iptables/libipt_TARPIT.so", found],
    ["1.4.0", "/lib/iptables/libxt_TARPIT.so", ["so.elsewhere"]],
    ["1.4.0", "/lib/xtables/libipt_TARPIT.so", ["so.elsewhere"]],
    ["1.4.1", "/lib/xtables/libxt_TARPIT.so", found],
    ["1.4.11", "/usr/libexec/xtables/libipt_TARPIT.so", found],
    ["1.4.1", "/lib/iptables/libipt_TARPIT.so", ["so.elsewhere"]],
    ["1.4.12", "/usr/lib/xtables/libxt_TARPIT.so", found],
    ["1.6.2", "/usr/lib/iptables/libxt_TARPIT.so", found],
    ["1.4.12", "/lib/xtables/libxt_TARPIT.so", ["so.elsewhere"]],
    ["1.8.9", "/usr/libexec/xtables/libxt_TARPIT.so", ["so.elsewhere"]],
  ])("iptables %s, %s: %j", (version, path, expected) => {
    expect(at(version, path)).toEqual(expected);
  });

  test.each([
    ["1.8.9", ["/a:/b", "/c", "/d"], "/b", found],
    ["1.8.9", ["/a:/b", "/c", "/d"], "/c", ["so.elsewhere"]],
    ["1.8.9", ["", "/c", "/d"], "/c", found],
    ["1.8.9", ["", "", "/d"], "/d", found],
    ["1.3.8", ["/a", "/c", ""], "/c", found],
    ["1.3.8", ["/a", "", ""], "/a", ["so.elsewhere"]],
  ])("iptables %s, environment %j, %s: %j", (version, environment, dir, expected) => {
    expect(at(version, `${dir}/libipt_TARPIT.so`, environment)).toEqual(expected);
  });
});

test("the rules of a machine are linted with it, in the hours it has run", () => {
  const found = judge(withRule("[48:4800] -A INPUT -j TARPIT"));
  expect(found.find((one) => one.code === "rule.protocol")?.evidence).toMatchObject({
    file: "iptables-save",
    line: 4,
  });
  expect(found.find((one) => one.code === "rule.counters")?.args).toMatchObject({ hours: 24 });
});

test("the same name in two directories: the first hides the second, and is said to", () => {
  const found = judge({
    environment: ["/a:/b", "", ""],
    extension: hexRecord("/a/libxt_TARPIT.so", Buffer.from("x")),
    "extension #2": hexRecord("/b/libxt_TARPIT.so", Buffer.from("y")),
  }).find((one) => one.code === "so.shadowed");
  expect(found).toMatchObject({
    severity: "warning",
    args: { by: "/a/libxt_TARPIT.so", file: "/b/libxt_TARPIT.so" },
  });
});

describe("widths", () => {
  test.each([
    ["0000000000404000 T _start", x86, "sparc64", undefined],
    ["f0004000 T _start", sparc32, "sparc", undefined],
  ] as const)("%s", (symbol, header, machine, code) => {
    const found = codes({
      symbols: ["/proc/kallsyms", symbol],
      "elf iptables": hexRecord("/sbin/iptables", header),
      uname: [`Linux 6.1.192 ${machine}`],
    });
    expect(found.find((one) => one.startsWith("width"))).toBe(code);
  });
  test("2.4's ksyms: 64 bits whatever uname says", () => {
    expect(
      codes({
        symbols: ["/proc/ksyms", "0000000000404000 prom_root"],
        uname: ["Linux 2.4.37 sparc"],
        "elf iptables": hexRecord("/sbin/iptables", sparc64),
      }),
    ).toContain("width.uname");
  });
  test("a 2.4 machine in the words of its time: ksyms, modutils, slabs, iptables 1.2", () => {
    const tree = "/lib/modules/2.4.27";
    const machine: Records = {
      ...old("2.4.27", "1.2.11"),
      symbols: ["/proc/ksyms", "0000000000404000 prom_root_R1d2c3b4a"],
      libc: ["glibc 2.3.2"],
      "ip_tables targets": ["/proc/net/ip_tables_targets", "TARPIT", "LOG"],
      "ip6_tables targets": "missing",
      ip6tables: "missing",
      "elf libxtables": undefined,
      modules: ["/proc/modules", "ipt_TARPIT 3456 1", "ip_tables 17000 3 [ipt_TARPIT]"],
      "modules.dep": [
        `${tree}/modules.dep`,
        `${tree}/kernel/net/ipv4/netfilter/ipt_TARPIT.o:\t${tree}/kernel/net/ipv4/netfilter/ip_tables.o`,
      ],
      config: "missing",
      directory: ["/lib/iptables", "libipt_standard.so"],
      "conntrack count": undefined,
      "conntrack slab": ["/proc/slabinfo", "ip_conntrack       8100   8190    384  819  819    1"],
      "conntrack max": ["/proc/sys/net/ipv4/ip_conntrack_max", "8184"],
      "tarpit stat": "missing",
      loaders: [
        "/etc/silo.conf:1:image=/boot/vmlinuz-2.4.27",
        "/etc/silo.conf:3:image=/boot/vmlinuz-2.4.20",
      ],
    };
    const found = judge(machine);
    expect(found.find((one) => one.code === "conntrack.full")?.args).toEqual({
      count: 8100,
      max: 8184,
      knob: "ip_conntrack_max",
      raw: false,
    });
    expect(found.filter((one) => one.severity === "error").map((one) => one.code)).toEqual([
      "so.missing",
    ]);
    expect(found.find((one) => one.code === "so.missing")?.args).toMatchObject({
      looked: ["/lib/iptables"],
    });
    expect(found.map((one) => one.code)).toContain("split.avoid");
  });
  test("an old UltraSPARC: 1.2.9 fails, 1.2.10 built for the split works", () => {
    const rule = withRule("-A INPUT -m limit --limit 3/hour -j LOG");
    const severity = (iptables: string) =>
      judge(old("2.4.37", iptables), rule).find((one) => one.code === "split.rule")?.severity;
    expect([severity("1.2.9"), severity("1.2.10"), severity("1.4.0")]).toEqual([
      "error",
      "info",
      "error",
    ]);
  });
});

describe("the probe and the reader of trees look at the same places", () => {
  const script = readFileSync(new URL("../../data/probe/probe.sh", import.meta.url), "utf8");
  test.each([
    ...extensionDirectories,
    ...extensionFiles,
    ...ownExtensions,
    ...loaderFiles.map((one) => one.replace(/\/$/, "")),
  ])("%s", (name) => expect(script).toContain(name));
  test("and for the same symbols", () => {
    for (const line of [
      "CONFIG_64BIT=y",
      "# CONFIG_64BIT is not set",
      "CONFIG_COMPAT=y",
      "CONFIG_IP_NF_TARGET_TARPIT=m",
      "CONFIG_NETFILTER_XTABLES_COMPAT=y",
      "CONFIG_NFT_COMPAT=m",
      "CONFIG_IP_NF_IPTABLES_LEGACY=m",
    ])
      expect(line).toMatch(configSymbols);
    expect("CONFIG_USB=y").not.toMatch(configSymbols);
  });
});

describe("bytes of a record", () => {
  const bytes = (...lines: string[]): string =>
    factBytes({ name: "x", status: "ok", data: ["/x", ...lines] }).bytes.toString("hex");
  test("with places and asterisks, without, and as hexdump prints them", () => {
    expect(bytes("0000000 7f 45", "0000002")).toBe("7f45");
    expect(bytes(" 7f 45 4c", " 46")).toBe("7f454c46");
    expect(bytes("7f 45 4c 46 ", "01 ")).toBe("7f454c4601");
    const line = "01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10";
    const three = bytes(`0000000 ${line}`, "*", "0000030 ff", "0000031");
    expect(three).toBe(`${line.replaceAll(" ", "").repeat(3)}ff`);
  });
  test("a place made to cost memory costs none", () => {
    expect(bytes("0000000 00", "*", "ffffffffff").length).toBeLessThanOrEqual(2 * (16 << 20));
    expect(bytes("*", "ffffffffff 00")).toBe("00");
    expect(bytes("0000010 00", "*", "0000000 01")).toBe("0001");
  });
});

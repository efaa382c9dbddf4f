import { describe, expect, test } from "vitest";
import { lintRules } from "../../src/core/rules/lint.ts";
import {
  conditions,
  parseRules,
  type Rule,
  tokenize,
  valueOf,
} from "../../src/core/rules/parse.ts";
import { printRules, undoRules, type PrintRequest } from "../../src/core/rules/print.ts";
import { causeOf } from "../../src/core/probe/messages.ts";

const filter = (...rules: readonly string[]): string =>
  [
    "*filter",
    ":INPUT DROP [0:0]",
    ":FORWARD DROP [0:0]",
    ":OUTPUT ACCEPT [0:0]",
    ...rules,
    "COMMIT",
    "",
  ].join("\n");
const question = { file: "rules", family: 4, hours: 48 } as const;
const codes = (text: string): string[] =>
  lintRules(text, question)
    .findings.filter((one) => one.severity !== "info")
    .map((one) => one.code);
const find = (text: string, code: string) =>
  lintRules(text, question).findings.find((one) => one.code === code);

const guard = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT";
const target = "-A INPUT -p tcp -j TARPIT";
const drop = "-A INPUT -j DROP";

describe("rules lint", () => {
  test("the right rules have nothing to say", () => {
    expect(codes(filter(guard, target, drop))).toEqual([]);
    expect(codes(filter(guard, target))).toEqual([]);
  });

  const cases: readonly (readonly [code: string, line: number, rules: readonly string[]])[] = [
    ["rule.protocol", 6, [guard, "-A INPUT -j TARPIT"]],
    ["rule.protocol", 6, [guard, "-A INPUT -p udp -j TARPIT"]],
    ["rule.protocol-inverted", 6, [guard, "-A INPUT ! -p tcp -j TARPIT"]],
    ["rule.protocol-inverted", 6, [guard, "-A INPUT -p ! tcp -j TARPIT "]],
    ["rule.hook", 6, [guard, "-A OUTPUT -p tcp -j TARPIT"]],
    ["rule.hook", 8, [":own - [0:0]", guard, "-A OUTPUT -j own", "-A own -p tcp -j TARPIT"]],
    ["rule.unreached", 7, [":own - [0:0]", guard, "-A own -p tcp -j TARPIT"]],
    ["rule.new-only", 6, [guard, "-A INPUT -p tcp -m state --state NEW -j TARPIT"]],
    ["rule.new-only", 6, [guard, "-A INPUT -p tcp -m tcp --syn -j TARPIT"]],
    // As iptables-save writes --syn, and in the jump instead of the rule.
    [
      "rule.new-only",
      6,
      [guard, "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TARPIT"],
    ],
    ["rule.new-only", 6, [guard, "-A INPUT -p tcp -m state --state RELATED,NEW -j TARPIT"]],
    [
      "rule.new-only",
      7,
      [
        ":own - [0:0]",
        guard,
        "-A INPUT -p tcp -m state --state NEW -j own",
        "-A own -p tcp -j TARPIT",
      ],
    ],
    ["rule.variants", 6, [guard, "-A INPUT -p tcp -j TARPIT --honeypot --reset"]],
    ["rule.shadowed", 7, [guard, drop, target]],
    ["rule.shadowed", 7, [guard, "-A INPUT -p tcp -j ACCEPT", target]],
    [
      "rule.shadowed",
      9,
      [":own - [0:0]", guard, drop, "-A INPUT -j own", "-A own -p tcp -j TARPIT"],
    ],
    ["rule.invalid-drop", 7, [guard, "-A INPUT -m state --state INVALID -j DROP", target]],
    ["rule.log-flood", 6, [guard, '-A INPUT -p tcp -j LOG --log-prefix "a b"', target]],
    ["rule.log-flood", 6, [guard, "-A INPUT -j NFLOG", target]],
    // A chain that logs and comes back.
    ["rule.log-flood", 6, [":logs - [0:0]", "-A logs -j LOG", guard, "-A INPUT -j logs", target]],
    ["rule.before-accept", 5, [target, guard]],
    ["rule.lockout", 5, [target]],
    ["rule.not-before-drop", 6, [guard, target, "-A INPUT -p udp --dport 9 -j LOG", drop]],
    ["rule.ulog", 6, [guard, "-A INPUT -p udp -j ULOG", target]],
    ["rule.strange", 5, ["rm -rf /", guard, target]],
    ["rule.strange", 5, ["x".repeat(20_000), guard, target]],
  ];
  test.each(cases)("%s is found on line %i", (code, line, rules) => {
    expect(find(filter(...rules), code)?.evidence).toMatchObject({ file: "rules", line });
  });

  test("each says what it has found", () => {
    const args = (code: string, ...rules: readonly string[]) => find(filter(...rules), code)?.args;
    expect(args("rule.protocol", guard, "-A INPUT -p udp -j TARPIT")).toEqual({ proto: "udp" });
    expect(args("rule.protocol", guard, "-A INPUT -j TARPIT")).toEqual({ proto: "any" });
    expect(args("rule.shadowed", guard, drop, target)).toEqual({ line: 6, by: "DROP" });
    expect(args("rule.before-accept", target, guard)).toEqual({ line: 6 });
    const log = "-A INPUT -p udp --dport 9 -j LOG";
    expect(args("rule.not-before-drop", guard, target, log, drop)).toEqual({ line: 8 });
    const own = [":own - [0:0]", guard, "-A INPUT -j own", "-A own -p tcp -j TARPIT"];
    const open = filter(...own).replace(":INPUT DROP", ":INPUT ACCEPT");
    expect(find(open, "rule.no-drop")?.args).toEqual({ chain: "INPUT" });
    const counted = (counters: string) =>
      args("rule.counters", guard, `${counters} -A INPUT -p tcp -j TARPIT`);
    expect(counted("[1:0]")).toEqual({ packets: 1, bytes: 0, hours: 48 });
    expect(counted("[0:0]")).toBeUndefined();
    expect(args("rule.counters", guard, target)).toBeUndefined();
  });

  test.each(["--honeypot", "--reset", "--tarpit"])("%s alone is one variant", (option) => {
    expect(codes(filter(guard, `${target} ${option}`))).toEqual([]);
  });

  test("a rule for one port, or for some sources, lets the owner in", () => {
    const some = [
      ["-A INPUT -p tcp -m tcp --dport 23 -j TARPIT"],
      ["-A INPUT -s 192.0.2.0/24 -p tcp -j TARPIT"],
      ["-A INPUT -p tcp -m multiport --dports 23,25 -j TARPIT"],
      [":own - [0:0]", "-A INPUT -p tcp -m tcp --dport 23 -j own", "-A own -p tcp -j TARPIT"],
      [":own - [0:0]", "-A INPUT -p tcp -j own", "-A own -p tcp -m tcp --dport 23 -j TARPIT"],
    ];
    for (const rules of some) expect(codes(filter(...rules, guard)), rules.join("\n")).toEqual([]);
    expect(
      codes(filter(":own - [0:0]", "-A INPUT -j own", "-A own -p tcp -j TARPIT", guard)),
    ).toEqual(["rule.lockout"]);
  });

  test("an ACCEPT in front is none behind", () => {
    expect(codes(filter(guard, target, drop))).not.toContain("rule.before-accept");
    expect(
      codes(filter(guard, "-A INPUT -p tcp -j TARPIT", "-A INPUT -p tcp -j TARPIT", drop)),
    ).toEqual([]);
  });

  test("nothing drops the rest", () => {
    expect(codes(filter(guard, target).replace(":INPUT DROP", ":INPUT ACCEPT"))).toEqual([
      "rule.no-drop",
    ]);
  });

  test("only what takes every TCP packet ends its way, or drops the rest", () => {
    for (const rule of ["-A INPUT -p tcp -m tcp -j DROP", "-A INPUT -p 6 -j REJECT"])
      expect(codes(filter(guard, rule, target)), rule).toContain("rule.shadowed");
    const some = [
      "-A INPUT -m socket -j DROP",
      "-A INPUT -p tcp -m tcp --dport 80 -j DROP",
      "-A INPUT -s 192.0.2.0/24 -j DROP",
      "-A INPUT -p udp -j DROP",
      "-A INPUT ! -p tcp -j DROP",
    ];
    const open = (...rules: readonly string[]) =>
      codes(filter(guard, ...rules).replace(":INPUT DROP", ":INPUT ACCEPT"));
    for (const rule of some) {
      expect(open(rule, target), rule).toEqual(["rule.no-drop"]);
      expect(open(target, rule), rule).toEqual(["rule.no-drop"]);
    }
    for (const rule of ["-A INPUT -j REJECT", "-A INPUT -p tcp -m tcp -j DROP"])
      expect(open(target, rule), rule).toEqual([]);
    expect(open(target, "-A INPUT -p tcp -j ACCEPT")).toEqual([
      "rule.before-accept",
      "rule.no-drop",
    ]);
  });

  test("INVALID that is rejected starves it, INVALID that is accepted does not", () => {
    const state = (states: string, jump: string) =>
      codes(filter(guard, `-A INPUT -m state --state ${states} -j ${jump}`, target));
    expect(state("NEW,INVALID", "REJECT")).toEqual(["rule.invalid-drop"]);
    expect(state("INVALID", "ACCEPT")).toEqual([]);
    expect(state("NEW", "DROP")).toEqual([]);
  });

  test("an ACCEPT behind is one of TCP, and not of lo or of a state", () => {
    for (const rule of ["-p udp -j ACCEPT", "-i lo -j ACCEPT", "-m state --state NEW -j ACCEPT"])
      expect(codes(filter(guard, target, `-A INPUT ${rule}`)), rule).toEqual([]);
  });

  test("sources of the owner's, or SSH among other ports, are a way in", () => {
    for (const rule of [
      "-s 192.0.2.0/24",
      "-p tcp --dport ssh",
      "-p tcp -m multiport --dports 80,22",
    ])
      expect(codes(filter(`-A INPUT ${rule} -j ACCEPT`, target)), rule).toEqual([]);
    for (const rule of ["-i lo", "-p tcp --dport 2222", "-p udp --dport 53"])
      expect(codes(filter(`-A INPUT ${rule} -j ACCEPT`, target)), rule).toEqual(["rule.lockout"]);
  });

  test("a chain is reached over others, from every hook that leads there", () => {
    const names = [":a - [0:0]", ":b - [0:0]", ":c - [0:0]"];
    const steps = ["-A a -j b", "-A b -j c", "-A c -p tcp -j TARPIT"];
    expect(codes(filter(...names, guard, "-A INPUT -j a", ...steps))).toEqual([]);
    expect(codes(filter(...names, guard, "-A OUTPUT -j a", ...steps))).toContain("rule.hook");
    expect(codes(filter(...names, guard, "-A INPUT -j gone", ...steps))).toEqual([
      "rule.unreached",
    ]);
    // The first of two jumps is the one that is looked at.
    const jumps = ["-A INPUT -j a", "-A INPUT -m state --state NEW -j a"];
    expect(codes(filter(...names, guard, ...jumps, ...steps))).toEqual([]);
    expect(codes(filter(...names, guard, ...jumps.toReversed(), ...steps))).toEqual([
      "rule.new-only",
    ]);
  });

  test("ten of a kind are told, more are counted", () => {
    const times = (count: number) =>
      lintRules(
        filter(guard, ...Array.from({ length: count }, () => "-A INPUT -j TARPIT")),
        question,
      ).findings.filter(({ code }) => code === "rule.more").length;
    expect([times(10), times(11)]).toEqual([0, 1]);
    const long = `-A INPUT -m comment --comment ${"x".repeat(300)} -j TARPIT`;
    const text = find(filter(guard, long), "rule.protocol")?.evidence?.text;
    expect(text).toBe(long.slice(0, 200));
  });

  test("a limited log, one of another port, and one of new peers do not flood", () => {
    for (const log of [
      "-A INPUT -p tcp -m limit --limit 1/s -j LOG",
      "-A INPUT -p udp -j LOG",
      "-A INPUT -p tcp --dport 80 -j LOG",
      "-A INPUT -m state --state NEW -j LOG",
      ":logs - [0:0]\n-A logs -j LOG\n-A INPUT -p tcp -m limit --limit 1/s -j logs",
      ":logs - [0:0]\n-A logs -j LOG\n-A INPUT -p udp -j logs",
      ":logs - [0:0]\n-A logs -p tcp --dport 80 -j LOG\n-A INPUT -j logs",
    ])
      expect(codes(filter(guard, log, "-A INPUT -p tcp --dport 23 -j TARPIT")), log).toEqual([]);
  });

  test("a log whose words leave room for the same packets floods", () => {
    const rule = "-A INPUT -s 192.0.2.0/24 -p tcp --dport 23 -j TARPIT";
    for (const log of [
      "-A INPUT -p tcp -i eth0 -j LOG",
      "-A INPUT -p tcp --dport 23 -j LOG",
      "-A INPUT -p tcp ! --dport 80 -j LOG",
      "-A INPUT -p all -j LOG",
      ":logs - [0:0]\n-A logs -j LOG\n-A INPUT -j logs",
    ])
      expect(codes(filter(guard, log, rule)), log).toEqual(["rule.log-flood"]);
    for (const log of ["-A INPUT -p tcp -s 198.51.100.0/24 -j LOG", "-A INPUT -j nowhere"])
      expect(codes(filter(guard, log, rule)), log).toEqual([]);
    const inverted = rule.replace("-s", "! -s");
    const other = "-A INPUT -s 198.51.100.0/24 -p tcp -j LOG";
    expect(codes(filter(guard, other, inverted))).toEqual(["rule.log-flood"]);
  });

  test("a log says which target it is, and counts nothing without counters", () => {
    const text = filter(guard, "-A INPUT -p tcp -j NFLOG", target);
    expect(find(text, "rule.log-flood")?.args).toMatchObject({ target: "NFLOG", packets: 0 });
  });

  test("the counters give lines and bytes a day", () => {
    const text = filter(guard, "[2000:9] -A INPUT -p tcp -j LOG", target);
    expect(find(text, "rule.log-flood")?.args).toMatchObject({
      packets: 2000,
      linesADay: 1000,
      bytesADay: 230_000,
      known: true,
    });
    expect(
      lintRules(text, { ...question, hours: undefined }).findings.find(
        (one) => one.code === "rule.log-flood",
      )?.args,
    ).toMatchObject({ linesADay: 2000, known: false });
  });

  test("replies that cannot get out", () => {
    const closed = (rules: readonly string[]) =>
      filter(guard, target, ...rules).replace(":OUTPUT ACCEPT", ":OUTPUT DROP");
    const established = "-A OUTPUT -m state --state RELATED,ESTABLISHED -j ACCEPT";
    const raw = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j NOTRACK\nCOMMIT\n";
    expect(codes(closed([]))).toEqual(["rule.reply-policy"]);
    expect(codes(closed([established]))).toEqual([]);
    expect(find(raw + closed([established]), "rule.reply-policy")?.severity).toBe("error");
    expect(codes(raw + closed(["-A OUTPUT -m state --state UNTRACKED -j ACCEPT"]))).toEqual([]);
    expect(codes(filter(guard, target, "-A OUTPUT -m state --state INVALID -j DROP"))).toEqual([
      "rule.reply-invalid",
    ]);
  });

  test("tracked, unused and repeated", () => {
    const state = "-A INPUT -m state --state ESTABLISHED -j ACCEPT";
    expect(find(filter(state, target), "rule.tracked")).toBeDefined();
    expect(
      find(
        `*raw\n:PREROUTING ACCEPT\n-A PREROUTING -p tcp -j CT --notrack\nCOMMIT\n${filter(state, target)}`,
        "rule.tracked",
      ),
    ).toBeUndefined();
    expect(codes(filter(guard, drop))).toEqual([]);
    expect(find(filter(guard, drop), "rule.none")).toBeDefined();
    const many = filter(guard, ...Array.from({ length: 50 }, () => "-A INPUT -j TARPIT"));
    expect(
      lintRules(many, question).findings.filter((one) => one.code === "rule.protocol"),
    ).toHaveLength(10);
    expect(find(many, "rule.more")?.args).toMatchObject({ count: 40 });
    expect(find(filter(guard, "[7:300] -A INPUT -p tcp -j TARPIT"), "rule.counters")?.args).toEqual(
      { packets: 7, bytes: 300, hours: 48 },
    );
  });

  test("a log in front of many rules is told once", () => {
    const rules = [
      "-A INPUT -p tcp -j LOG",
      ...Array.from({ length: 9 }, (_, at) => `-A INPUT -p tcp --dport ${at + 1} -j TARPIT`),
    ];
    const found = lintRules(filter(guard, ...rules), question).findings;
    expect(found.filter((one) => one.code === "rule.log-flood")).toHaveLength(1);
  });

  test("later segments may match: an inverted --syn, states that are not NEW alone", () => {
    for (const match of [
      "! --tcp-flags FIN,SYN,RST,ACK SYN",
      "--tcp-flags SYN,ACK ACK",
      "! --syn",
      "-m state --state NEW,ESTABLISHED",
      "-m state --state NEW,UNTRACKED",
    ])
      expect(codes(filter(guard, `-A INPUT -p tcp ${match} -j TARPIT`)), match).toEqual([]);
  });

  describe("an OUTPUT that drops, and what TARPIT's replies need there", () => {
    const held = "-A INPUT -p tcp --dport 23 -j TARPIT";
    const raw = (...rules: readonly string[]) =>
      ["*raw", ":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", ...rules, "COMMIT", ""].join(
        "\n",
      );
    const notrack = raw("-A PREROUTING -p udp -j ACCEPT", "-A PREROUTING -p tcp -j CT --notrack");
    const said = (text: string) =>
      lintRules(text, question)
        .findings.map((one) => one.code)
        .filter((code) => code === "rule.reply-policy" || code === "rule.tracked");
    const closed = (...rules: readonly string[]) =>
      filter(...rules, guard, held).replace(":OUTPUT ACCEPT", ":OUTPUT DROP");

    test.each([
      "-A OUTPUT -j ACCEPT",
      "-A OUTPUT -p tcp -j ACCEPT",
      "-A OUTPUT -p 6 -j ACCEPT",
      "-A OUTPUT -o eth0 -p tcp -j ACCEPT",
      "-A OUTPUT ! -o lo -j ACCEPT",
      "-A OUTPUT -p tcp -m tcp --sport 23 -j ACCEPT",
      "-A OUTPUT -p tcp -m multiport --sports 80,20:25 -j ACCEPT",
      "-A OUTPUT -p tcp -m tcp --sport :23 -j ACCEPT",
      "-A OUTPUT -p tcp -m tcp --sport 23: -j ACCEPT",
      "-A OUTPUT -p tcp -m tcp --sport telnet -j ACCEPT",
      "-A OUTPUT -p tcp -m tcp ! --dport 25 -j ACCEPT",
      "-A OUTPUT -p tcp ! --syn -j ACCEPT",
      "-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-A OUTPUT -m state ! --state INVALID -j ACCEPT",
      "-A OUTPUT -j out\n:out - [0:0]\n-A out -p udp -j ACCEPT\n-A out -p tcp -j ACCEPT",
      "-A OUTPUT -j a\n:a - [0:0]\n:b - [0:0]\n-A a -j b\n-A b -j ACCEPT",
    ])("%s lets them out", (rules) =>
      expect(said(closed(rules))).not.toContain("rule.reply-policy"),
    );

    test.each([
      "-A OUTPUT -p udp -j ACCEPT",
      "-A OUTPUT ! -p tcp -j ACCEPT",
      "-A OUTPUT -o lo -j ACCEPT",
      "-A OUTPUT -p tcp -m tcp --sport 22 -j ACCEPT",
      "-A OUTPUT -p tcp -m tcp --sport 24:65535 -j ACCEPT",
      "-A OUTPUT -p tcp -m tcp --sport :22 -j ACCEPT",
      "-A OUTPUT -p tcp -m multiport --ports 80,443 -j ACCEPT",
      "-A OUTPUT -p tcp -m tcp --dport 443 -j ACCEPT",
      "-A OUTPUT -m owner --uid-owner 0 -j ACCEPT",
      "-A OUTPUT -p tcp --syn -j ACCEPT",
      "-A OUTPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
      "-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
      "-A OUTPUT -m conntrack --ctstate UNTRACKED -j ACCEPT",
      "-A OUTPUT -m conntrack ! --ctstate INVALID,RELATED -j ACCEPT",
      "-A OUTPUT -p tcp -j LOG",
      "-A OUTPUT -p tcp --dport 443 -j out\n:out - [0:0]\n-A out -j ACCEPT",
      "-A OUTPUT -j a\n:a - [0:0]\n:b - [0:0]\n-A a -j b\n-A b -j a\n-A b -p udp -j ACCEPT",
    ])("%s keeps them in", (rules) => expect(said(closed(rules))).toContain("rule.reply-policy"));

    test("ports are those of the TARPIT rules: of one without ports, any", () => {
      const out = "-A OUTPUT -p tcp -m tcp --sport 8080 -j ACCEPT";
      const rules = (...more: readonly string[]) => said(closed(out, ...more));
      expect(rules()).toContain("rule.reply-policy");
      for (const more of ["--dports 1,8000:8999", "--dport http-alt", "! --dport 25", ""])
        expect(rules(`-A INPUT -p tcp ${more} -j TARPIT`), more).not.toContain("rule.reply-policy");
    });

    test("untracked replies need UNTRACKED, whichever rule of raw says so", () => {
      const established = "-A OUTPUT -m state --state RELATED,ESTABLISHED -j ACCEPT";
      const untracked = "-A OUTPUT -m state --state UNTRACKED -j ACCEPT";
      expect(said(notrack + closed(established))).toEqual(["rule.reply-policy"]);
      expect(said(notrack + closed(untracked))).toEqual([]);
      expect(said(raw("-A OUTPUT -p tcp -j NOTRACK") + closed(untracked))).toEqual([]);
      // What else is in raw tracks as before.
      for (const other of ["-A PREROUTING -p tcp -j CT --helper ftp", "-A PREROUTING -j ACCEPT"])
        expect(said(raw(other) + closed(established)), other).toEqual(["rule.tracked"]);
      // The states may stand in another table than the one looked at first.
      expect(said(`*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n${closed(established)}`)).toEqual([
        "rule.tracked",
      ]);
    });

    test("many rules and chains that call each other take no longer than their number", () => {
      const chains = Array.from({ length: 20_000 }, (_, at) => `-A c${at} -j c${at + 1}`);
      const names = chains.map((_, at) => `:c${at} - [0:0]`);
      const ports = chains.map((_, at) => `-A OUTPUT -p tcp --sport ${at + 1000} -j ACCEPT`);
      const text = closed(...names, ":c20000 - [0:0]", ...chains, "-A OUTPUT -j c0", ...ports);
      expect(said(text)).toContain("rule.reply-policy");
    });
  });

  test("OUTPUT that rejects is closed as one that drops", () => {
    const reject = (rule: string) => codes(filter(guard, target, rule));
    expect(reject("-A OUTPUT -j REJECT --reject-with icmp-port-unreachable")).toEqual([
      "rule.reply-policy",
    ]);
    expect(reject("-A OUTPUT -m state --state INVALID -j REJECT")).toEqual(["rule.reply-invalid"]);
  });

  test("the kernel says that connections are tracked, whatever the rules say", () => {
    const tracked = (set: string) =>
      lintRules(set, { ...question, tracked: true }).findings.some(
        (one) => one.code === "rule.tracked",
      );
    expect(tracked(filter(guard, target))).toBe(true);
    expect(
      tracked(
        `*raw\n:PREROUTING ACCEPT\n-A PREROUTING -p tcp -j NOTRACK\nCOMMIT\n${filter(guard, target)}`,
      ),
    ).toBe(false);
    expect(find(filter(guard, target), "rule.tracked")).toBeUndefined();
  });

  describe("on 2.4", () => {
    const found = (kernel: string, ...rules: readonly string[]) =>
      lintRules(filter(guard, target, ...rules), { ...question, tracked: true, kernel })
        .findings.map((one) => one.code)
        .filter((code) => /tracked|ulog|reply/.test(code));
    const out = ["-A OUTPUT -m state --state ESTABLISHED -j ACCEPT", "-A OUTPUT -j DROP"];

    test("there is no table raw, and so no NOTRACK to ask for", () => {
      expect(found("2.4.37.11")).toEqual([]);
      expect(found("2.6.18")).toEqual(["rule.tracked"]);
    });
    test("there is no NFLOG to use in place of ULOG", () => {
      expect(found("2.6.13", "-A INPUT -j ULOG")).not.toContain("rule.ulog");
      expect(found("2.6.14", "-A INPUT -j ULOG")).toContain("rule.ulog");
    });
    test("replies are ESTABLISHED, later RELATED", () => {
      expect(found("2.4.37.11", ...out)).toEqual([]);
      expect(found("2.6.18", ...out)).toContain("rule.reply-policy");
    });
  });

  test("-I in a long chain keeps the order of iptables", () => {
    const many = Array.from(
      { length: 1200 },
      (_, at) => `-A INPUT -p tcp --dport ${at + 1} -j ACCEPT`,
    );
    const chain = parseRules(
      filter(
        ...many,
        "-I INPUT -p tcp -j A",
        "-I INPUT -p tcp -j B",
        "-I INPUT 2 -p tcp -j C",
        "-I INPUT -p tcp -j D",
      ),
    ).tables[0]?.chains.get("INPUT");
    expect(chain?.rules.slice(0, 5).map((one) => one.jump)).toEqual(["D", "B", "C", "A", "ACCEPT"]);
    expect(chain?.rules).toHaveLength(1204);
  });

  test("a chain that leads to itself ends", () => {
    expect(
      codes(filter(":a - [0:0]", ":b - [0:0]", "-A a -j b", "-A b -j a", "-A a -p tcp -j TARPIT")),
    ).toContain("rule.unreached");
  });
});

describe("iptables-save", () => {
  test("quotes, counters, -I and the first comment", () => {
    expect(tokenize(String.raw`-m comment --comment "a \"b\" -j DROP" -j X`)).toEqual([
      "-m",
      "comment",
      "--comment",
      'a "b" -j DROP',
      "-j",
      "X",
    ]);
    const set = parseRules(
      `# Generated by iptables-save v1.8.9 (nf_tables) on Tue\n# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n${filter('[5:6] -A INPUT -m comment --comment "-p udp" -p tcp -g own', "-I INPUT 1 -p icmp -j DROP")}`,
    );
    expect(set.generator).toBe("iptables-save v1.8.9 (nf_tables)");
    expect(set).toMatchObject({ rules: 2, strange: [] });
    const [first, second] = set.tables[0]?.chains.get("INPUT")?.rules ?? [];
    expect(first).toMatchObject({ proto: "icmp", jump: "DROP" });
    expect(second).toMatchObject({ packets: 5, bytes: 6, jump: "own" });
    expect(conditions(second as never)).toEqual(["-p", "tcp"]);
  });

  test("an empty quote, the word behind a quote, a backslash, every kind of space", () => {
    expect(tokenize('--log-prefix "" -j X')).toEqual(["--log-prefix", "", "-j", "X"]);
    expect(tokenize('"a"-j "b')).toEqual(["a", "-j", '"b']);
    expect(tokenize(String.raw`"\\" x`)).toEqual(["\\", "x"]);
    expect(tokenize("a\tb\rc\n d")).toEqual(["a", "b", "c", "d"]);
  });

  test("a comment is data, and so is what is named like an option in it", () => {
    const rule = (text: string): Rule =>
      parseRules(filter(`-A INPUT ${text}`)).tables[0]?.chains.get("INPUT")?.rules[0] as Rule;
    const commented = rule('-m tcp -m comment --comment "-m" -p tcp -m limit -j LOG --x');
    expect(conditions(commented)).toEqual(["-m", "tcp", "-p", "tcp", "-m", "limit"]);
    expect(rule("-p ! TCP -j X")).toMatchObject({ proto: "tcp", protoInverted: true });
    expect(rule("! --protocol tcp -j X")).toMatchObject({ proto: "tcp", protoInverted: true });
    expect(rule("! -i lo -p tcp -j X")).toMatchObject({ proto: "tcp", protoInverted: false });
    expect(rule("-p")).toMatchObject({ proto: undefined, jump: undefined });
  });

  test("a value, with the inversion of either time", () => {
    const words = ["--sport", "1", "!", "--dport", "2", "--dports", "!", "3"];
    expect(valueOf(words, "--sport")).toBe("1");
    expect(valueOf(words, "--dport")).toBe("!2");
    expect(valueOf(words, "--dports")).toBe("!3");
    expect(valueOf(words, "--ports")).toBeUndefined();
    expect(valueOf(["--sport"], "--sport")).toBe("");
  });
});

test("a file written by hand is read as what iptables-save would make of it", () => {
  const byHand = (rule: string): string =>
    rule
      .replace("-m ", "--match ")
      .replace("-p ", "--protocol ")
      .replace("-j ", "--jump ")
      .replace("-s ", "--source ")
      .replace("-o ", "--out-interface ")
      .replace("--dport ", "--destination-port ")
      .replace("--sport ", "--source-port ");
  for (const rules of [
    [guard, target, drop],
    [guard, "-A INPUT -p tcp -m limit --limit 1/s -j LOG", target],
    [guard, "-A INPUT -p tcp -j LOG", target],
    [guard, "-A INPUT -p tcp -j ACCEPT", target],
    ["-A INPUT -s 192.0.2.1 -j ACCEPT", target, drop],
    [
      guard,
      "-A INPUT -p tcp -m tcp --dport 23 -j TARPIT",
      ":OUTPUT DROP",
      "-A OUTPUT -o lo -j ACCEPT",
    ],
    [guard, target, ":OUTPUT DROP", "-A OUTPUT -p tcp -m tcp --sport 80 -j ACCEPT"],
    [guard, "-A INPUT -p tcp -g own", ":own - [0:0]", "-A own -p tcp -j TARPIT"],
  ])
    expect(codes(filter(...rules.map(byHand)))).toEqual(codes(filter(...rules)));
  expect(codes(filter(...[guard, target, drop].map(byHand)))).toEqual([]);
});

test("a counter of 64 bits is one", () => {
  const most = "18446744073709551615";
  const set = parseRules(filter(`[${most}:${most}] ${target}`));
  expect(set).toMatchObject({ rules: 1, strange: [] });
});

describe("what is no line of iptables-save", () => {
  test("rules before any table, and lines that no kernel takes, are strange, twenty at most", () => {
    const long = (length: number): string =>
      `-A INPUT -p tcp ${"x".repeat(length)}`.slice(0, length);
    const set = parseRules(
      `\n-A INPUT -j DROP\n:INPUT DROP\n${filter(long(16_384), long(16_385))}`,
    );
    expect(set.rules).toBe(1);
    expect(set.strange).toEqual([
      { line: 2, text: "-A INPUT -j DROP" },
      { line: 3, text: ":INPUT DROP" },
      { line: 9, text: long(160) },
    ]);
    const many = parseRules(filter(...Array.from({ length: 30 }, () => "what")));
    expect(many.strange).toHaveLength(20);
    expect(parseRules("").tables).toEqual([]);
  });
});

describe("rules print", () => {
  const request: PrintRequest = {
    chain: "INPUT",
    family: 4,
    ports: [],
    own: [],
    ssh: undefined,
    log: false,
    kernel: undefined,
    rules: undefined,
  };
  const restore = (one: PrintRequest): string => {
    const rules = printRules(one);
    return ["raw", "filter"]
      .map(
        (table) =>
          `*${table}\n:INPUT ACCEPT [0:0]\n${rules
            .filter((rule) => rule.table === table)
            .map((rule) => rule.rule.replace(/^-N (\S+)/, ":$1 - [0:0]"))
            .join("\n")}\nCOMMIT\n`,
      )
      .join("");
  };

  test("TARPIT with -p tcp, directly before the DROP", () => {
    expect(printRules(request).map((one) => one.rule)).toEqual([
      "-I INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-I INPUT 1 -i lo -j ACCEPT",
      "-N tarpit",
      "-A tarpit -p tcp -j TARPIT",
      "-A INPUT -p tcp -j tarpit",
      "-A INPUT -j DROP",
    ]);
  });

  test("the SSH peer comes first, own networks are never held", () => {
    const rules = printRules({
      ...request,
      own: ["192.0.2.0/24"],
      ssh: { peer: "203.0.113.9", port: "22" },
    }).map((one) => one.rule);
    // Each goes to the first place: the last of them is the first rule.
    expect(rules.findLast((one) => one.startsWith("-I INPUT 1 "))).toBe(
      "-I INPUT 1 -s 203.0.113.9 -p tcp --dport 22 -j ACCEPT",
    );
    expect(rules.indexOf("-A tarpit -s 192.0.2.0/24 -j RETURN")).toBeLessThan(
      rules.indexOf("-A tarpit -p tcp -j TARPIT"),
    );
    expect(
      printRules({ ...request, family: 6, ssh: { peer: "203.0.113.9", port: "22" } }).some((one) =>
        one.rule.includes("203"),
      ),
    ).toBe(false);
  });

  test.each([
    {},
    { ports: ["23"] },
    { ports: ["23", "80:90"], own: ["192.0.2.0/24"], log: true },
    { ports: ["23"], kernel: "2.4.37", log: true },
  ])("%o: its own lint finds nothing", (change) => {
    const findings = lintRules(
      restore({ ...request, ssh: { peer: "203.0.113.9", port: "22" }, ...change }),
      question,
    ).findings;
    expect(findings.filter((one) => one.severity !== "info")).toEqual([]);
  });

  test("only what has one layout for both widths, and what the kernel has", () => {
    const rules = (kernel: string | undefined) =>
      printRules({ ...request, ports: ["23"], log: true, kernel })
        .map((one) => one.rule)
        .join("\n");
    expect(rules(undefined)).not.toMatch(/-m limit|ULOG|hashlimit|-m mark/);
    expect(rules(undefined)).toMatch(/CT --notrack[^]*NFLOG/);
    expect(rules("2.6.13")).toMatch(/-j NOTRACK[^]*--ctstate UNTRACKED[^]*-j LOG/);
  });

  test("on 2.4 nothing of a table that it has not", () => {
    const printed = printRules({ ...request, ports: ["23"], log: true, kernel: "2.4.37" });
    expect(new Set(printed.map((one) => one.table))).toEqual(new Set(["filter"]));
    const rules = printed.map((one) => one.rule).join("\n");
    expect(rules).toMatch(/-m state --state RELATED,ESTABLISHED[^]*-j LOG/);
    expect(rules).not.toMatch(/NOTRACK|UNTRACKED|conntrack/);
  });

  test("in front of a DROP that is there already", () => {
    const rules = parseRules(filter(guard, drop));
    expect(printRules({ ...request, rules }).at(-1)?.rule).toBe("-I INPUT 4 -p tcp -j tarpit");
    expect(
      printRules({ ...request, rules, ssh: { peer: "203.0.113.9", port: "22" } }).at(-1)?.rule,
    ).toBe("-I INPUT 5 -p tcp -j tarpit");
    const open = parseRules(
      filter(
        "-A INPUT -i lo -j ACCEPT",
        "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT",
        drop,
      ),
    );
    expect(printRules({ ...request, rules: open }).map((one) => one.rule)).toEqual([
      "-N tarpit",
      "-A tarpit -p tcp -j TARPIT",
      "-I INPUT 3 -p tcp -j tarpit",
    ]);
  });

  test("the way back takes everything away but the DROP", () => {
    const undo = undoRules(printRules({ ...request, ports: ["23"] })).map((one) => one.rule);
    expect(undo).toEqual([
      "-D INPUT -p tcp --dport 23 -j tarpit",
      "-D INPUT -i lo -j ACCEPT",
      "-D INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-D OUTPUT -p tcp --sport 23 -m conntrack --ctstate UNTRACKED -j ACCEPT",
      "-D PREROUTING -p tcp --dport 23 -j CT --notrack",
      "-F tarpit",
      "-X tarpit",
    ]);
  });
});

describe("what iptables says, and what is behind it", () => {
  test.each([
    ["iptables v1.8.9 (nf_tables): Chain 'TARPIT' does not exist", "live.no-extension"],
    [
      "iptables v1.8.9 (legacy): Couldn't load target `TARPIT':No such file or directory",
      "live.no-extension",
    ],
    ["/usr/lib/xtables/libxt_TARPIT.so: wrong ELF class: ELFCLASS32", "live.no-extension"],
    [
      "Warning: Extension TARPIT revision 0 not supported, missing kernel module?",
      "live.no-module",
    ],
    ["iptables: No chain/target/match by that name.", "live.no-module"],
    ["iptables: Invalid argument. Run `dmesg' for more information.", "live.size"],
    ["ip_tables: TARPIT target: only valid for protocol 6", "live.protocol"],
    [
      "x_tables: ip_tables: TARPIT target: used from hooks OUTPUT, but only usable from INPUT/FORWARD",
      "live.hook",
    ],
    ["iptables: Permission denied (you must be root)", "live.permission"],
    ["something new", "live.refused"],
  ])("%s", (said, code) => expect(causeOf(said)).toBe(code));
});

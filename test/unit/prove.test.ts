import { describe, expect, test } from "vitest";
import { parseAptSources, policyOrigins, sourceStanzas } from "../../src/core/prove/apt.ts";
import { moduleTable } from "../../src/core/prove/modules.ts";
import { qemuCommand } from "../../src/core/prove/qemu.ts";
import {
  guestRequest,
  parseGuestLine,
  stateInProc,
  tcpStateName,
} from "../../src/core/prove/report.ts";
import { badKernelLines, ruleCases, savedRules } from "../../src/core/prove/rule-cases.ts";
import { portOf, scenarios } from "../../src/core/prove/scenarios.ts";
import { loadArchFile } from "../support/artifacts.ts";

describe("the guest's console", () => {
  test("answers are found behind whatever else is on the line", () => {
    expect(parseGuestLine("[  1.2] x@tk 7 err iptables: no  such\r")).toEqual({
      id: "7",
      key: "err",
      value: "iptables: no  such",
    });
    expect(parseGuestLine("[  1.2] tk 7 end 0")).toBeUndefined();
  });
  test("a request is one line, with the length the guest checks", () => {
    expect(guestRequest(3, ["write", "/x", "a\tb\nc\\"])).toBe("3\t18\twrite\t/x\ta\\tb\\nc\\\\\n");
  });
  test("states of /proc/net/tcp6", () => {
    const lines = [
      "  sl  local_address                         remote_address                        st tx_queue",
      "   0: 000077FD0000:1F90 000077FD0000:1B58 04 00000000:00000000",
    ];
    expect(stateInProc(lines, 7000)).toBe("FIN_WAIT1");
    expect(stateInProc(lines, 7001)).toBe("gone");
    expect(tcpStateName(1)).toBe("ESTABLISHED");
  });
});

describe("modules", () => {
  const dep =
    "kernel/net/xt_TARPIT.ko:\nkernel/net/nf-conntrack.ko: kernel/net/b.ko kernel/net/a.ko\nkernel/net/a.ko:\nkernel/net/b.ko: kernel/net/a.ko\n";
  const table = moduleTable(
    dep,
    "# c\nalias ipt_TARPIT xt_TARPIT\nalias nf-ct-* nf_conntrack\nalias pci:v[0-9]* a\nalias gone nobody\n",
    "/m",
  );
  test("aliases lead to the module and what it needs, in the order to insert", () => {
    expect(table.text).toContain("ipt_TARPIT /m/kernel/net/xt_TARPIT.ko\n");
    expect(table.text).toContain(
      "nf_ct_* /m/kernel/net/a.ko /m/kernel/net/b.ko /m/kernel/net/nf-conntrack.ko\n",
    );
    expect(table.text).toContain("nf_conntrack /m/");
    expect(table.text).not.toMatch(/pci|gone/);
  });
  test("every module file is listed", () => expect(table.files).toHaveLength(4));
});

describe("apt sources", () => {
  const one = {
    name: "sources.list",
    text: "# deb http://no.invalid/ x main\ndeb [arch=amd64 signed-by=/k.gpg trusted=yes] http://a.invalid/debian/ stable main extra # c\ndeb-src http://a.invalid/debian stable main\n",
  };
  const two = {
    name: "d.sources",
    text: "Types: deb\nEnabled: no\nURIs: http://off.invalid\nSuites: s\nComponents: main\n\nTypes: deb deb-src\nURIs: http://b.invalid/debian\nSuites: s s-updates\nComponents: main\nSigned-By:\n -----BEGIN\n .\n mQ\n",
  };
  const policy =
    "libxtables-dev:\n  Version table:\n *** 1 500\n        500 http://a.invalid/debian stable/main amd64 Packages\n        100 /var/lib/dpkg/status\n";
  test("both styles, only what is enabled", () => {
    expect(parseAptSources([one, two]).map((s) => s.uris[0])).toEqual([
      "http://a.invalid/debian/",
      "http://b.invalid/debian",
    ]);
  });
  test("the stanza is for the source that offers the package, keeps its key, and never trusts blindly", () => {
    expect(policyOrigins(policy)).toEqual([{ uri: "http://a.invalid/debian", suite: "stable" }]);
    expect(sourceStanzas(parseAptSources([one, two]), policy)).toBe(
      "Types: deb-src\nURIs: http://a.invalid/debian/\nSuites: stable\nComponents: main extra\nSigned-By: /k.gpg\n",
    );
  });
  test("a key of several lines stays whole", () => {
    const from = policy.replaceAll("a.invalid/debian stable", "b.invalid/debian s");
    expect(sourceStanzas(parseAptSources([one, two]), from)).toContain(
      "Suites: s\nComponents: main\nSigned-By: \n -----BEGIN\n .\n mQ\n",
    );
  });
  test("nobody offers it: nothing", () =>
    expect(sourceStanzas(parseAptSources([two]), policy)).toBe(""));
});

describe("rules", () => {
  test("every refusal is for its own reason: the kernel's words for one do not pass for another", () => {
    const hook =
      "x_tables: ip_tables: TARPIT target: used from hooks OUTPUT, but only usable from INPUT/FORWARD";
    const protocol = "x_tables: ip_tables: TARPIT target: only valid for protocol 6";
    const matching = (text: string) =>
      ruleCases.filter((c) => c.refused?.saying.test(text)).map((c) => c.name);
    expect(matching(hook)).toEqual([
      "refused-output",
      "refused-chain-from-output",
      "refused-raw-prerouting",
    ]);
    expect(matching(protocol)).toEqual(["refused-udp", "refused-any-protocol", "refused-not-tcp"]);
    expect(matching("iptables: No chain/target/match by that name.")).toEqual([]);
  });
  test("saved rules are compared without counters and dates", () => {
    expect(savedRules("# at one\n:INPUT ACCEPT [1:60]\n-A INPUT -j X\n")).toBe(
      savedRules("# at two\n:INPUT ACCEPT [0:0]\n-A INPUT -j X\n"),
    );
    expect(savedRules("-A INPUT -j X --a")).not.toBe(savedRules("-A INPUT -j X --b"));
  });
  test.each([
    "[ 1.0] WARNING: CPU: 0 PID: 1 at net/netfilter/x_tables.c:1",
    "ip_tables: counters copy to user failed while replacing table",
    "BUG: sleeping function called from invalid context",
    "Unable to handle kernel NULL pointer dereference",
  ])("bad: %s", (line) => expect(badKernelLines([line])).toHaveLength(1));
  test("not bad", () =>
    expect(
      badKernelLines(["and report a bug", "x_tables: TARPIT target: only valid for protocol 6"]),
    ).toEqual([]));
});

describe("the plan", () => {
  test("no two connections share a port", () => {
    const ports = [0, 1].flatMap((abi) => scenarios.map((scenario) => portOf(abi, scenario)));
    expect(new Set(ports).size).toBe(ports.length);
  });
  test("each guest sends to the other's socket and keeps its own capture", () => {
    const machine = {
      program: "qemu",
      package: "q",
      args: ["-M", "m"],
      console: "ttyS0",
      memoryMiB: 64,
      nic: "n,netdev={id},mac={mac}",
    };
    const args = (role: "target" | "peer") =>
      qemuCommand(machine, { role, kernel: "/k", initramfs: "/i", directory: "/d" }).args.join(" ");
    expect(args("target")).toContain(
      "local.path=target.sock,remote.type=unix,remote.path=peer.sock",
    );
    expect(args("peer")).toContain("local.path=peer.sock,remote.type=unix,remote.path=target.sock");
    expect(args("peer")).toContain("file=peer.pcap");
    expect(args("peer")).toContain("role=peer");
    expect(/mac=\S+/.exec(args("peer"))?.[0]).not.toBe(/mac=\S+/.exec(args("target"))?.[0]);
  });
  test("a PC on a busy host is not asked whether its timer ticks", () => {
    const { qemu } = loadArchFile("x86_64");
    if (!qemu) throw new Error("x86_64 has no machine");
    const guest = { kernel: "/k", initramfs: "/i", directory: "/d" };
    const args = qemuCommand(qemu, { ...guest, role: "peer" }).args.join(" ");
    expect(args).toContain("-append console=ttyS0 panic=-1 quiet no_timer_check role=peer ");
  });
});

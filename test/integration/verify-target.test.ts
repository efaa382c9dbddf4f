import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { liveTest } from "../../src/app/verify/live.ts";
import { verifyTarget } from "../../src/app/verify-target.ts";
import { parseFacts } from "../../src/core/probe/facts.ts";
import type { Finding } from "../../src/core/findings.ts";
import {
  compileExtension,
  compileModule,
  hostArch,
  root,
  testWorld,
} from "../support/artifacts.ts";
import { kit } from "../support/cli.ts";
import { elfHead, factsText, good, hexRecord, sparc64, type Records } from "../support/facts.ts";
import { fakePorts, FakeProcesses } from "../support/ports.ts";

const world = testWorld();
afterAll(() => world.remove());
const arch = hostArch();
const abi = arch.abis[0] as (typeof arch.abis)[number];
const at = (name: string): string => join(world.dir, name);
const own = elfHead(abi.elf.bits, abi.elf.machine, abi.elf.endian);

const extension = (edit?: (source: string) => string): Buffer => {
  compileExtension(abi, at("x.so"), edit);
  return readFileSync(at("x.so"));
};
const module = (...list: string[]): Buffer => {
  compileModule(arch, at("x.ko"), list);
  return readFileSync(at("x.ko"));
};
const oldExtension = (...flags: string[]): Buffer => {
  const args = [
    "-shared",
    "-fPIC",
    "-nostdlib",
    ...flags,
    "-o",
    at("old.so"),
    join(root, "test/fixtures/elf/old-extension.c"),
  ];
  execFileSync("gcc", args);
  return readFileSync(at("old.so"));
};
const right = extension();
const directory = "/usr/lib/x86_64-linux-gnu/xtables";
const xt = `${directory}/libxt_TARPIT.so`;
const ipt = `${directory}/libipt_TARPIT.so`;
/** The machine in order, on this machine's architecture, with both extensions. */
const machine: Records = {
  ...good,
  uname: [`Linux 6.1.192 ${arch.name === "x86_64" ? "x86_64" : "aarch64"}`],
  "elf sh": hexRecord("/bin/sh", own),
  "elf iptables": hexRecord("/usr/sbin/iptables", own),
  "elf libxtables": hexRecord(`${directory}/../libxtables.so.12`, own),
  extension: hexRecord(ipt, right),
  "extension #2": hexRecord(xt, right),
};
const release = "6.1.192";
const ko = `/lib/modules/${release}/kernel/net/netfilter/xt_TARPIT.ko`;

async function judge(...changes: readonly Records[]): Promise<readonly Finding[]> {
  writeFileSync(at("facts"), factsText(machine, ...changes));
  const request = {
    source: { kind: "facts", file: at("facts") },
    live: false,
    rules: true,
    failOn: "error",
  } as const;
  return (await verifyTarget(request, world.ports)).findings;
}
const trouble = (findings: readonly Finding[]): string[] =>
  findings.filter((one) => one.severity !== "info").map((one) => one.code);

describe("extensions and modules of another machine", () => {
  test("a machine in order has nothing to say", async () => {
    expect(trouble(await judge())).toEqual([]);
  });

  const noHash = (flags: string): Buffer => {
    execFileSync("gcc", [
      "-shared",
      "-fPIC",
      flags,
      "-o",
      at("y.so"),
      join(root, "test/fixtures/elf/old-extension.c"),
    ]);
    return readFileSync(at("y.so"));
  };
  const soCases: readonly (readonly [code: string, changes: () => Records])[] = [
    ["so.missing-ipv6", () => ({ "extension #2": undefined })],
    ["so.shadowed", () => ({ extension: hexRecord(ipt, oldExtension()) })],
    [
      "so.class",
      () => ({
        extension: hexRecord(ipt, Buffer.concat([sparc64, Buffer.alloc(64)])),
        "elf iptables": hexRecord("/sbin/iptables", sparc64),
      }),
    ],
    [
      "so.size",
      () => ({
        extension: hexRecord(
          ipt,
          extension((text) => text.replaceAll(/XT_ALIGN\(sizeof\(struct tarpit_info\)\)/g, "16")),
        ),
      }),
    ],
    ["so.size-zero", () => ({ extension: hexRecord(ipt, oldExtension("-DSIZE=0")) })],
    [
      "so.identity",
      () => ({
        extension: hexRecord(
          ipt,
          extension((text) => text.replace(/\.revision\s*=\s*0/, ".revision = 3")),
        ),
      }),
    ],
    [
      "so.version",
      () => ({
        extension: hexRecord(ipt, oldExtension("-DSIZE=8", '-DVERSION="1.2.9"')),
        iptables: ["iptables v1.3.8"],
      }),
    ],
    [
      "so.no-target",
      () => ({
        extension: hexRecord(
          ipt,
          extension((text) => text.replaceAll('"TARPIT"', '"TARPOT"')),
        ),
      }),
    ],
    [
      "so.two-builds",
      () => ({ "extension #2": hexRecord(xt, Buffer.concat([right, Buffer.from("x")])) }),
    ],
    ["so.libc", () => ({ libc: ["glibc 2.0"] })],
    [
      "so.no-hash",
      () => ({ extension: hexRecord(ipt, noHash("-Wl,--hash-style=gnu")), libc: ["glibc 2.3.2"] }),
    ],
  ];
  test.each(soCases)("%s", async (code, changes) => {
    const findings = await judge(changes());
    expect(findings.map((one) => one.code)).toContain(code);
  });

  test("iptables 1.2 and 1.3: their layouts are read, the version must be theirs", async () => {
    for (const [flags, version] of [
      [["-DNO_REVISION", '-DVERSION="1.2.11"'], "1.2.11"],
      [[], "1.3.8"],
    ] as const) {
      const change: Records = {
        extension: hexRecord("/lib/iptables/libipt_TARPIT.so", oldExtension("-DSIZE=8", ...flags)),
        "extension #2": undefined,
        directory: ["/lib/iptables", "libipt_standard.so"],
        iptables: [`iptables v${version}`],
        ip6tables: "missing",
      };
      expect(trouble(await judge(change)).filter((code) => code.startsWith("so."))).toEqual([]);
      expect(trouble(await judge(change, { iptables: ["iptables v1.2.6a"] }))).toContain(
        "so.version",
      );
    }
  });

  test("size 0 is fine for a 2.4 kernel", async () => {
    const findings = await judge({
      uname: ["Linux 2.4.37 x86_64"],
      extension: hexRecord(ipt, oldExtension("-DSIZE=0")),
      iptables: ["iptables v1.3.8"],
    });
    expect(findings.find((one) => one.code === "so.size-zero")?.severity).toBe("info");
  });

  test("XTABLES_LIBDIR decides where iptables looks", async () => {
    expect(trouble(await judge({ environment: ["/opt/x:/opt/y", "", ""] }))).toContain(
      "so.elsewhere",
    );
  });

  const stock = 'DESCRIPTION="Xtables: \\"TARPIT\\", capture and hold TCP connections"';
  const moduleCases: readonly (readonly [code: string, changes: () => Records])[] = [
    ["module.not-for-kernel", () => ({ module: hexRecord(ko, module('RELEASE="6.1.1"')) })],
    [
      "module.wrong-machine",
      () => ({ module: hexRecord(ko, module()), symbols: ["/proc/kallsyms", "c0100000 T _text"] }),
    ],
    ["target.stock", () => ({ module: hexRecord(ko, module(stock)) })],
    [
      "target.loaded-other",
      () => ({
        module: hexRecord(ko, module('SRCVERSION="AAAA"')),
        "module srcversion": ["/sys/module/xt_TARPIT/srcversion", "BBBB"],
      }),
    ],
  ];
  test.each(moduleCases)("%s", async (code, changes) => {
    expect((await judge(changes())).map((one) => one.code)).toContain(code);
  });

  test.each(["gz", "xz", "zst"])(
    "a module packed as .%s is read like a plain one",
    async (format) => {
      const plain = module('RELEASE="6.1.1"');
      const program = { gz: "gzip", xz: "xz", zst: "zstd" }[format] as string;
      const packed = spawnSync(program, ["-c"], { input: plain }).stdout;
      expect(trouble(await judge({ module: hexRecord(`${ko}.${format}`, packed) }))).toContain(
        "module.not-for-kernel",
      );
      const damaged = await judge({ module: hexRecord(`${ko}.${format}`, packed.subarray(0, 40)) });
      expect(trouble(damaged)).toContain("facts.unread");
    },
  );
});

describe("--live", () => {
  const held = { connected: true, blocked: true, kept: true };
  const answer = (told: object | undefined) => {
    const processes = new FakeProcesses(["unshare"], ({ program }) =>
      program === "unshare"
        ? told
          ? { stdout: JSON.stringify(told) }
          : { code: 1, stderr: "unshare: unshare failed: Operation not permitted" }
        : {},
    );
    return liveTest(fakePorts({ processes }));
  };
  const step = (name: string, code = 0, said = "") => ({
    name,
    rule: `iptables ${name}`,
    code,
    said,
  });
  const cases: readonly (readonly [code: string | undefined, told: object | undefined])[] = [
    [
      undefined,
      {
        steps: [step("lo"), step("tarpit"), step("limit")],
        ipv4: held,
        conntrack: { before: 1, after: 2 },
      },
    ],
    ["live.no-namespace", undefined],
    [
      "live.no-extension",
      { steps: [step("tarpit", 2, "Chain 'TARPIT' does not exist")], conntrack: {} },
    ],
    [
      "live.no-module",
      {
        steps: [
          step("tarpit", 4, "Extension TARPIT revision 0 not supported, missing kernel module?"),
        ],
        conntrack: {},
      },
    ],
    ["live.refused", { steps: [step("limit", 1, "Invalid argument")], conntrack: {} }],
    [
      "live.not-held",
      { steps: [step("tarpit")], ipv4: { ...held, connected: false }, conntrack: {} },
    ],
    [
      "live.not-held",
      { steps: [step("tarpit")], ipv4: { ...held, blocked: false }, conntrack: {} },
    ],
    ["live.not-held", { steps: [step("tarpit")], ipv4: { ...held, kept: false }, conntrack: {} }],
    ["live.conntrack", { steps: [step("tarpit")], ipv4: held, conntrack: { before: 1, after: 9 } }],
  ];
  test.each(cases)("%s", async (code, told) => {
    const { findings } = await answer(told);
    expect(findings.map((one) => one.code)).toEqual(code === undefined ? [] : [code]);
  });

  test("what the kernel says during the test is told", async () => {
    let logs = 0;
    const processes = new FakeProcesses(["unshare"], ({ program }) => {
      if (program === "unshare")
        return { stdout: JSON.stringify({ steps: [step("tarpit")], conntrack: {} }) };
      logs += 1;
      return {
        stdout:
          logs === 1 ? "old\n" : "old\nx_tables: ip_tables: TARPIT.0 target: invalid size 8\n",
      };
    });
    const { findings } = await liveTest(fakePorts({ processes }));
    expect(findings.map((one) => one.code)).toEqual(["live.kernel-log"]);
  });

  test("is for this machine only", () => {
    for (const other of [
      ["--host", "h"],
      ["--facts", at("facts")],
      ["--root", "/"],
      ["--artifacts", "."],
    ]) {
      const ran = kit(["verify", "--live", ...other]);
      expect([ran.code, ran.stderr]).toEqual([
        2,
        expect.stringContaining("--live tries rules on this machine only"),
      ]);
    }
  });
});

describe("the probe", () => {
  const script = join(root, "data/probe/probe.sh");
  test("is clean under shellcheck, for sh", () => {
    expect(spawnSync("shellcheck", ["-s", "sh", script], { encoding: "utf8" }).stdout).toBe("");
  });

  test.each([["dash"], ["bash", "--posix"], ["busybox", "sh"], ["posh"]])(
    "runs under %s",
    (...shell) => {
      const [program = "sh", ...args] = shell;
      const ran = spawnSync(program, [...args, script, "--no-rules"], { encoding: "utf8" });
      expect(ran.stderr).toBe("");
      const facts = parseFacts(ran.stdout);
      expect(facts).toMatchObject({ whole: true, strange: 0, version: 1 });
      expect(facts?.records.find((one) => one.name === "uname")?.status).toBe("ok");
      expect(facts?.records.filter((one) => one.status === "cut")).toEqual([]);
    },
  );

  test("starts a bounded number of programs, all of them on its list", () => {
    const listed = /Programs it may start[^]*?\n[^#]/.exec(readFileSync(script, "utf8"))?.[0] ?? "";
    const bin = at("bin");
    mkdirSync(bin);
    const log = at("started");
    const names = [
      "cat",
      "find",
      "getconf",
      "grep",
      "gzip",
      "id",
      "ls",
      "od",
      "sed",
      "uname",
      "modprobe",
      "iptables",
      "ip6tables",
      "rm",
      "cp",
      "mv",
      "touch",
      "tee",
      "awk",
      "mkdir",
      "wget",
      "nc",
    ];
    for (const name of names) {
      const real = spawnSync("sh", ["-c", `command -v ${name}`], {
        encoding: "utf8",
      }).stdout.trim();
      writeFileSync(
        join(bin, name),
        `#!/bin/sh\necho ${name} >> ${log}\n${real === "" ? "exit 127" : `exec ${real} "$@"`}\n`,
        { mode: 0o755 },
      );
    }
    spawnSync("/bin/sh", [script, "--no-rules"], {
      env: { PATH: `${bin}:/usr/bin:/bin:/usr/sbin:/sbin` },
    });
    const started = readFileSync(log, "utf8").trim().split("\n");
    expect(started.length).toBeLessThan(100);
    for (const name of new Set(started)) expect(listed).toContain(name);
  });

  test("tarpit-kit probe prints it, byte for byte", () => {
    expect(kit(["probe"]).stdout).toBe(readFileSync(script, "utf8"));
  });
});

describe("a tree that does not run", () => {
  const tree = at("tree");
  const place = `usr/lib/${"x86_64-linux-gnu"}/xtables`;
  test("is read by its files; links lead nowhere but into it", async () => {
    for (const dir of [
      `lib/modules/${release}/kernel`,
      place,
      "usr/sbin",
      "usr/bin",
      "etc/iptables",
    ])
      mkdirSync(join(tree, dir), { recursive: true });
    writeFileSync(join(tree, `lib/modules/${release}/kernel/xt_TARPIT.ko`), module());
    writeFileSync(join(tree, `lib/modules/${release}/modules.dep`), "kernel/xt_TARPIT.ko:\n");
    writeFileSync(
      join(tree, `lib/modules/${release}/config`),
      "CONFIG_64BIT=y\nCONFIG_MODULES=y\nCONFIG_NFT_COMPAT=m\nCONFIG_IP_NF_IPTABLES=m\n",
    );
    writeFileSync(
      join(tree, "usr/sbin/xtables-nft-multi"),
      Buffer.concat([own, Buffer.from("\0iptables v1.8.9 (nf_tables)\0")]),
    );
    symlinkSync("/usr/sbin/xtables-nft-multi", join(tree, "usr/sbin/iptables"));
    symlinkSync("/etc/passwd", join(tree, "etc/iptables/rules.v4"));
    symlinkSync("../../../../../../../../etc/hostname", join(tree, "etc/ulogd.conf"));
    writeFileSync(join(tree, place, "libxt_tcp.so"), "");
    writeFileSync(join(tree, place, "libxt_TARPIT.so"), right);
    const report = await verifyTarget(
      { source: { kind: "root", dir: tree }, live: false, rules: true, failOn: "error" },
      world.ports,
    );
    expect(report).toMatchObject({ ok: true, kernel: release, iptables: "1.8.9 (nft)" });
    expect(JSON.stringify(report)).not.toContain("root:x:0");
  });

  test("what is no tree is refused", () => {
    for (const dir of [at("nowhere"), at("bin")])
      expect(kit(["verify", "--root", dir]).code).toBe(2);
  });
});

/** Every element that is opened is closed, in order; text holds no raw markup. */
function balanced(xml: string): boolean {
  const open: string[] = [];
  for (const [, close, name, rest] of xml.matchAll(
    /<(\/?)([a-z]+)((?: [a-z]+="[^"<&]*(?:&\w+;[^"<&]*)*")*\/?)>/g,
  )) {
    if (close) {
      if (open.pop() !== name) return false;
    } else if (!rest?.endsWith("/")) open.push(name as string);
  }
  return open.length === 0;
}

describe("tarpit-kit verify", () => {
  const facts = at("told");
  const run = (args: readonly string[], ...changes: readonly Records[]) => {
    writeFileSync(facts, factsText(machine, ...changes));
    return kit(["verify", "--facts", facts, ...args]);
  };
  const full: Records = { "conntrack count": ["/c", "65000"] };

  test("exit codes follow --fail-on", () => {
    expect(run([]).code).toBe(0);
    expect(run([], full).code).toBe(0);
    expect(run(["--fail-on", "warning"], full).code).toBe(1);
    expect(run(["--fail-on", "unchecked"], { "rules iptables-save": "skipped" }).code).toBe(1);
    expect(run([], { "elf iptables": "unreadable", "elf sh": "unreadable" }).code).toBe(1);
    expect(run(["--fail-on", "nonsense"]).code).toBe(2);
  });

  test("json has words and evidence; junit and sarif are well formed", () => {
    const json = JSON.parse(run(["--json"], full).stdout);
    expect(json.findings).toContainEqual(
      expect.objectContaining({
        code: "conntrack.full",
        severity: "warning",
        what: expect.stringContaining("65000"),
        evidence: { file: "nf_conntrack_count" },
      }),
    );
    expect(JSON.parse(run(["--format", "json"], full).stdout)).toEqual(json);
    const sarif = JSON.parse(run(["--format", "sarif"], full).stdout);
    expect(sarif.runs[0].results).toContainEqual(
      expect.objectContaining({ ruleId: "conntrack.full", level: "warning" }),
    );
    const junit = run(["--format", "junit"], full).stdout;
    expect(junit).toMatch(/<testsuites tests="\d+" failures="1" errors="0" skipped="\d+">/);
    expect(balanced(junit)).toBe(true);
  });

  test("what is no facts file, two sources, a host that is an option", () => {
    writeFileSync(facts, "hello\n");
    expect(kit(["verify", "--facts", facts]).code).toBe(2);
    expect(kit(["verify", "--facts", facts, "--root", "/"]).code).toBe(2);
    expect(kit(["verify", "--host=-oProxyCommand=touch /tmp/x"]).code).toBe(2);
  });
});

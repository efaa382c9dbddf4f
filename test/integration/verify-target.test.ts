import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { liveTest } from "../../src/app/verify/live.ts";
import { verifyTarget } from "../../src/app/verify-target.ts";
import { factBytes, parseFacts } from "../../src/core/probe/facts.ts";
import { judgeFacts } from "../../src/core/probe/judge.ts";
import { extensionFiles } from "../../src/core/probe/places.ts";
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
import { fakePorts, FakeProcesses, MemoryFiles } from "../support/ports.ts";

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

  test.each([
    ["revision", /\.revision(\s*)=\s*0/, ".revision$1= 3"],
    ["userspacesize", /(\.userspacesize\s*=\s*)XT_ALIGN\(sizeof\(struct tarpit_info\)\)/, "$10"],
    ["family", /(\.family\s*=\s*)NFPROTO_UNSPEC/, "$17"],
  ] as const)("so.identity names the field: %s", async (field, pattern, by) => {
    const wrong = extension((text) => {
      expect(text).toMatch(pattern);
      return text.replace(pattern, by);
    });
    const found = (await judge({ extension: hexRecord(ipt, wrong) })).filter(
      (one) => one.code === "so.identity",
    );
    expect(found.map((one) => one.args)).toContainEqual(
      expect.objectContaining({ file: ipt, field }),
    );
  });

  test("a C library without a version (musl has no getconf): unchecked", async () => {
    expect(await judge({ libc: "missing" })).toContainEqual(
      expect.objectContaining({
        code: "facts.unread",
        args: expect.objectContaining({ fact: "libc" }),
      }),
    );
  });

  test("an iptables whose width cannot be read: the extension's is unchecked, not right", async () => {
    const found = await judge({ "elf iptables": "unreadable" });
    expect(found).toContainEqual(
      expect.objectContaining({
        code: "facts.unread",
        args: expect.objectContaining({ fact: expect.stringContaining("width of") }),
      }),
    );
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
    // Another machine of the same width.
    [
      "module.wrong-machine",
      () => {
        const bytes = module();
        bytes.writeUInt16LE(arch.elf.machine === 62 ? 183 : 62, 18);
        return { module: hexRecord(ko, bytes) };
      },
    ],
    ["module.no-target", () => ({ module: hexRecord(ko, module('NAME="TARPOT"')) })],
    ["module.identity", () => ({ module: hexRecord(ko, module("SIZE=8")) })],
    ["module.identity", () => ({ module: hexRecord(ko, module("HOOKS=8")) })],
    ["module.identity", () => ({ module: hexRecord(ko, module("REVISION=7")) })],
    [
      "module.vermagic-flags",
      () => ({
        module: hexRecord(ko, module('FLAGS="mod_unload "')),
        config: [...(good["config"] as readonly string[]), "CONFIG_SMP=y"],
      }),
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
    ["live.no-namespace", { steps: [step("lo", 1, "RTNETLINK answers")], conntrack: {} }],
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

  test("what connection tracking cost is told", async () => {
    const { findings } = await answer({
      steps: [step("tarpit")],
      ipv4: { ...held, held: 1 },
      conntrack: { before: 0, after: 1 },
    });
    expect(findings.map((one) => [one.code, one.args])).toEqual([
      ["live.measured", { before: 0, during: 1, after: 1 }],
    ]);
  });

  test("modules that came with the test go again, others stay; what stays is told", async () => {
    const row = (name: string, uses = 0): string => `${name} 16384 ${uses} - Live 0x0`;
    const files = new MemoryFiles({ "/proc/modules": row("xt_LOG") });
    const removed: string[] = [];
    const processes = new FakeProcesses(["unshare", "rmmod"], ({ program, args }) => {
      if (program === "unshare") {
        void files.write(
          "/proc/modules",
          ["xt_LOG", "usb_storage", "xt_TARPIT"]
            .map((name) => row(name))
            .concat(row("x_tables", 1))
            .join("\n"),
        );
        return { stdout: JSON.stringify({ steps: [step("tarpit")], conntrack: {} }) };
      }
      if (program === "rmmod") {
        removed.push(...args);
        void files.write("/proc/modules", [row("xt_LOG"), row("x_tables", 1)].join("\n"));
      }
      return {};
    });
    const { findings } = await liveTest(fakePorts({ processes, files }));
    expect(removed).toEqual(["xt_TARPIT"]);
    expect(findings.map((one) => [one.code, one.args])).toEqual([
      ["live.loaded", { modules: ["x_tables"] }],
    ]);
  });

  test("a machine without the state match: tracking is unchecked, not wrong", async () => {
    const { findings } = await answer({
      steps: [step("track", 1, "No chain/target/match by that name"), step("tarpit")],
      ipv4: held,
      conntrack: {},
    });
    expect(findings.map((one) => one.code)).toEqual(["facts.unread"]);
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

  test.each([["dash"], ["bash", "--posix"], ["busybox", "sh"], ["posh"]])(
    "has a number below /proc/sys whole under %s, whose read may take one byte at a time",
    (...shell) => {
      const [program = "sh", ...args] = shell;
      const file = "/proc/sys/kernel/pid_max";
      const text = readFileSync(script, "utf8").replace("/proc/sys/kernel/modules_disabled", file);
      const ran = spawnSync(program, [...args, "-c", text, "sh", "--no-rules"], {
        encoding: "utf8",
      });
      const facts = parseFacts(ran.stdout);
      expect(facts?.records.find((one) => one.name === "modules_disabled")?.data).toEqual([
        file,
        readFileSync(file, "utf8").trim(),
      ]);
    },
  );

  test.each([
    ["2.4.37.11", "ipt_TARPIT"],
    ["2.6.18", "xt_TARPIT"],
    ["6.1.192", "xt_TARPIT"],
  ])("on %s modprobe is asked for %s", (release, module) => {
    const bin = at(`bin-${release}`);
    mkdirSync(bin);
    const put = (name: string, text: string): void =>
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    put("uname", `echo ${release}`);
    put("modprobe", '[ "$1" = -V ] && echo "modprobe version 2.4.27" || echo "asked $*"');
    const env = { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
    const ran = spawnSync("sh", [script, "--no-rules"], { encoding: "utf8", env });
    const record = parseFacts(ran.stdout)?.records.find((one) => one.name === "modprobe");
    expect(record?.data).toEqual([`asked -n -v ${module}`]);
  });

  const listed = (): readonly string[] => {
    const text = readFileSync(script, "utf8");
    const list = /Programs it may start[^:]*: ([^;]*);/.exec(text)?.[1] ?? "";
    return list
      .replaceAll(/[\s#]+/g, " ")
      .trim()
      .split(", ");
  };
  const shells: readonly (readonly string[])[] = [["dash"], ["bash"], ["busybox", "sh"], ["posh"]];
  const which = (name: string): string =>
    spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).stdout.trim();
  /** A directory with the programs of the list and nothing else, each of which tells when it is started. */
  const only = (names: readonly string[], log: string): string => {
    const bin = mkdtempSync(join(world.dir, "bin-"));
    for (const name of names) {
      const real = spawnSync("bash", ["-c", `type -P ${name}`], { encoding: "utf8" }).stdout.trim();
      if (real !== "")
        writeFileSync(join(bin, name), `#!/bin/sh\necho ${name} >> ${log}\nexec ${real} "$@"\n`, {
          mode: 0o755,
        });
    }
    return bin;
  };
  /** The script's own PATH brings the system's directories; without that line it has what it is given. */
  const bare = (): string => {
    const path = join(world.dir, "bare.sh");
    writeFileSync(path, readFileSync(script, "utf8").replace(/^PATH=.*$/m, ""));
    return path;
  };

  test("the list of utilities is the documented one", () => {
    const text = readFileSync(join(root, "docs/probe.md"), "utf8");
    expect(listed().length).toBeGreaterThan(8);
    for (const name of listed()) expect(text).toContain(`\`${name}\``);
  });

  test.each(shells)("needs nothing but its list under %s", (...shell) => {
    const log = at(`log-${shell[0]}`);
    const bin = only(listed(), log);
    const ran = spawnSync(
      which(shell[0] as string),
      [...shell.slice(1), bare(), "--no-rules"] as string[],
      {
        encoding: "utf8",
        env: { PATH: bin },
      },
    );
    expect(ran.stderr).toBe("");
    const facts = parseFacts(ran.stdout);
    expect(facts).toMatchObject({ whole: true, strange: 0 });
    const status = (name: string) => facts?.records.find((one) => one.name === name)?.status;
    expect([status("uname"), status("symbols"), status("elf sh"), status("boot")]).toEqual(
      Array.from({ length: 4 }, () => "ok"),
    );
    expect(status("iptables")).toBe("missing");
  });

  test("without any of them it still says what it could not read", () => {
    const ran = spawnSync(which("dash"), [bare()], { encoding: "utf8", env: { PATH: "/nowhere" } });
    const facts = parseFacts(ran.stdout);
    expect(facts?.whole).toBe(true);
    expect(facts?.records.find((one) => one.name === "uname")?.status).toBe("missing");
    const { findings } = judgeFacts(facts as NonNullable<typeof facts>);
    expect(findings.filter((one) => one.code === "facts.required").length).toBeGreaterThan(0);
  });

  test("od or hexdump, whichever a busybox has: the same bytes", () => {
    const dumps = [["od"], ["hexdump"]].map((names) => {
      const others = listed().filter((name) => name !== "od" && name !== "hexdump");
      const bin = only([...others, ...names], at("log-dump"));
      const busybox = which("busybox");
      writeFileSync(
        join(bin, names[0] as string),
        `#!/bin/sh\nexec ${busybox} ${names[0]} "$@"\n`,
        {
          mode: 0o755,
        },
      );
      const ran = spawnSync(which("dash"), [bare(), "--no-rules"], {
        encoding: "utf8",
        env: { PATH: bin },
      });
      const facts = parseFacts(ran.stdout);
      const found = facts?.records.find((one) => one.name === "elf sh");
      expect(found?.status).toBe("ok");
      return found && factBytes(found).bytes.toString("hex");
    });
    expect(dumps[0]).toMatch(/^7f454c46/);
    expect(dumps[0]).toBe(dumps[1]);
  });

  test.each(shells)(
    "starts a bounded number of processes under %s, whatever it finds",
    (...shell) => {
      const dirs = Array.from({ length: 40 }, (_, index) => {
        const dir = at(`found/${index}`);
        mkdirSync(dir, { recursive: true });
        for (const name of extensionFiles) writeFileSync(join(dir, name), "x");
        return dir;
      });
      const trace = at(`trace-${shell[0]}`);
      spawnSync(
        "strace",
        [
          "-f",
          "-e",
          "trace=process",
          "-o",
          trace,
          which(shell[0] ?? "sh"),
          ...shell.slice(1),
          script,
          "--no-rules",
        ],
        { env: { ...process.env, XTABLES_LIBDIR: dirs.join(":") } },
      );
      const born = new Set(
        readFileSync(trace, "utf8")
          .split("\n")
          .map((line) => line.split(" ")[0]),
      );
      expect(born.size).toBeGreaterThan(50);
      expect(born.size).toBeLessThan(shell[0] === "posh" ? 400 : 250);
    },
  );

  test("writes nothing", () => {
    const trace = at("trace-files");
    spawnSync("strace", [
      "-f",
      "-e",
      "trace=openat,open,creat,unlink,unlinkat,mkdir,rename,connect,init_module,finit_module",
      "-o",
      trace,
      "sh",
      script,
    ]);
    const opened = readFileSync(trace, "utf8").split("\n");
    expect(opened.length).toBeGreaterThan(100);
    const wrote = opened.filter((line) =>
      /O_WRONLY|O_RDWR|O_CREAT|creat\(|unlink|mkdir|rename|module\(|AF_INET/.test(line),
    );
    expect(wrote.filter((line) => !/"\/dev\/(null|tty)"|ENOENT|xtables\.lock/.test(line))).toEqual(
      [],
    );
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
        evidence: { file: "/proc/sys/net/netfilter/nf_conntrack_max" },
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

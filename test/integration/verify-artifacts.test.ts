import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyArtifacts, type VerifyReport } from "../../src/app/verify-artifacts.ts";
import { wordsOf } from "../../src/cli/render/findings.ts";
import { TarpitError } from "../../src/core/errors.ts";
import {
  compileExtension,
  compileModule,
  compileVmlinux,
  config,
  crossTest,
  hostArch,
  loadArchFile,
  makeArtifacts,
  release,
  testWorld,
  writeSums,
  type Parts,
} from "../support/artifacts.ts";

const world = testWorld();
const arch = hostArch();
const abi =
  arch.abis[0] ??
  (() => {
    throw new Error("no ABI");
  })();
const ipt = `extensions/${abi.name}/libipt_TARPIT.so`;
const xt = `extensions/${abi.name}/libxt_TARPIT.so`;
let good: string;

beforeAll(() => {
  good = makeArtifacts(join(world.dir, "good"));
});
afterAll(() => world.remove());

const verify = (dir: string): Promise<VerifyReport> => verifyArtifacts({ dir }, world.ports);
const codes = (report: VerifyReport): string[] =>
  [...new Set(report.findings.map((one) => one.code))].toSorted();

/** A copy of the good artifacts to spoil; the checksums are right again unless a test is about them. */
async function spoiled(change: (dir: string) => void, sums = true): Promise<VerifyReport> {
  const dir = join(mkdtempSync(join(world.dir, "spoiled-")), "artifacts");
  cpSync(good, dir, { recursive: true });
  change(dir);
  if (sums) writeSums(dir);
  return verify(dir);
}

const made = (parts: Partial<Parts>): Promise<VerifyReport> =>
  verify(makeArtifacts(mkdtempSync(join(world.dir, "made-")), parts));

describe("good artifacts", () => {
  test("pass, and every file was judged", async () => {
    const report = await verify(good);
    expect(report).toMatchObject({ ok: true, arch: arch.name, kernel: release, findings: [] });
    const checks = report.checked.map((one) => `${one.check} ${one.file}`);
    for (const file of [ipt, xt]) expect(checks).toContain(`extension ${file}`);
    expect(checks).toEqual(
      expect.arrayContaining([
        "module.target lib/modules/6.1.192/kernel/net/netfilter/xt_TARPIT.ko",
        "kernel.release vmlinux",
        "kernel.one-build System.map",
        "config.symbol config",
        `sums ${ipt}`,
      ]),
    );
  });

  test("are found in a parent that holds only them; hidden names do not count", async () => {
    mkdirSync(join(world.dir, "good/.tarpit-kit/extensions"), { recursive: true });
    expect((await verify(join(world.dir, "good"))).dir).toBe(good);
  });

  test("a module alone is judged, and what is missing to compare with is said", async () => {
    const report = await made({ scope: "module" });
    expect(report.ok).toBe(true);
    expect(report.findings).toMatchObject([{ code: "check.skipped", severity: "unchecked" }]);
  });

  crossTest("sparc64, both ABIs", async () => {
    const sparc64 = loadArchFile("sparc64");
    const report = await made({ arch: sparc64, abis: sparc64.abis, module: ["COMPAT"] });
    expect(report.findings).toEqual([]);
    expect(report.checked.filter((one) => one.check === "extension").length).toBe(4);
  });
});

describe("the directory", () => {
  const refused = async (dir: string): Promise<TarpitError> => {
    const error = await verify(dir).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TarpitError);
    return error as TarpitError;
  };

  test("nothing there, nothing in it, several in it: bad input", async () => {
    const parent = join(world.dir, "parent");
    expect(await refused(parent)).toMatchObject({ exit: 2 });
    mkdirSync(join(parent, "junk"), { recursive: true });
    expect((await refused(parent)).trouble.where).toContain("junk");
    for (const name of ["a", "b"]) cpSync(good, join(parent, name), { recursive: true });
    const several = await refused(parent);
    expect(several.exit).toBe(2);
    expect(several.trouble.what).toContain("a, b");
  });

  test("metadata that is missing or says nothing is an error, and the checksums still count", async () => {
    const gone = await spoiled((dir) => rmSync(join(dir, "metadata.json")));
    expect(codes(gone)).toEqual(["check.skipped", "file.missing"]);
    expect(gone.ok).toBe(false);
    expect(gone.checked.some((one) => one.check === "sums")).toBe(true);
    for (const text of [
      "{",
      "[]",
      '{"version":1,"arch":"vax","kernel":{"release":"1"},"scope":"kernel","abis":["x"]}',
    ]) {
      const bad = await spoiled((dir) => writeFileSync(join(dir, "metadata.json"), text));
      expect(codes(bad)).toContain("metadata.bad");
      expect(bad.ok).toBe(false);
    }
  });
});

describe("SHA256SUMS", () => {
  test("a changed byte, a stranger, a missing file and a bad line are each told", async () => {
    const changed = await spoiled((dir) => appendFileSync(join(dir, "build.log"), "x"), false);
    expect(changed.findings).toMatchObject([{ code: "sums.differs", args: { file: "build.log" } }]);
    const stranger = await spoiled((dir) => writeFileSync(join(dir, "stranger"), ""), false);
    expect(stranger.findings).toMatchObject([
      { code: "sums.unlisted", args: { file: "stranger" } },
    ]);
    const line = (text: string) =>
      spoiled((dir) => appendFileSync(join(dir, "SHA256SUMS"), text), false);
    expect(codes(await line(`${"0".repeat(64)}  gone\n`))).toEqual(["sums.gone"]);
    expect(codes(await line(`${"0".repeat(64)}  ../../etc/passwd\n`))).toEqual(["sums.malformed"]);
    expect(codes(await line("nonsense\n"))).toEqual(["sums.malformed"]);
    expect(codes(await spoiled((dir) => rmSync(join(dir, "SHA256SUMS")), false))).toEqual([
      "file.missing",
    ]);
  });
});

describe("extensions", () => {
  test("libipt_TARPIT.so missing is named as exactly that, with the command", async () => {
    const report = await spoiled((dir) => rmSync(join(dir, ipt)));
    expect(report.findings).toMatchObject([
      { code: "extension.missing", severity: "error", args: { file: ipt } },
    ]);
    const words = wordsOf(report.findings[0] ?? fail());
    expect(words.what).toBe(`${ipt} is missing`);
    expect(words.next).toBe(`cp ${report.dir}/${xt} ${report.dir}/${ipt}`);
    execFileSync("sh", ["-c", words.next ?? "false"]);
    writeSums(report.dir);
    expect((await verify(report.dir)).findings).toEqual([]);
  });

  crossTest("of the wrong class is named as exactly that", async () => {
    const sparc = loadArchFile("sparc64").abis[1] ?? fail();
    const report = await spoiled((dir) => compileExtension(sparc, join(dir, ipt)));
    expect(report.findings).toMatchObject([
      {
        code: "extension.class",
        args: { file: ipt, twin: xt, actual: "32-bit big-endian Sparc v8+" },
      },
    ]);
  });

  test("stale is named as exactly that: an older libipt_ hides the new libxt_", async () => {
    const older = (dir: string) =>
      compileExtension(abi, join(dir, ipt), (source) =>
        source.replace("accept the connection, close", "older words, close"),
      );
    const report = await spoiled(older);
    expect(report.findings).toMatchObject([
      { code: "extension.stale", args: { file: ipt, twin: xt } },
    ]);
    expect(wordsOf(report.findings[0] ?? fail()).next).toMatch(
      /^cp .*libxt_TARPIT.so .*libipt_TARPIT.so$/,
    );
  });

  test("both replaced by another build are stale against the metadata", async () => {
    const report = await spoiled((dir) => {
      compileExtension(abi, join(dir, ipt), (source) =>
        source.replace("accept the connection, close", "older words, close"),
      );
      cpSync(join(dir, ipt), join(dir, xt));
    });
    expect(report.findings).toMatchObject([
      { code: "extension.stale", args: { than: "metadata.json" } },
      { code: "extension.stale" },
    ]);
  });

  const changes: readonly (readonly [string, string, string])[] = [
    [".revision\t= 0", ".revision\t= 1", "revision"],
    [".revision\t= 1", ".revision\t= 2", "revision"],
    ["XT_ALIGN(sizeof(struct tarpit_info)),\n\t\t.help", "0,\n\t\t.help", "userspacesize"],
    [".size\t\t= XT_ALIGN(sizeof(struct tarpit_info_v1))", ".size\t\t= 24", "size"],
    ["offsetof(struct tarpit_info_v1, rule)", "16", "userspacesize"],
    [".size\t\t= XT_ALIGN(sizeof(struct tarpit_info))", ".size\t\t= 64", "size"],
    ["NFPROTO_UNSPEC", "NFPROTO_IPV4", "family"],
    ["= XTABLES_VERSION", '= "1.4.2"', "version"],
  ];
  test.each(changes)("%j instead is found", async (from, to, field) => {
    const report = await spoiled((dir) => {
      compileExtension(abi, join(dir, ipt), (source) => {
        expect(source).toContain(from);
        return source.replace(from, to);
      });
      cpSync(join(dir, ipt), join(dir, xt));
    });
    expect(report.findings).toContainEqual(
      expect.objectContaining({
        code: "extension.identity",
        args: expect.objectContaining({ file: ipt, field }),
      }),
    );
  });

  test("another target's, a text and half a file are found", async () => {
    const renamed = await spoiled((dir) =>
      compileExtension(abi, join(dir, ipt), (source) => source.replaceAll('"TARPIT"', '"DELUDE"')),
    );
    expect(codes(renamed)).toEqual(["extension.no-target"]);
    expect(codes(await spoiled((dir) => writeFileSync(join(dir, ipt), "#!/bin/sh\n")))).toEqual([
      "extension.unreadable",
    ]);
    const half = (dir: string) =>
      writeFileSync(join(dir, ipt), readFileSync(join(dir, ipt)).subarray(0, 5000));
    expect(["extension.unreadable", "extension.no-target"]).toContain(
      codes(await spoiled(half))[0],
    );
  });

  test("one without section headers is read all the same", async () => {
    const report = await spoiled((dir) => {
      const bytes = readFileSync(join(dir, ipt));
      bytes.fill(0, 40, 48);
      bytes.fill(0, 58, 64);
      for (const file of [ipt, xt]) writeFileSync(join(dir, file), bytes);
    });
    expect(codes(report)).toEqual(["extension.stale"]);
  });
});

describe("the module", () => {
  const changes: readonly (readonly [string, string])[] = [
    ['RELEASE="6.1.191"', "module.vermagic"],
    ['FLAGS="mod_unload "', "module.vermagic-flags"],
    ['NAME="DELUDE"', "module.no-target"],
    ["REVISION=1,SIZE=16", "module.identity"],
    ["REVISION=2", "module.identity"],
    ["SIZE_1=8", "module.identity"],
    ["SIZE=0", "module.identity"],
    ["HOOKS=14", "module.identity"],
    ["PROTO=17", "module.identity"],
    ["NO_IPV6", "module.family"],
    ['ALIAS="other"', "module.alias"],
    ['LICENSE="Proprietary"', "module.license"],
  ];
  test.each(changes)("-D%s is found", async (define, code) => {
    expect(codes(await made({ module: define.split(",") }))).toEqual([code]);
  });

  test("with revision 1 beside revision 0", async () => {
    expect((await made({ module: ["SIZE_1=16"] })).findings).toEqual([]);
  });

  test("compiled with the COMPAT fields, or the hook check of 7.1, is read as well", async () => {
    expect((await made({ module: ["COMPAT"] })).findings).toEqual([]);
    expect((await made({ module: ["CHECK_HOOKS"] })).findings).toEqual([]);
    expect((await made({ module: ["COMPAT", "CHECK_HOOKS"] })).findings).toEqual([]);
  });

  test("in a packing that cannot be undone here is unchecked, never ok", async () => {
    const report = await made({ moduleFile: "xt_TARPIT.ko.zst" });
    expect(report.findings).toMatchObject([{ code: "module.packed", severity: "unchecked" }]);
    expect(report.checked.some((one) => one.check.startsWith("module.target"))).toBe(false);
  });

  test("missing, unknown to depmod, or in a broken archive", async () => {
    expect(codes(await made({ moduleFile: "other.ko" }))).toEqual(["module.missing"]);
    expect(codes(await made({ dep: false }))).toEqual(["module.depmod"]);
    const half = (dir: string) =>
      writeFileSync(
        join(dir, "modules.tar.gz"),
        readFileSync(join(dir, "modules.tar.gz")).subarray(0, 300),
      );
    expect(codes(await spoiled(half))).toEqual(["file.unreadable"]);
    expect(
      codes(await spoiled((dir) => writeFileSync(join(dir, "modules.tar.gz"), "no gzip"))),
    ).toEqual(["file.unreadable"]);
    const size = 40 << 20;
    const entry = (path: string): Buffer => {
      const block = Buffer.alloc(512 + size);
      new Header({ path, size, mode: 0o644, type: "File" }).encode(block, 0);
      return block;
    };
    const modules = ["a", "b"].map((name) => entry(`lib/modules/${name}/xt_TARPIT.ko`));
    const bomb = (dir: string): void =>
      writeFileSync(join(dir, "modules.tar.gz"), gzipSync(Buffer.concat(modules), { level: 1 }));
    expect(codes(await spoiled(bomb))).toEqual(["file.unreadable"]);
  });

  crossTest("alone and of another machine", async () => {
    const dir = makeArtifacts(mkdtempSync(join(world.dir, "foreign-")), { scope: "module" });
    compileModule(loadArchFile("sparc64"), join(dir, "xt_TARPIT.ko"));
    writeSums(dir);
    expect(codes(await verify(dir))).toContain("module.class");
  });
});

describe("the kernel", () => {
  test("of another release, or with another build's System.map or image", async () => {
    const other = await spoiled((dir) =>
      compileVmlinux(arch, join(dir, "vmlinux"), ['RELEASE="6.1.193"']),
    );
    expect(other.findings).toContainEqual(
      expect.objectContaining({
        code: "kernel.release",
        args: { file: "vmlinux", expected: release, actual: "6.1.193" },
      }),
    );
    const map = await spoiled((dir) =>
      writeFileSync(join(dir, "System.map"), "ffffffff81000000 D linux_banner\n"),
    );
    expect(codes(map)).toContain("kernel.other-build");
    const image = await spoiled((dir) =>
      compileVmlinux(arch, join(dir, arch.bootImageName), ['STAMP="yesterday"']),
    );
    expect(image.findings).toMatchObject([
      { code: "kernel.other-build", args: { file: arch.bootImageName } },
    ]);
  });

  test("a packed image is unchecked, x86's setup header is read", async () => {
    const packed = await spoiled((dir) =>
      writeFileSync(join(dir, arch.bootImageName), Buffer.alloc(9000, 7)),
    );
    expect(packed.findings).toMatchObject([{ code: "kernel.no-banner", severity: "unchecked" }]);
    const header = Buffer.alloc(9000);
    header.write("HdrS", 0x202);
    header.writeUInt16LE(0x400, 0x20e);
    header.write("6.1.7 (u@h) #1", 0x600);
    const x86 = await spoiled((dir) => writeFileSync(join(dir, arch.bootImageName), header));
    expect(x86.findings).toMatchObject([{ code: "kernel.release", args: { actual: "6.1.7" } }]);
  });

  test("missing files are named", async () => {
    for (const file of ["vmlinux", "System.map", arch.bootImageName, "modules.tar.gz", "config"]) {
      const report = await spoiled((dir) =>
        renameSync(join(dir, file), join(dir, `.${file}-away`)),
      );
      expect(report.findings).toContainEqual(
        expect.objectContaining({ code: "file.missing", args: { file } }),
      );
      expect(report.ok).toBe(false);
    }
  });
});

describe("the configuration", () => {
  const without = (symbol: string) =>
    config.replace(new RegExp(`CONFIG_${symbol}=.`), `# CONFIG_${symbol} is not set`);
  const lacks = async (text: string, parts: Partial<Parts> = {}) =>
    (await made({ config: text, ...parts })).findings
      .filter((one) => one.code === "config.symbol")
      .map((one) => one.args);

  test("without the target, its IPv6 half, or tables", async () => {
    expect(await lacks(without("IP_NF_TARGET_TARPIT"))).toMatchObject([
      { symbol: "CONFIG_IP_NF_TARGET_TARPIT", why: "target" },
    ]);
    expect(await lacks(without("IP6_NF_TARGET_TARPIT"))).toMatchObject([{ why: "target6" }]);
    expect(await lacks(without("IP_NF_IPTABLES"))).toMatchObject([{ why: "legacy" }]);
    expect(await lacks(`${without("IP_NF_IPTABLES")}CONFIG_NFT_COMPAT=m\n`)).toEqual([]);
  });

  crossTest("a 32-bit userland on a 64-bit kernel wants COMPAT", async () => {
    const sparc64 = loadArchFile("sparc64");
    const text = without("NETFILTER_XTABLES_COMPAT");
    expect(await lacks(text, { arch: sparc64, abis: sparc64.abis })).toMatchObject([
      { why: "compat" },
    ]);
    expect(await lacks(text, { arch: sparc64, abis: sparc64.abis.slice(0, 1) })).toEqual([]);
  });

  test("built in: System.map and modules.builtin have to name it", async () => {
    const text = config.replaceAll("TARPIT=m", "TARPIT=y");
    expect(codes(await made({ config: text, moduleFile: "other.ko" }))).toEqual([
      "kernel.no-target",
    ]);
  });
});

const fail = (): never => {
  throw new Error("nothing there");
};

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { findExtensionTargets, registersTarget } from "../../src/core/abi/extension.ts";
import { judgeConfig } from "../../src/core/abi/judge-config.ts";
import { judgeVermagic } from "../../src/core/abi/judge.ts";
import {
  controlFile,
  installedSize,
  maintainerOf,
  packageName,
  packageVersion,
} from "../../src/core/deb.ts";
import { depmodOverride, kernelScripts } from "../../src/core/deb-scripts.ts";
import { dkmsConf, linesIn } from "../../src/core/dkms.ts";
import { readModule } from "../../src/core/abi/module.ts";
import { parseElf } from "../../src/core/elf/file.ts";
import { loadImage } from "../../src/core/elf/load.ts";
import { parseDotconfig } from "../../src/core/kconfig/dotconfig.ts";
import { bannersIn, setupVersion, symbolAddress } from "../../src/core/kernel-image.ts";
import { parseSums } from "../../src/core/sums.ts";
import { crossTest, loadArchFile } from "../support/artifacts.ts";

const stock = "/usr/lib/x86_64-linux-gnu/xtables/libxt_TARPIT.so";

crossTest("Debian's stock libxt_TARPIT.so reads as decoded by hand", () => {
  const image = loadImage(parseElf(readFileSync(stock)));
  expect(findExtensionTargets(image, "TARPIT")).toEqual([
    {
      name: "TARPIT",
      version: "libxtables.so.12",
      revision: 0,
      family: 0,
      size: 8,
      userspaceSize: 8,
      layout: "real_name",
    },
  ]);
  expect(registersTarget(image)).toBe(true);
  expect(findExtensionTargets(image, "DELUDE")).toEqual([]);
});
/** Built by the package xtables-addons-dkms, which the tests' set-up installs on x86_64. */
const stockModules = (): string[] =>
  readdirSync("/lib/modules")
    .map((name) => `/lib/modules/${name}/updates/dkms/xt_TARPIT.ko`)
    .filter((path) => existsSync(path));

if (process.arch === "x64")
  crossTest(
    "the stock module has our name, revision and size, and is told by its description",
    () => {
      const [path = ""] = stockModules();
      const elf = parseElf(readFileSync(path));
      const facts = readModule(elf, loadImage(elf), "TARPIT");
      const each = { name: "TARPIT", revision: 0, targetSize: 1, hooks: 6, proto: 6 };
      expect(facts.targets).toMatchObject([
        { ...each, family: 2 },
        { ...each, family: 10 },
      ]);
      expect(facts.description).toMatch(/^Xtables: "TARPIT"/);
      expect(facts.aliases).toContain("ipt_TARPIT");
    },
  );

describe("judging", () => {
  const vermagic = (text: string, config: string) =>
    judgeVermagic("x.ko", text, {
      release: "6.1.1",
      ipv4: true,
      ipv6: true,
      config: parseDotconfig(config),
    }).map((one) => one.args);

  test("vermagic: release first, then each flag against its symbol", () => {
    const smp = "CONFIG_SMP=y\nCONFIG_MODULE_UNLOAD=y\n";
    expect(vermagic("6.1.1 SMP mod_unload ", smp)).toEqual([]);
    expect(vermagic("6.1.2 SMP mod_unload ", smp)).toMatchObject([{ actual: "6.1.2" }]);
    expect(vermagic("6.1.1 mod_unload ", smp)).toMatchObject([{ flag: "SMP", has: false }]);
    expect(
      vermagic("6.1.1 SMP mod_unload modversions ", `${smp}# CONFIG_MODVERSIONS is not set\n`),
    ).toMatchObject([{ flag: "modversions", has: true }]);
  });

  test("vermagic: preempt is PREEMPT_BUILD where there is one, PREEMPT before, and preempt_rt by itself", () => {
    expect(vermagic("6.1.1 preempt ", "CONFIG_PREEMPT_BUILD=y\nCONFIG_PREEMPT=y\n")).toEqual([]);
    expect(vermagic("6.1.1 preempt ", "CONFIG_PREEMPT=y\n")).toEqual([]);
    expect(vermagic("6.1.1 preempt_rt ", "CONFIG_PREEMPT_RT=y\nCONFIG_PREEMPT_BUILD=y\n")).toEqual(
      [],
    );
    expect(vermagic("6.1.1 ", "CONFIG_PREEMPT_BUILD=y\n")).toMatchObject([{ flag: "preempt" }]);
  });

  const config = (text: string, release: string, scope: "kernel" | "module" = "kernel") =>
    judgeConfig({ config: parseDotconfig(text), scope, bits: 64, narrow: true, release }).map(
      (one) => [one.severity, one.args],
    );

  test("configuration: the compat and legacy symbols are those of the kernel's time", () => {
    const base = "CONFIG_IP_NF_TARGET_TARPIT=m\nCONFIG_IP_NF_IPTABLES=m\nCONFIG_COMPAT=y\n";
    expect(config(base, "5.10.1")).toEqual([]);
    expect(config(base, "6.1.1")).toMatchObject([
      ["error", { symbol: "CONFIG_NETFILTER_XTABLES_COMPAT" }],
    ]);
    const compat = `${base}CONFIG_NETFILTER_XTABLES_COMPAT=y\n`;
    expect(config(compat, "6.12.1")).toEqual([]);
    expect(config(compat, "6.18.1")).toMatchObject([
      ["error", { symbol: "CONFIG_IP_NF_IPTABLES_LEGACY" }],
    ]);
    expect(config(`${compat}CONFIG_NFT_COMPAT=m\n`, "6.18.1")).toEqual([]);
  });

  test("configuration: of a kernel that is not ours, a lack is a warning", () => {
    const base = "CONFIG_MODULES=y\nCONFIG_NETFILTER_XTABLES=m\nCONFIG_IP_NF_IPTABLES=m\n";
    expect(config(base, "6.1.1", "module")).toMatchObject([["warning", { why: "compat" }]]);
  });
});

describe("small readers", () => {
  test("SHA256SUMS: both marks, and nothing outside of the directory", () => {
    const hash = "a".repeat(64);
    const { lines, malformed } = parseSums(
      `${hash}  a\n${hash} *b c\n\n${hash}  /etc/passwd\n${hash}  x/../../y\nshort  z\n`,
    );
    expect(lines.map((one) => one.file)).toEqual(["a", "b c"]);
    expect(malformed.map((one) => one.line)).toEqual([4, 5, 6]);
  });

  test("the banner, not its format; System.map; x86's header", () => {
    const bytes = Buffer.from(
      "Linux version %s (%s)\0..Linux version 6.1.9-x (u@h) (gcc) # \n\0Linux version 6.1.9-x (u@h) (gcc) #1\n\0",
    );
    expect(bannersIn(bytes).map((one) => [one.release, one.text, one.atStart])).toEqual([
      ["6.1.9-x", "Linux version 6.1.9-x (u@h) (gcc) # ", false],
      ["6.1.9-x", "Linux version 6.1.9-x (u@h) (gcc) #1", false],
    ]);
    expect(bannersIn(bytes.subarray(24))[0]?.atStart).toBe(true);
    expect(bannersIn(Buffer.from("Linux version"))).toEqual([]);
    expect(
      symbolAddress("ffffffff81000000 T _text\nffffffff81d9c800 D linux_banner\n", "linux_banner"),
    ).toBe(0xffffffff81d9c800n);
    expect(setupVersion(Buffer.alloc(0x210))).toBeUndefined();
  });
});

describe("deb", () => {
  test("names and versions keep Debian's alphabet", () => {
    expect(packageName("linux-image-6.1.192-MY_Box")).toBe("linux-image-6.1.192-my-box");
    expect(packageVersion("6.1.192-MY_Box")).toBe("6.1.192-MY+Box-1");
    expect(packageVersion("next-1")).toBe("0next-1-1");
  });

  test("control: the description is folded, empty fields are left out", () => {
    const text = controlFile(
      {
        package: "p",
        version: "1",
        architecture: "all",
        section: "net",
        depends: [],
        summary: "s",
        description: ["a", "", "b"],
      },
      "A <a@b.c>",
      7,
    );
    expect(text).toMatch(/\nInstalled-Size: 7\n/);
    expect(text).toMatch(/\nDescription: s\n a\n \.\n b\n$/);
    expect(text).not.toContain("Depends");
    expect(installedSize([1, 1024, 1025, 0], 2)).toBe(6);
  });

  test("hooks learn of the image's name on that port, and of the initramfs", () => {
    const ppc = kernelScripts({
      arch: loadArchFile("powerpc64"),
      release: "6.1.1",
      initrd: false,
    }).postinst;
    expect(ppc).toContain("--arg=/boot/vmlinux-6.1.1 ");
    expect(ppc).toContain("INITRD=No");
    expect(ppc).toContain("depmod 6.1.1");
  });

  test("whose package it is: DEBFULLNAME and DEBEMAIL, but no text that would be another field", () => {
    const named = { DEBFULLNAME: "Jo Doe", DEBEMAIL: "jo@example.org" };
    expect(maintainerOf(named)).toBe("Jo Doe <jo@example.org>");
    expect(maintainerOf({})).toMatch(/^tarpit-kit <.+@.+>$/);
    expect(maintainerOf({ DEBFULLNAME: "a\nDepends: b", DEBEMAIL: "<x>" })).toBe(maintainerOf({}));
  });

  test("dkms: the kernel lines of a range, and no other", () => {
    expect(linesIn([">=6.1.119 <6.2", ">=6.12 <6.13"])).toEqual(["6.1", "6.12"]);
    expect(linesIn([">=6.1 <6.1.119"])).toEqual([]);
    const kernels = /BUILD_EXCLUSIVE_KERNEL="(.+)"/.exec(dkmsConf("1", ["6.1"]))?.[1] ?? "";
    const takes = (release: string) => new RegExp(kernels).test(release);
    expect(["6.1.0-50-cloud-amd64", "6.1", "6.1-rc1"].every(takes)).toBe(true);
    expect(["6.12.9", "16.1.0", "6.10.1"].some(takes)).toBe(false);
  });

  test("depmod reads the release as a regular expression: what is special in one is not here", () => {
    expect(depmodOverride("6.1.0+x", "updates")).toBe("override xt_TARPIT 6\\.1\\.0\\+x updates\n");
  });
});

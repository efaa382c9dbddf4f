import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root, sha256 } from "../support/artifacts.ts";
import { kit, kitOk, launcher, scratch, tool } from "../support/cli.ts";
import { debianKernel } from "../support/debian-kernel.ts";
import { bootRoot, debianRoot, inRoot, installIn, noteHooks } from "../support/package-root.ts";

const { dir, remove } = scratch("packages");
afterAll(remove);
const at = (name: string): string => join(dir, name);
const packages = ["--package", "deb,tar,dkms"];
const full = process.env["TARPIT_KIT_FULL"] === "1";
const ownMachine = process.arch === "x64";

const debsIn = (artifacts: string, part = ".deb"): string[] =>
  readdirSync(artifacts)
    .filter((name) => name.includes(part) && name.endsWith(".deb"))
    .map((name) => join(artifacts, name));

/** Debian's own kernel with headers on this machine; the set-up has installed it. */
const headers = (): string =>
  readdirSync("/usr/src")
    .filter((name) => /^linux-headers-.*-cloud-amd64$/.test(name))
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .at(-1) ?? "";
const headersRelease = (): string => headers().replace("linux-headers-", "");

/** What is done in a guest: the rule goes in, the module comes by itself. */
const tryRule = `mount -t proc proc /proc
echo "release $(uname -r)"
for iptables in iptables-legacy ip6tables-legacy; do
	$iptables -A INPUT -p tcp --dport 23 -j TARPIT && $iptables -S INPUT
done
cat /proc/modules
echo finished
`;

let amd64 = "";
beforeAll(() => {
  // The kernel of target.test.ts: compiled once for both.
  const lab = ["--fragment", join(root, "test/guest/lab.config")];
  const options = ["--install", "--out", dir, ...packages, ...launcher()];
  amd64 = kitOk(["build", "--arch", "x86_64", "--kernel", "debian:6.12", ...options, ...lab]);
});

test("lintian finds no error in any package", () => {
  expect(debsIn(amd64).length).toBe(4);
  tool("lintian", ["--fail-on", "error", "--tag-display-limit", "0", ...debsIn(amd64)]);
});

const system = at("debian-amd64");
const pc = {
  program: "qemu-system-x86_64",
  args: ["-M", "q35", "-cpu", "max", "-nodefaults"],
  console: "ttyS0",
  options: "no_timer_check",
  memoryMiB: 1536,
};
/** Rules of both families are in, and the module that they need has come by itself. */
function expectHeld(said: string, release: string): void {
  expect(said).toContain(`release ${release}`);
  expect(said.match(/^-A INPUT -p tcp -m tcp --dport 23 -j TARPIT/gm), said).toHaveLength(2);
  expect(said).toMatch(/^xt_TARPIT /m);
  expect(said).toContain("finished");
}

describe.runIf(ownMachine)("amd64: a Debian with iptables and xtables-addons", () => {
  const stock = "/usr/lib/x86_64-linux-gnu/xtables/libxt_TARPIT.so";
  let release = "";
  let hooks: () => string[];
  let stockSum = "";

  beforeAll(() => {
    release = basename(amd64).replace(/-x86_64$/, "");
    debianRoot(system, ["iptables", "kmod", "linux-base", "mount", "xtables-addons-common"]);
    stockSum = sha256(join(system, stock));
    // The kernel it has been running: not to be lost.
    writeFileSync(join(system, "boot/vmlinuz-5.10.0-1-amd64"), "old");
    hooks = noteHooks(system);
  });

  test("dpkg -i: hooks are called, the boot links are set, the stock extension steps aside, nothing is removed", () => {
    installIn(
      system,
      [...debsIn(amd64, "linux-image"), ...debsIn(amd64, "_amd64.deb")].filter(
        (deb, index, all) => all.indexOf(deb) === index,
      ),
    );
    const image = `/boot/vmlinuz-${release}`;
    expect(hooks()).toEqual([
      `preinst ${release} ${image} INITRD=Yes`,
      `postinst ${release} ${image} INITRD=Yes`,
    ]);
    expect(readlinkSync(join(system, "vmlinuz"))).toBe(`boot/vmlinuz-${release}`);
    expect(readlinkSync(join(system, "vmlinuz.old"))).toBe("boot/vmlinuz-5.10.0-1-amd64");
    expect(existsSync(join(system, "lib/modules", release, "modules.dep.bin"))).toBe(true);
    expect(inRoot(system, "dpkg", "-S", stock)).toContain("diversion by iptables-tarpit");
    expect(sha256(join(system, `${stock}.xtables-addons`))).toBe(stockSum);
    expect(inRoot(system, "dpkg", "-l", "xtables-addons-common")).toMatch(/^ii/m);
    const differing = inRoot(
      system,
      "dpkg",
      "--verify",
      `linux-image-${release}`,
      "iptables-tarpit",
    );
    // The root was told to leave documentation out.
    expect(
      differing.split("\n").filter((line) => line && !line.includes("/usr/share/doc")),
    ).toEqual([]);
    expect(inRoot(system, "dpkg", "--audit")).toBe("");
  });

  test("boots the kernel that is installed; -j TARPIT loads the module by itself", async () => {
    const image = join(system, `boot/vmlinuz-${release}`);
    expectHeld(await bootRoot(system, image, tryRule, pc, dir, 300_000), release);
  });

  test("the way back: purged, nothing of it stays, the old kernel is booted again, the stock extension is as it was", () => {
    inRoot(system, "dpkg", "--purge", `linux-image-${release}`, "iptables-tarpit");
    expect(
      hooks()
        .slice(2)
        .map((line) => line.split(" ")[0]),
    ).toEqual(expect.arrayContaining(["prerm", "postrm"]));
    expect(readlinkSync(join(system, "vmlinuz"))).toBe("boot/vmlinuz-5.10.0-1-amd64");
    expect(existsSync(join(system, "lib/modules", release))).toBe(false);
    expect(readdirSync(join(system, "boot"))).toEqual(["vmlinuz-5.10.0-1-amd64"]);
    expect(sha256(join(system, stock))).toBe(stockSum);
    expect(inRoot(system, "dpkg-divert", "--list", "*TARPIT*")).toBe("");
  });
});

describe.runIf(ownMachine)("a module for Debian's own kernel", () => {
  const build = (out: string, env: Record<string, string> = {}) =>
    kitOk(
      [
        "build",
        "--arch",
        "x86_64",
        "--against",
        join("/usr/src", headers()),
        "--userland",
        "64",
        "--out",
        at(out),
        ...packages,
      ],
      env,
    );

  test("dkms builds the package's sources against Debian's headers, and it is the module for that kernel", () => {
    const [deb = ""] = debsIn(amd64, "dkms");
    const release = headersRelease();
    tool("dpkg-deb", ["-x", deb, at("dkms-package")]);
    const trees = [
      "--dkmstree",
      at("dkms-tree"),
      "--sourcetree",
      at("dkms-package/usr/src"),
      "--installtree",
      at("dkms-modules"),
    ];
    mkdirSync(at("dkms-tree"));
    const [name = "", version = ""] = [
      "xt-tarpit",
      basename(deb).split("_")[1]?.replace(/-1$/, ""),
    ];
    for (const verb of ["add", "build"])
      tool("dkms", [verb, "-m", name, "-v", version, "-k", release, ...trees]);
    const built = join(at("dkms-tree"), name, version, release, "x86_64/module/xt_TARPIT.ko");
    expect(tool("modinfo", ["-F", "vermagic", built])).toMatch(
      new RegExp(`^${release.replaceAll(".", "\\.")} `),
    );
    expect(tool("modinfo", ["-F", "alias", built])).toContain("ip6t_TARPIT");
    expect(version).toBe(kitOk(["--version"]));
  });

  test("its package, installed beside that kernel, is the one that loads", async () => {
    const kernel = debianKernel(at("debian-kernel"));
    const modules = join("lib/modules", kernel.release);
    // As Debian's own package leaves it, and the stock module where dkms would have put it.
    cpSync(join(kernel.modules.dir, modules), join(system, modules), { recursive: true });
    mkdirSync(join(system, modules, "updates/dkms"), { recursive: true });
    writeFileSync(join(system, modules, "updates/dkms/xt_TARPIT.ko"), kernel.stock ?? kernel.ours);
    const debs = debsIn(build("packaged"));
    installIn(
      system,
      debs.filter((deb) => !deb.includes("dkms_")),
    );
    expect(inRoot(system, "modinfo", "-k", kernel.release, "-n", "xt_TARPIT").trim()).toBe(
      `/${modules}/updates/xt_TARPIT.ko`,
    );
    const said = await bootRoot(system, kernel.image, tryRule, pc, dir, 300_000);
    expectHeld(said, kernel.release);
  });

  test("with the user's key it is signed, the same way each time", () => {
    const [key, certificate, both] = [at("key.pem"), at("certificate.pem"), at("signing.pem")];
    const subject = ["-subj", "/CN=tarpit e2e signer", "-days", "1"];
    tool("openssl", [
      "req",
      "-new",
      "-x509",
      "-nodes",
      "-newkey",
      "rsa:2048",
      "-keyout",
      key,
      "-out",
      certificate,
      ...subject,
    ]);
    writeFileSync(both, readFileSync(key, "utf8") + readFileSync(certificate, "utf8"), {
      mode: 0o600,
    });
    const signed = build("signed", { TARPIT_KIT_SIGNING_KEY: both });
    expect(tool("modinfo", ["-F", "signer", join(signed, "xt_TARPIT.ko")]).trim()).toBe(
      "tarpit e2e signer",
    );
    const plain = build("plain");
    const modules = [signed, plain].map((artifacts) =>
      readFileSync(join(artifacts, "xt_TARPIT.ko")),
    );
    expect(modules[0]?.subarray(0, modules[1]?.length).equals(modules[1] as Buffer)).toBe(true);
    expect(kit(["reproduce", signed], { TARPIT_KIT_SIGNING_KEY: both }).code).toBe(0);
    const without = kit(["reproduce", signed]);
    expect(without.code).toBe(1);
    expect(without.stdout).toContain("module signing certificate");
    expect(readFileSync(join(signed, "metadata.json"), "utf8")).not.toContain("PRIVATE KEY");
  });
});

describe.runIf(full && ownMachine)("the long versions", () => {
  test("dkms in a Debian of its own: built when the package comes, gone with it", () => {
    const system = debianRoot(at("debian-dkms"), ["dkms", "kmod", "linux-headers-cloud-amd64"]);
    installIn(system, debsIn(amd64, "dkms"));
    expect(inRoot(system, "dkms", "status")).toMatch(
      /^xt-tarpit\/.*cloud-amd64, x86_64: installed$/m,
    );
    inRoot(system, "dpkg", "--purge", "xt-tarpit-dkms");
    expect(inRoot(system, "dkms", "status")).toBe("");
  });

  test("arm64: a kernel installed in an arm64 Debian, and booted", async () => {
    const config = [
      "--base",
      "allnoconfig",
      "--fragment",
      "system",
      "--fragment",
      "firewall",
      "--fragment",
      join(root, "test/e2e/packages/arm64.config"),
    ];
    const arm64 = kitOk([
      "build",
      "--arch",
      "arm64",
      "--install",
      "--userland",
      "64",
      "--out",
      dir,
      ...packages,
      ...launcher(),
      ...config,
    ]);
    tool(
      "apt-get",
      [
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
        "qemu-user-static",
        "binfmt-support",
        "arch-test",
        "qemu-system-arm",
      ],
      { env: { DEBIAN_FRONTEND: "noninteractive" } },
    );
    // Where no init system has mounted it: programs of arm64 then run here, for the packages' own scripts.
    const misc = "/proc/sys/fs/binfmt_misc";
    const mount = `[ -e ${misc}/status ] || mount -t binfmt_misc binfmt_misc ${misc}`;
    tool("sh", ["-c", `${mount} && update-binfmts --enable qemu-aarch64`]);
    const release = basename(arm64).replace(/-arm64$/, "");
    const system = debianRoot(
      at("debian-arm64"),
      ["iptables", "kmod", "linux-base", "mount"],
      ["--architectures=arm64"],
    );
    installIn(system, [...debsIn(arm64, "linux-image"), ...debsIn(arm64, "iptables-tarpit")]);
    const machine = {
      program: "qemu-system-aarch64",
      args: ["-M", "virt", "-cpu", "max", "-nodefaults"],
      console: "ttyAMA0",
      memoryMiB: 1024,
    };
    const said = await bootRoot(
      system,
      join(system, `boot/vmlinuz-${release}`),
      tryRule,
      machine,
      dir,
      600_000,
    );
    expectHeld(said, release);
  });
});

import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageArtifacts, type PackageKind } from "../../src/app/package.ts";
import { loadSeries } from "../../src/app/patch.ts";
import { verifyArtifacts } from "../../src/app/verify-artifacts.ts";
import type { Arch } from "../../src/core/arch.ts";
import { debianAbis, imageStem } from "../../src/core/deb.ts";
import {
  crossTest,
  hostArch,
  loadArchFile,
  makeArtifacts,
  release,
  sha256,
  testWorld,
} from "../support/artifacts.ts";

const world = testWorld();
const arch = hostArch();
const epoch = 1_577_836_800;
const series = await loadSeries(world.ports, "linux-6.1");
let good: string;

beforeAll(() => {
  good = makeArtifacts(join(world.dir, "good"));
});
afterAll(() => world.remove());

/** Packages of a copy of the artifacts, in that copy. */
async function packed(kinds: readonly PackageKind[], from = good, of: Arch = arch) {
  const dir = join(mkdtempSync(join(world.dir, "packed-")), "artifacts");
  cpSync(from, dir, { recursive: true });
  const { files } = await packageArtifacts({ dir, kinds, arch: of, epoch, series }, world.ports);
  return {
    dir,
    files,
    path: (part: string) => join(dir, files.find((file) => file.includes(part)) ?? part),
  };
}

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
  });
const field = (deb: string, name: string): string => run("dpkg-deb", "-f", deb, name).trim();
/** `drwxr-xr-x root/root 0 2020-01-01 00:00 ./boot/` as [mode, owner, name]. */
const contents = (deb: string): string[][] =>
  run("dpkg-deb", "-c", deb)
    .trim()
    .split("\n")
    .map((line) => {
      const [mode = "", owner = "", , , , name = ""] = line.split(/\s+/);
      return [mode, owner, name.replace(/^\.\//, "")];
    });
const names = (deb: string): string[] => contents(deb).map(([, , name]) => name ?? "");

describe("deb", () => {
  test("the kernel: image, map, config and modules, where the port looks for them", async () => {
    const { path } = await packed(["deb"]);
    const deb = path("linux-image");
    expect(names(deb)).toEqual(
      expect.arrayContaining([
        `boot/vmlinuz-${release}`,
        `boot/System.map-${release}`,
        `boot/config-${release}`,
        `lib/modules/${release}/kernel/net/netfilter/xt_TARPIT.ko`,
        `lib/modules/${release}/modules.builtin`,
      ]),
    );
    expect(names(deb).join("\n")).not.toMatch(
      /modules\.dep|usr\/src|linux-headers|\/(build|source)$/m,
    );
    expect(field(deb, "Package")).toBe(`linux-image-${release}`);
    expect(field(deb, "Version")).toBe(`${release}-1`);
    expect(field(deb, "Architecture")).toBe(arch.debianArch);
    expect(field(deb, "Depends")).toBe("kmod, linux-base");
  });

  test("everything is root's, with plain modes, whatever our umask is", async () => {
    const before = process.umask(0o077);
    try {
      for (const file of (await packed(["deb"])).files.map((name) => name))
        expect(file).toMatch(/\.deb$/);
      const { path } = await packed(["deb"]);
      for (const [mode, owner, name] of contents(path("linux-image"))) {
        expect(owner, name).toBe("root/root");
        expect(["drwxr-xr-x", "-rw-r--r--"], name).toContain(mode);
      }
    } finally {
      process.umask(before);
    }
  });

  test("the extension: both names where that iptables looks; only the stock file of the same name steps aside", async () => {
    const { dir, path } = await packed(["deb"]);
    const deb = path("iptables-tarpit");
    const triplet = debianAbis[arch.abis[0]?.name ?? ""]?.triplet;
    for (const name of ["libipt_TARPIT.so", "libxt_TARPIT.so"])
      expect(names(deb)).toContain(`usr/lib/${triplet}/xtables/${name}`);
    expect(field(deb, "Conflicts")).toBe("");
    expect(field(deb, "Depends")).toMatch(/^libc6, libxtables\d+$/);
    expect(field(deb, "Multi-Arch")).toBe("same");
    run("dpkg-deb", "-e", deb, join(dir, "control"));
    const stock = `/usr/lib/${triplet}/xtables/libxt_TARPIT.so`;
    for (const [hook, verb] of [
      ["preinst", "--add"],
      ["postrm", "--remove"],
    ] as const) {
      run("sh", "-n", join(dir, "control", hook));
      const text = readFileSync(join(dir, "control", hook), "utf8");
      expect(text).toContain(`${verb} --rename --divert ${stock}.xtables-addons ${stock}\n`);
    }
  });

  test("the kernel's scripts are shell, call every hook directory, keep the way back", async () => {
    const { dir, path } = await packed(["deb"]);
    run("dpkg-deb", "-e", path("linux-image"), join(dir, "control"));
    const text = (hook: string): string => readFileSync(join(dir, "control", hook), "utf8");
    for (const hook of ["preinst", "postinst", "prerm", "postrm"]) {
      run("sh", "-n", join(dir, "control", hook));
      expect(text(hook)).toContain(
        `--arg=${release} --arg=/boot/vmlinuz-${release} /etc/kernel/${hook}.d`,
      );
    }
    expect(text("postinst")).toContain("INITRD=Yes");
    expect(text("postinst")).toContain(
      `linux-update-symlinks "$change" ${release} /boot/vmlinuz-${release}`,
    );
    expect(text("prerm")).toContain(`linux-check-removal ${release}`);
  });

  test("beside a stock module that dkms built, depmod takes ours", async () => {
    const { dir, path } = await packed(["deb"]);
    const root = join(dir, "root");
    run("dpkg-deb", "-x", path("linux-image"), root);
    const modules = join(root, "lib/modules", release);
    mkdirSync(join(modules, "updates/dkms"), { recursive: true });
    cpSync(
      join(modules, "kernel/net/netfilter/xt_TARPIT.ko"),
      join(modules, "updates/dkms/xt_TARPIT.ko"),
    );
    const taken = (configuration: string): string => {
      run("/sbin/depmod", "-b", root, "-C", configuration, release);
      const text = readFileSync(join(modules, "modules.dep"), "utf8");
      return text.split("\n").find((line) => line.includes("xt_TARPIT.ko:")) ?? "";
    };
    const empty = join(dir, "no.conf");
    writeFileSync(empty, "");
    expect(taken(empty)).toMatch(/^updates\/dkms\//);
    expect(taken(join(root, "lib/depmod.d"))).toMatch(/^kernel\/net\/netfilter\//);
  });

  test("dkms: the sources, for the kernel lines they are for; of any architecture", async () => {
    const { dir, files, path } = await packed(["dkms"]);
    expect(files).toEqual(["xt-tarpit-dkms_0.1.0-1_all.deb"]);
    const deb = path("dkms");
    expect(field(deb, "Depends")).toBe("dkms");
    expect(field(deb, "Conflicts")).toBe("xtables-addons-dkms");
    run("dpkg-deb", "-R", deb, join(dir, "out"));
    const source = join(dir, "out/usr/src/xt-tarpit-0.1.0");
    expect(readdirSync(source)).toEqual([
      "Makefile",
      "dkms.conf",
      "include",
      "xt_TARPIT.c",
      "xt_TARPIT_line.h",
    ]);
    expect(readFileSync(join(source, "dkms.conf"), "utf8")).toContain("6\\.12");
    for (const hook of ["postinst", "prerm"]) run("sh", "-n", join(dir, "out/DEBIAN", hook));
  });

  test("md5sums and Installed-Size say what is in it", async () => {
    const { dir, path } = await packed(["deb"]);
    const deb = path("linux-image");
    run("dpkg-deb", "-R", deb, join(dir, "out"));
    execFileSync("md5sum", ["-c", "--quiet", "DEBIAN/md5sums"], { cwd: join(dir, "out") });
    const files = contents(deb).filter(([mode]) => mode?.startsWith("-")).length;
    expect(readFileSync(join(dir, "out/DEBIAN/md5sums"), "utf8").trim().split("\n").length).toBe(
      files,
    );
    expect(Number(field(deb, "Installed-Size"))).toBeGreaterThan(files);
  });

  test("made twice they are the same bytes", async () => {
    const first = await packed(["deb", "tar"]);
    // A clock that has moved on must not show.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const second = await packed(["deb", "tar"]);
    expect(second.files).toEqual(first.files);
    expect(first.files.length).toBe(3);
    for (const file of first.files)
      expect(sha256(join(second.dir, file)), file).toBe(sha256(join(first.dir, file)));
  });

  test("a lone module goes to updates/", async () => {
    const alone = makeArtifacts(join(world.dir, "alone"), { scope: "module" });
    const { path } = await packed(["deb"], alone);
    expect(names(path("xt-tarpit-module"))).toContain(
      `lib/modules/${release}/updates/xt_TARPIT.ko`,
    );
  });

  crossTest("sparc64: a package for each ABI", async () => {
    const sparc64 = loadArchFile("sparc64");
    const both = makeArtifacts(join(world.dir, "sparc64"), { arch: sparc64, abis: sparc64.abis });
    const { files, path } = await packed(["deb"], both, sparc64);
    expect(files).toEqual([
      "iptables-tarpit_0.1.0-1_sparc.deb",
      "iptables-tarpit_0.1.0-1_sparc64.deb",
      `linux-image-${release}_${release}-1_sparc64.deb`,
    ]);
    expect(names(path("_sparc.deb"))).toContain("usr/lib/sparc-linux-gnu/xtables/libipt_TARPIT.so");
  });

  test("artifacts that lack a part are not packaged", async () => {
    const dir = join(world.dir, "lacking");
    cpSync(good, dir, { recursive: true });
    renameSync(join(dir, "System.map"), join(world.dir, "away"));
    await expect(
      packageArtifacts({ dir, kinds: ["deb"], arch, epoch, series }, world.ports),
    ).rejects.toMatchObject({ exit: 1, code: "package.missing" });
    expect(readdirSync(dir).filter((name) => name.endsWith(".deb"))).toEqual([]);
  });
});

describe("tar", () => {
  test("says nothing of the run it came out of", async () => {
    const first = await packed(["tar"]);
    const other = join(world.dir, "another-run");
    cpSync(good, other, { recursive: true });
    const metadata = JSON.parse(readFileSync(join(other, "metadata.json"), "utf8")) as object;
    const later = {
      ...metadata,
      seconds: { kernel: 99 },
      commands: [["make", "-C", "/elsewhere"]],
    };
    writeFileSync(join(other, "metadata.json"), JSON.stringify(later));
    writeFileSync(join(other, "build.log"), "another order\n");
    const second = await packed(["tar"], other);
    expect(sha256(second.path("tar.gz"))).toBe(sha256(first.path("tar.gz")));
  });

  test("unpacks to an artifact directory that verifies", async () => {
    const { dir, files } = await packed(["tar"]);
    expect(files).toEqual([`${release}-${arch.name}.tar.gz`]);
    const out = join(dir, "..", "out");
    mkdirSync(out);
    execFileSync("tar", ["-xzf", join(dir, files[0] ?? ""), "-C", out]);
    expect(readdirSync(out)).toEqual([`${release}-${arch.name}`]);
    expect(await verifyArtifacts({ dir: out }, world.ports)).toMatchObject({
      ok: true,
      findings: [],
    });
  });

  test("holds no other package, and packing again changes nothing", async () => {
    const { dir, files } = await packed(["tar"]);
    writeFileSync(join(dir, "older.deb"), "");
    const before = sha256(join(dir, files[0] ?? ""));
    await packageArtifacts({ dir, kinds: ["tar"], arch, epoch, series }, world.ports);
    expect(sha256(join(dir, files[0] ?? ""))).toBe(before);
  });

  test("leaves nothing behind in the cache, and names bad metadata", async () => {
    expect(readdirSync(join(world.ports.cacheDir, "tmp"))).toEqual([]);
    const dir = join(world.dir, "bad");
    mkdirSync(dir);
    writeFileSync(join(dir, "metadata.json"), "{}");
    await expect(
      packageArtifacts({ dir, kinds: ["tar"], arch, epoch, series }, world.ports),
    ).rejects.toMatchObject({ exit: 2 });
    rmSync(dir, { recursive: true });
  });
});

describe("the data", () => {
  test("every ABI has a Debian name", () => {
    for (const file of readdirSync(join(world.ports.packageRoot, "data/arches"))) {
      const one = loadArchFile(file.replace(".json", ""));
      for (const abi of one.abis)
        expect(debianAbis, `${one.name} ${abi.name}`).toHaveProperty(abi.name);
      expect(["vmlinux", "vmlinuz"]).toContain(imageStem(one));
    }
  });
});

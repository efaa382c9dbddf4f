import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import type { Abi, Arch } from "../../src/core/arch.ts";
import {
  extensionCommand,
  extensionHeaders,
  extensionNames,
  extensionSource,
} from "../../src/core/extension.ts";
import { realWorld } from "../../src/infra/world.ts";
import type { Ports } from "../../src/ports.ts";
import { MemoryLog } from "./ports.ts";

export const root = fileURLToPath(new URL("../../", import.meta.url));
const fixture = (name: string): string => join(root, "test/fixtures/elf", name);

export const loadArchFile = (name: string): Arch =>
  JSON.parse(readFileSync(join(root, "data/arches", `${name}.json`), "utf8")) as Arch;

/** The architecture of this machine, whose compiler `npm test` may rely on. */
export const hostArch = (): Arch => loadArchFile(process.arch === "arm64" ? "arm64" : "x86_64");

/** Real files and programs, with a cache that goes away. */
export function testWorld(): {
  readonly ports: Ports;
  readonly dir: string;
  readonly remove: () => void;
} {
  const dir = mkdtempSync(join(tmpdir(), "tk-artifacts-"));
  const ports = { ...realWorld(new MemoryLog()).ports, cacheDir: join(dir, "cache") };
  return { ports, dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export interface Parts {
  readonly arch: Arch;
  readonly abis: readonly Abi[];
  readonly scope: "kernel" | "module";
  /** -D for test/fixtures/elf/module.c. */
  readonly module: readonly string[];
  readonly config: string;
  /** Installed as xt_TARPIT.ko, or packed. */
  readonly moduleFile: string;
  readonly dep: boolean;
}

export const release = "6.1.192";

export const config = `CONFIG_SMP=y
CONFIG_MODULES=y
CONFIG_MODULE_UNLOAD=y
# CONFIG_MODVERSIONS is not set
CONFIG_BLK_DEV_INITRD=y
CONFIG_IPV6=y
CONFIG_NETFILTER_XTABLES=y
CONFIG_NETFILTER_XTABLES_COMPAT=y
CONFIG_IP_NF_IPTABLES=y
CONFIG_IP_NF_TARGET_TARPIT=m
CONFIG_IP6_NF_TARGET_TARPIT=m
CONFIG_NETFILTER_XT_TARGET_TARPIT=m
`;

/** -D arguments; text comes with its quotes. */
const defines = (list: readonly string[]): string[] => list.map((one) => `-D${one}`);

const compiler = (prefix: string, args: readonly string[]): Buffer =>
  execFileSync(`${prefix}gcc`, args, { stdio: ["ignore", "pipe", "inherit"] });

export function compileModule(arch: Arch, to: string, list: readonly string[] = []): void {
  const flags = ["-O1", "-fno-pic", "-ffreestanding", "-fno-asynchronous-unwind-tables", "-c"];
  compiler(arch.crossPrefix, [...flags, ...defines(list), "-o", to, fixture("module.c")]);
}

export function compileVmlinux(arch: Arch, to: string, list: readonly string[] = []): void {
  const flags = ["-O1", "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"];
  const stamp = list.some((one) => one.startsWith("STAMP=")) ? [] : ['STAMP="today"'];
  compiler(arch.crossPrefix, [
    ...flags,
    ...defines([...stamp, ...list]),
    "-o",
    to,
    fixture("vmlinux.c"),
  ]);
}

/** Our own extension, compiled as a build does it. */
export function compileExtension(
  abi: Abi,
  to: string,
  edit = (source: string): string => source,
): void {
  const work = mkdtempSync(join(tmpdir(), "tk-ext-"));
  const source = join(work, "libxt_TARPIT.c");
  writeFileSync(source, edit(readFileSync(join(root, extensionSource), "utf8")));
  for (const name of extensionHeaders)
    cpSync(join("/usr/include", name), join(work, "include", name));
  const { program, args } = extensionCommand(abi, {
    source,
    includeDir: join(work, "include"),
    output: to,
  });
  execFileSync(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  rmSync(work, { recursive: true });
}

/** A small but whole artifact directory, as `build` leaves it. */
export function makeArtifacts(out: string, parts: Partial<Parts> = {}): string {
  const arch = parts.arch ?? hostArch();
  const all: Parts = {
    arch,
    abis: arch.abis.slice(0, 1),
    scope: "kernel",
    module: [],
    config,
    moduleFile: "xt_TARPIT.ko",
    dep: true,
    ...parts,
  };
  const dir = join(out, `${release}-${arch.name}`);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "config"), all.config);
  writeFileSync(join(dir, "build.log"), "  CC      init/version.o\n");
  if (all.scope === "kernel") kernelFiles(dir, all);
  else compileModule(arch, join(dir, "xt_TARPIT.ko"), all.module);
  for (const abi of all.abis) {
    const place = join(dir, "extensions", abi.name);
    mkdirSync(place, { recursive: true });
    for (const name of extensionNames.slice(0, 1)) compileExtension(abi, join(place, name));
    cpSync(join(place, extensionNames[0]), join(place, extensionNames[1]));
  }
  writeMetadata(dir, all);
  writeSums(dir);
  return dir;
}

function kernelFiles(dir: string, { arch, module, moduleFile, dep }: Parts): void {
  const vmlinux = join(dir, "vmlinux");
  compileVmlinux(arch, vmlinux);
  writeFileSync(join(dir, "System.map"), execFileSync(`${arch.crossPrefix}nm`, ["-n", vmlinux]));
  cpSync(vmlinux, join(dir, arch.bootImageName));
  const tree = mkdtempSync(join(tmpdir(), "tk-modules-"));
  const below = join(tree, "lib/modules", release);
  const path = `kernel/net/netfilter/${moduleFile}`;
  mkdirSync(join(below, "kernel/net/netfilter"), { recursive: true });
  compileModule(arch, join(below, path), module);
  writeFileSync(join(below, "modules.dep"), dep ? `${path}:\n` : "");
  writeFileSync(join(below, "modules.builtin"), "");
  symlinkSync(tree, join(below, "source"));
  execFileSync("tar", ["-C", tree, "-czf", join(dir, "modules.tar.gz"), "lib"]);
  rmSync(tree, { recursive: true });
}

function writeMetadata(dir: string, { arch, abis, scope }: Parts): void {
  const paths = abis.flatMap((abi) =>
    extensionNames.map((name) => `extensions/${abi.name}/${name}`),
  );
  const metadata = {
    version: 1,
    tool: { name: "tarpit-kit", version: "0.1.0" },
    arch: arch.name,
    scope,
    abis: abis.map((abi) => abi.name),
    kernel: {
      release,
      version: release,
      bootImage: scope === "kernel" ? arch.bootImageName : null,
    },
    extensions: Object.fromEntries(paths.map((path) => [path, sha256(join(dir, path))])),
    epoch: 1_577_836_800,
  };
  writeFileSync(join(dir, "metadata.json"), JSON.stringify(metadata));
}

export const sha256 = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");

const below = (dir: string, prefix = ""): string[] =>
  readdirSync(join(dir, prefix)).flatMap((name) => {
    const path = join(prefix, name);
    return statSync(join(dir, path)).isDirectory() ? below(dir, path) : [path];
  });

/** Writes SHA256SUMS anew: for tests that change a file and mean another check. */
export function writeSums(dir: string): void {
  const files = below(dir).filter((file) => file !== "SHA256SUMS");
  writeFileSync(
    join(dir, "SHA256SUMS"),
    files.map((file) => `${sha256(join(dir, file))}  ${file}\n`).join(""),
  );
}

/**
 * In `npm run test:e2e`, where every compiler and package is there: the same files run again with the
 * tests that need the sparc64 compilers or Debian's own extension. In `npm test` they do not exist.
 */
export const everyCompiler = process.env["TARPIT_KIT_E2E"] === "1";
export const crossTest = everyCompiler ? test : (): void => undefined;

import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Abi } from "../../core/arch.ts";
import { cpioArchive, type CpioEntry } from "../../core/cpio.ts";
import { environment, failure } from "../../core/errors.ts";
import { extensionNames } from "../../core/extension.ts";
import { iptablesFiles, iptablesNames } from "../../core/prove/iptables.ts";
import { moduleTable } from "../../core/prove/modules.ts";
import type { Ports } from "../../ports.ts";
import type { IptablesBuild } from "../iptables-build.ts";
import type { ProvableArtifacts } from "./artifacts.ts";

/** What the C library of Debian 12 and iptables are linked with; what is not there is not needed. */
const libraries = ["libc.so.6", "libm.so.6", "libdl.so.2", "libgcc_s.so.1"] as const;

/** Directory of an ABI's programs, libraries and extensions in the guest. */
export const guestDir = (abi: Abi): string => `/abi/${abi.name}`;

/** PID 1, static, of the kernel's own width. */
async function compileGuest(
  artifacts: ProvableArtifacts,
  work: string,
  ports: Ports,
): Promise<Buffer> {
  const abi = artifacts.arch.abis.find(({ bits }) => bits === artifacts.arch.elf.bits) as Abi;
  const dir = join(ports.packageRoot, "guest");
  const sources = (await ports.files.list(dir)).filter((name) => name.endsWith(".c"));
  const output = join(work, "init");
  const program = `${abi.crossPrefix}gcc`;
  const args = [...abi.cflags, "-std=gnu11", "-O2", "-static", "-s", "-o", output, ...sources];
  const result = await ports.processes.run({ program, args, cwd: dir, env: { LC_ALL: "C" } });
  if (result.code === 0) return ports.files.readBytes(output);
  const evidence = result.stderr.trim().split("\n").slice(0, 20);
  const next = `tarpit-kit doctor --arch ${artifacts.arch.name} --install`;
  throw environment("prove.guest-compile", {
    what: "the guest's program does not compile",
    where: program,
    next,
    evidence,
    data: { packages: abi.packages },
  });
}

async function findLibrary(abi: Abi, name: string, ports: Ports): Promise<string | undefined> {
  for (const dir of abi.libraryDirs) {
    const path = join(dir, name);
    if (await ports.files.stat(path)) return ports.files.realpath(path);
  }
  return undefined;
}

/** Loader, C library, iptables and our extension, for one ABI. */
async function abiEntries(
  abi: Abi,
  iptables: IptablesBuild,
  artifacts: ProvableArtifacts,
  ports: Ports,
): Promise<CpioEntry[]> {
  const home = guestDir(abi).slice(1);
  const entries: CpioEntry[] = [];
  const add = async (path: string, from: string): Promise<void> => {
    entries.push({ kind: "file", path, data: await ports.files.readBytes(from), mode: 0o755 });
  };
  const loader = await findLibrary(abi, basename(abi.loader), ports);
  if (!loader) {
    throw environment("prove.loader", {
      what: `the dynamic loader of ${abi.name} is not on this machine`,
      where: abi.libraryDirs.map((dir) => join(dir, basename(abi.loader))).join(", "),
      next: `tarpit-kit doctor --arch ${artifacts.arch.name} --install`,
      data: { packages: abi.packages },
    });
  }
  await add(abi.loader.slice(1), loader);
  for (const name of libraries) {
    const from = await findLibrary(abi, name, ports);
    if (from) await add(`${home}/lib/${name}`, from);
  }
  for (const file of iptablesFiles) {
    const to = file.startsWith("lib/") ? "lib" : "bin";
    await add(`${home}/${to}/${basename(file)}`, join(iptables.dir, basename(file)));
  }
  for (const name of iptablesNames)
    entries.push({ kind: "symlink", path: `${home}/bin/${name}`, target: "xtables-legacy-multi" });
  for (const name of extensionNames)
    await add(`${home}/xtables/${name}`, join(artifacts.dir, "extensions", abi.name, name));
  return entries;
}

async function moduleEntries(
  artifacts: ProvableArtifacts,
  work: string,
  ports: Ports,
): Promise<CpioEntry[]> {
  const to = join(work, "modules");
  await ports.files.mkdir(to);
  const unpacked = await ports.processes.run({
    program: "tar",
    args: ["-xzf", artifacts.modules, "-C", to, "--no-same-owner"],
  });
  if (unpacked.code !== 0) {
    throw failure("prove.modules", {
      what: "modules.tar.gz cannot be unpacked",
      where: artifacts.modules,
      evidence: [unpacked.stderr.trim()],
    });
  }
  const [release] = await ports.files.list(join(to, "lib/modules"));
  if (release === undefined) {
    requireTarpit(artifacts, []);
    return [];
  }
  const dir = join(to, "lib/modules", release);
  const [dep, alias] = await Promise.all(
    ["modules.dep", "modules.alias"].map((name) =>
      ports.files.readText(join(dir, name)).catch(() => ""),
    ),
  );
  const table = moduleTable(dep ?? "", alias ?? "", "/modules");
  requireTarpit(artifacts, table.files);
  const entries: CpioEntry[] = [
    { kind: "file", path: "etc/modules", data: Buffer.from(table.text) },
  ];
  for (const file of table.files) {
    entries.push({
      kind: "file",
      path: `modules/${file}`,
      data: await ports.files.readBytes(join(dir, file)),
    });
  }
  return entries;
}

/** TARPIT as a module must be in the archive; built in, it need not. */
function requireTarpit(artifacts: ProvableArtifacts, files: readonly string[]): void {
  if (
    files.some((file) => file.endsWith("/xt_TARPIT.ko")) ||
    artifacts.symbols.get("IP_NF_TARGET_TARPIT") === "y"
  )
    return;
  throw failure("prove.module-missing", {
    what: "xt_TARPIT.ko is not in modules.tar.gz (or not in its modules.dep), and the config does not build it in",
    where: artifacts.modules,
    next: "build again; the config needs CONFIG_IP_NF_TARGET_TARPIT",
  });
}

/** Everything the guests run, in one initramfs that both boot. Returns its path. */
export async function makeInitramfs(
  artifacts: ProvableArtifacts,
  iptables: readonly IptablesBuild[],
  work: string,
  ports: Ports,
): Promise<string> {
  const entries: CpioEntry[] = [
    { kind: "character", path: "dev/console", major: 5, minor: 1 },
    { kind: "file", path: "init", data: await compileGuest(artifacts, work, ports), mode: 0o755 },
    { kind: "symlink", path: "sbin/modprobe", target: "/init" },
    { kind: "directory", path: "run" },
    { kind: "directory", path: "tmp", mode: 0o1777 },
    {
      kind: "file",
      path: "etc/protocols",
      data: Buffer.from("tcp 6 TCP\nudp 17 UDP\nicmp 1 ICMP\n"),
    },
  ];
  entries.push(...(await moduleEntries(artifacts, work, ports)));
  for (const [index, abi] of artifacts.abis.entries()) {
    entries.push(...(await abiEntries(abi, iptables[index] as IptablesBuild, artifacts, ports)));
  }
  const path = join(work, "initramfs.gz");
  await ports.files.write(path, gzipSync(cpioArchive(entries), { level: 1 }));
  return path;
}

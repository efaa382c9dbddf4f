import { join, posix } from "node:path";
import type { Fact, Facts, FactStatus } from "../../core/probe/facts.ts";
import { factsVersion } from "../../core/probe/facts.ts";
import {
  bootFiles,
  configSymbols,
  extensionDirectories,
  extensionFiles,
  loaderFiles,
  ownExtensions,
  savedRules,
} from "../../core/probe/places.ts";
import type { Ports } from "../../ports.ts";

/** Links in one path; more is a circle (path_resolution(7) has the same number). */
const mostLinks = 40;

/** A tree that is not running: links are followed inside of it, and nothing of it is started. */
class Root {
  readonly dir: string;
  readonly #ports: Ports;
  constructor(dir: string, ports: Ports) {
    this.dir = dir;
    this.#ports = ports;
  }

  /** The real path of `path` as a program with this root sees it; undefined when it is not there. */
  async resolve(path: string): Promise<string | undefined> {
    let left = path.split("/").filter(Boolean);
    let at = "/";
    for (let links = 0; left.length > 0;) {
      const [name = "", ...rest] = left;
      left = rest;
      if (name === ".") continue;
      if (name === "..") {
        at = posix.dirname(at);
        continue;
      }
      const next = posix.join(at, name);
      const info = await this.#ports.files.stat(join(this.dir, next)).catch(() => undefined);
      if (info === undefined) return undefined;
      if (info.kind !== "symlink") {
        at = next;
        continue;
      }
      links += 1;
      if (links > mostLinks) return undefined;
      const to = await this.#ports.files.readlink(join(this.dir, next));
      if (to.startsWith("/")) at = "/";
      left = [...to.split("/").filter(Boolean), ...left];
    }
    return at;
  }

  async list(path: string): Promise<readonly string[]> {
    const real = await this.resolve(path);
    return real === undefined ? [] : this.#ports.files.list(join(this.dir, real)).catch(() => []);
  }

  /** Up to `most` bytes; undefined for what is no file, and for one that may not be read. */
  async read(path: string, most: number): Promise<Buffer | undefined> {
    const real = await this.resolve(path);
    if (real === undefined) return undefined;
    const info = await this.#ports.files.stat(join(this.dir, real));
    if (info?.kind !== "file") return undefined;
    return this.#ports.files
      .readSlice(join(this.dir, real), 0, Math.min(most, info.size))
      .catch(() => undefined);
  }
}

const oneMiB = 1 << 20;

/** Facts of a sysroot, an NFS root or an unpacked image, in the words of the probe. */
export async function factsOfRoot(dir: string, ports: Ports): Promise<Facts> {
  const root = new Root(dir, ports);
  const records: Fact[] = [];
  const add = (name: string, data: readonly string[], status: FactStatus = "ok"): void =>
    void records.push({ name, status, data });
  await kernelOf(root, add);
  await iptablesOf(root, add);
  await extensionsOf(root, add);
  for (const path of savedRules) {
    const bytes = await root.read(path, 64 * oneMiB);
    if (bytes) add(`rules ${path}`, bytes.toString("utf8").split("\n"));
  }
  const conf = await root.read("/etc/ulogd.conf", oneMiB);
  if (conf)
    add("ulogd.conf", [
      "/etc/ulogd.conf",
      ...conf
        .toString("utf8")
        .split("\n")
        .filter((line) => /^[^#;]*=/.test(line)),
    ]);
  await bootOf(root, add);
  return { version: factsVersion, records, whole: true, strange: 0 };
}

type Add = (name: string, data: readonly string[], status?: FactStatus) => void;

const hex = (bytes: Buffer): string => ` ${bytes.toString("hex")}`;

async function kernelOf(root: Root, add: Add): Promise<void> {
  const releases = await root.list("/lib/modules");
  const found: { release: string; modules: readonly string[] }[] = [];
  for (const release of releases) {
    const names = await below(root, `/lib/modules/${release}`);
    found.push({
      release,
      modules: names.filter(
        (name) => name.endsWith(".ko") || /\.ko\.(gz|xz|zst)$|_TARPIT\.o$/.test(name),
      ),
    });
  }
  const isTarget = (name: string): boolean => /t_TARPIT\.k?o/.test(name);
  const chosen = found.find((one) => one.modules.some(isTarget)) ?? found.at(-1);
  if (!chosen) return add("modules.dep", [], "missing");
  const { release, modules } = chosen;
  add("uname", [`Linux ${release}`]);
  const plain = modules.find((name) => name.endsWith(".ko"));
  const kernel = plain && (await root.read(plain, 64));
  if (kernel) add("elf kernel", [plain, hex(kernel)]);
  for (const name of modules.filter(isTarget).slice(0, 4)) {
    const bytes = await root.read(name, 16 * oneMiB);
    if (bytes) add("module", [name, hex(bytes)]);
  }
  for (const name of ["modules.dep", "modules.alias", "modules.builtin"]) {
    const path = `/lib/modules/${release}/${name}`;
    const bytes = await root.read(path, 16 * oneMiB);
    if (bytes)
      add(name, [
        path,
        ...bytes
          .toString("utf8")
          .split("\n")
          .filter((line) => /TARPIT|x_tables|nft_compat/.test(line)),
      ]);
    else add(name, [path], "missing");
  }
  for (const path of [
    `/lib/modules/${release}/build/.config`,
    `/lib/modules/${release}/config`,
    `/boot/config-${release}`,
  ]) {
    const bytes = await root.read(path, 4 * oneMiB);
    if (!bytes) continue;
    add("config", [
      path,
      ...bytes
        .toString("utf8")
        .split("\n")
        .filter((line) => configSymbols.test(line)),
    ]);
    break;
  }
}

/** Names of the files below a directory, a bounded number; links to directories are not walked. */
async function below(root: Root, path: string, depth = 8): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await root.list(path)) {
    if (name === "build" || name === "source") continue;
    const inside = `${path}/${name}`;
    if (/\.(ko|o)(\.(gz|xz|zst))?$/.test(name)) found.push(inside);
    else if (depth > 0 && !name.includes("."))
      found.push(...(await below(root, inside, depth - 1)));
  }
  return found;
}

const programDirectories = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

async function iptablesOf(root: Root, add: Add): Promise<void> {
  const sh = await root.read("/bin/sh", 64);
  if (sh) add("elf sh", ["/bin/sh", hex(sh)]);
  for (const name of ["iptables", "ip6tables", "ulogd"]) {
    for (const directory of programDirectories) {
      const path = `${directory}/${name}`;
      const bytes = await root.read(path, 4 * oneMiB);
      if (!bytes) continue;
      add(`elf ${name}`, [path, hex(bytes.subarray(0, 64))]);
      const version =
        name === "ulogd" ? undefined : versionIn(bytes, (await root.resolve(path)) ?? "");
      if (version) add(name, [`${name} v${version}`]);
      break;
    }
  }
  for (const directory of [
    "/lib",
    "/usr/lib",
    "/lib64",
    "/usr/lib64",
    ...(await triplets(root, "")),
  ]) {
    for (const name of await root.list(directory)) {
      if (!/^libxtables\.so\.\d+$/.test(name)) continue;
      const bytes = await root.read(`${directory}/${name}`, 64);
      if (bytes) add("elf libxtables", [`${directory}/${name}`, hex(bytes)]);
    }
  }
  for (const directory of ["/lib", "/usr/lib", "/lib64", ...(await triplets(root, ""))]) {
    const bytes = await root.read(`${directory}/libc.so.6`, 16 * oneMiB);
    const version =
      bytes &&
      /GNU C Library [^\0]{0,60}? version (\d+\.\d+(?:\.\d+)?)/.exec(bytes.toString("latin1"))?.[1];
    if (!version) continue;
    add("libc", [`glibc ${version}`]);
    break;
  }
}

/** The version string every iptables carries, and the backend by the name of the program behind it. */
function versionIn(bytes: Buffer, real: string): string | undefined {
  const version =
    /\0(?:iptables v)?v?(1\.[2-9]\.\d{1,2}[a-z0-9]{0,6})(?: \((?:legacy|nf_tables)\))?\0/.exec(
      bytes.toString("latin1"),
    )?.[1];
  if (version === undefined) return undefined;
  if (/nft/.test(real)) return `${version} (nf_tables)`;
  return /legacy/.test(real) ? `${version} (legacy)` : version;
}

const triplets = async (root: Root, end: string): Promise<readonly string[]> => {
  const names = await root.list("/usr/lib");
  return names
    .filter((name) => /^[\w]+-linux-[\w]+$/.test(name))
    .map((name) => `/usr/lib/${name}${end}`);
};

async function extensionsOf(root: Root, add: Add): Promise<void> {
  add("environment", ["", "", ""]);
  const seen = new Set<string>();
  for (const directory of [...extensionDirectories, ...(await triplets(root, "/xtables"))]) {
    const real = await root.resolve(directory);
    if (real === undefined || seen.has(real)) continue;
    seen.add(real);
    const names = await root.list(directory);
    add("directory", [directory, ...ownExtensions.filter((name) => names.includes(name))]);
    for (const name of extensionFiles) {
      const bytes = names.includes(name)
        ? await root.read(`${directory}/${name}`, oneMiB)
        : undefined;
      if (bytes) add("extension", [`${directory}/${name}`, hex(bytes)]);
    }
  }
}

async function bootOf(root: Root, add: Add): Promise<void> {
  const lines = async (paths: readonly string[], pattern: RegExp): Promise<string[]> => {
    const found: string[] = [];
    for (const path of paths) {
      const names = path.endsWith("/")
        ? (await root.list(path)).map((name) => `${path}${name}`)
        : [path];
      for (const name of names) {
        const text = (await root.read(name, oneMiB))?.toString("utf8") ?? "";
        text.split("\n").forEach((line, index) => {
          if (pattern.test(line)) found.push(`${name}:${index + 1}:${line}`);
        });
      }
    }
    return found;
  };
  add("boot", await lines(bootFiles, /TARPIT/));
  add("loaders", await lines(loaderFiles, /vmlinu|image *=|^ *default/));
}

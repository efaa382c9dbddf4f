import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { openArtifacts } from "../../src/app/prove/artifacts.ts";
import { loadArch } from "../../src/app/data.ts";
import type { QemuMachine } from "../../src/core/arch.ts";
import type { Ports } from "../../src/ports.ts";
import { kitOk, launcher, tool } from "./cli.ts";
import type { CostKernel } from "./cost-guest.ts";
import { debianKernel, type DebianKernel } from "./debian-kernel.ts";
import { neededModules } from "./lab-guest.ts";

/** The kernels that bench/target.bench.ts measures on. */
const debianModules = [
  ...["veth", "dummy", "iptable_filter", "ip6table_filter", "xt_tcpudp"],
  ...["xt_conntrack", "nf_conntrack", "x_tables"],
];

/** Those of Debian's modules that are needed, and ours, as an artifact directory has them. */
function packModules({ modules, ours, release }: DebianKernel, work: string): string {
  const needs = neededModules({ ...modules, names: debianModules });
  const base = join(work, "tree/lib/modules", release);
  const place = (path: string): string => {
    mkdirSync(dirname(join(base, path)), { recursive: true });
    return join(base, path);
  };
  for (const path of needs.keys())
    copyFileSync(join(modules.dir, "lib/modules", release, path), place(path));
  const path = "kernel/net/netfilter/xt_TARPIT.ko";
  writeFileSync(place(path), ours);
  needs.set(
    path,
    [...needs.keys()].filter((one) => basename(one) === "x_tables.ko"),
  );
  const dep = [...needs].map(([of, others]) => `${of}: ${others.join(" ")}\n`);
  writeFileSync(place("modules.dep"), dep.join(""));
  const packed = join(work, "modules.tar.gz");
  tool("tar", ["-C", join(work, "tree"), "-czf", packed, "lib"]);
  return packed;
}

/** Debian's own kernel for x86_64, both modules built against its headers. */
export async function debianCostKernel(work: string, ports: Ports): Promise<CostKernel> {
  const kernel = debianKernel(work);
  const arch = await loadArch("x86_64", ports);
  return {
    artifacts: {
      dir: kernel.artifacts,
      arch,
      machine: arch.qemu as QemuMachine,
      release: kernel.release,
      image: kernel.image,
      modules: packModules(kernel, work),
      abis: arch.abis.filter(({ bits }) => bits === 64),
      generation: undefined,
      symbols: new Map(),
    },
    modules: debianModules.slice(0, 5),
    stock: kernel.stock,
  };
}

const sparc64 = ["ARCH=sparc64", "CROSS_COMPILE=sparc64-linux-gnu-", "LOCALVERSION="];

/** Where the package xtables-addons-dkms has its sources. */
const stockSources = (): string | undefined =>
  readdirSync("/usr/src")
    .filter((name) => /^xtables-addons-\d/.test(name))
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((name) => join("/usr/src", name, "extensions"))
    .at(-1);

const namedStock = process.env["TARPIT_STOCK_KO_SPARC64"];

/** Why the stock module is not measured beside ours on sparc64; undefined when it is. */
export const withoutSparc64Stock: string | undefined =
  (namedStock && existsSync(namedStock)) || (!namedStock && stockSources())
    ? undefined
    : "neither xtables-addons-dkms is installed nor TARPIT_STOCK_KO_SPARC64 names it";

/** The stock target, built against the tree and the configuration of the kernel. */
function sparc64Stock(config: string, tree: string, work: string): Buffer | undefined {
  if (withoutSparc64Stock) return undefined;
  if (namedStock) return readFileSync(namedStock);
  const [objects, sources] = ["stock-objects", "stock"].map((name) => join(work, name)) as [
    string,
    string,
  ];
  const make = ["-s", "-C", tree, `O=${objects}`, ...sparc64];
  mkdirSync(objects);
  copyFileSync(config, join(objects, ".config"));
  tool("make", [...make, "olddefconfig", "modules_prepare"]);
  cpSync(stockSources() as string, sources, { recursive: true });
  writeFileSync(join(sources, "Kbuild"), "obj-m := xt_TARPIT.o\n");
  // Nothing here lists what the kernel exports; loading tells.
  tool("make", [...make, "KBUILD_MODPOST_WARN=1", `M=${sources}`, "modules"]);
  return readFileSync(join(sources, "xt_TARPIT.ko"));
}

/** The kernel of the default profile for sparc64. */
export async function sparc64CostKernel(work: string, ports: Ports): Promise<CostKernel> {
  const source = "debian:6.1";
  const dir = kitOk([
    ...["build", "--arch", "sparc64", "--kernel", source, "--userland", "64"],
    ...["--out", join(work, "sparc64"), ...launcher()],
  ]);
  return {
    artifacts: await openArtifacts(dir, ports),
    modules: [],
    stock: sparc64Stock(join(dir, "config"), kitOk(["fetch", source]), work),
  };
}

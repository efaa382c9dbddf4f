import type { Command } from "../command.ts";
import type { Abi } from "../arch.ts";

/**
 * How iptables is built for the guest: the legacy backend with its own
 * extensions linked in, and dlopen() for the rest, so that TARPIT comes from the
 * file that is being proved and from nowhere else.
 */
const configureFlags = [
  "--prefix=/usr",
  "--enable-static",
  "--enable-shared",
  "--disable-nftables",
  "--disable-connlabel",
  "--disable-libipq",
  "--disable-devel",
  "PKG_CONFIG=/bin/false",
  "CFLAGS=-O2",
] as const;

/** What of the installation goes into the guest. */
export const iptablesFiles = [
  "sbin/xtables-legacy-multi",
  "lib/libxtables.so.12",
  "lib/libip4tc.so.2",
  "lib/libip6tc.so.2",
] as const;

/** Names the one program goes by. */
export const iptablesNames = [
  "iptables",
  "iptables-save",
  "iptables-restore",
  "ip6tables",
  "ip6tables-save",
  "ip6tables-restore",
] as const;

export interface IptablesPaths {
  readonly source: string;
  readonly build: string;
  readonly install: string;
  readonly jobs: number;
}

const host = (abi: Abi): string => abi.crossPrefix.replace(/-$/, "");

/** configure, make, make install: out of tree, for one ABI. */
export function iptablesCommands(abi: Abi, paths: IptablesPaths): readonly Command[] {
  const compiler = [`${abi.crossPrefix}gcc`, ...abi.cflags].join(" ");
  const env = { LC_ALL: "C", MAKEFLAGS: undefined, CPATH: undefined, LIBRARY_PATH: undefined };
  const step = (program: string, ...args: string[]): Command => ({
    program,
    args,
    cwd: paths.build,
    env,
  });
  return [
    step(`${paths.source}/configure`, `--host=${host(abi)}`, `CC=${compiler}`, ...configureFlags),
    step("make", `-j${paths.jobs}`),
    step("make", "install-strip", `DESTDIR=${paths.install}`),
  ];
}

/** Everything a cached build depends on. */
export const iptablesKey = (abi: Abi, version: string, compiler: string): readonly string[] => [
  abi.name,
  abi.crossPrefix,
  ...abi.cflags,
  version,
  compiler,
  ...configureFlags,
  ...iptablesFiles,
];

/** Facts of a machine as the probe prints them, for the judges. */
export type Records = Readonly<Record<string, readonly string[] | string | undefined>>;

/** The first 64 bytes of a program (elf(5)). */
export function elfHead(bits: 32 | 64, machine: number, endian: "big" | "little"): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, endian === "big" ? 2 : 1, 1]);
  const put = (at: number, value: number): void =>
    void (endian === "big" ? bytes.writeUInt16BE(value, at) : bytes.writeUInt16LE(value, at));
  put(16, 2);
  put(18, machine);
  return bytes;
}
export const sparc64 = elfHead(64, 43, "big");
export const sparc32 = elfHead(32, 18, "big");
export const x86 = elfHead(64, 62, "little");
export const i386 = elfHead(32, 3, "little");

/** A record of bytes, as od prints them. */
export const hexRecord = (path: string, bytes: Buffer): string[] => {
  const hex = bytes.toString("hex").match(/../g) ?? [];
  const lines = [path];
  for (let at = 0; at < hex.length; at += 16) lines.push(` ${hex.slice(at, at + 16).join(" ")}`);
  return lines;
};

/** Everything in order: an x86_64 kernel 6.1 with TARPIT loaded, iptables-nft 1.8.9. */
export const good: Records = {
  uid: ["0"],
  uname: ["Linux 6.1.192 x86_64"],
  uptime: ["/proc/uptime", "86400.00 1.00"],
  libc: ["glibc 2.36"],
  symbols: ["/proc/kallsyms", "ffffffff81000000 T _text"],
  "elf sh": hexRecord("/bin/sh", x86),
  "ip_tables targets": ["/proc/net/ip_tables_targets", "LOG", "TARPIT"],
  "ip6_tables targets": ["/proc/net/ip6_tables_targets", "LOG", "TARPIT"],
  modules: ["/proc/modules", "xt_TARPIT 16384 0 - Live 0x0", "x_tables 1 1 - Live 0x0"],
  "modules.dep": [
    "/lib/modules/6.1.192/modules.dep",
    "kernel/net/netfilter/xt_TARPIT.ko: kernel/net/netfilter/x_tables.ko",
  ],
  config: [
    "/boot/config-6.1.192",
    "CONFIG_64BIT=y",
    "CONFIG_MODULES=y",
    "CONFIG_NFT_COMPAT=m",
    "CONFIG_IP_NF_IPTABLES=m",
    "CONFIG_NETFILTER_XTABLES_COMPAT=y",
    "CONFIG_IP_NF_TARGET_TARPIT=m",
  ],
  iptables: ["iptables v1.8.9 (nf_tables)"],
  ip6tables: ["ip6tables v1.8.9 (nf_tables)"],
  "elf iptables": hexRecord("/usr/sbin/iptables", x86),
  "elf libxtables": hexRecord("/usr/lib/x86_64-linux-gnu/libxtables.so.12", x86),
  environment: ["", "", ""],
  directory: ["/usr/lib/x86_64-linux-gnu/xtables", "libxt_standard.so"],
  "rules iptables-save": [
    "*raw",
    ":PREROUTING ACCEPT [0:0]",
    "-A PREROUTING -p tcp -m tcp --dport 23 -j CT --notrack",
    "COMMIT",
    "*filter",
    ":INPUT DROP [0:0]",
    ":FORWARD DROP [0:0]",
    ":OUTPUT ACCEPT [0:0]",
    "[1:60] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "[1:60] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
    "[7:300] -A INPUT -p tcp -m tcp --dport 23 -j TARPIT",
    "[1:60] -A INPUT -j DROP",
    "COMMIT",
  ],
  "conntrack count": ["/proc/sys/net/netfilter/nf_conntrack_count", "12"],
  "conntrack max": ["/proc/sys/net/netfilter/nf_conntrack_max", "65536"],
  "tarpit stat": [
    "/proc/net/stat/tarpit",
    "version=1",
    "segments=1000",
    "dropped_cookie=3",
    "held=9",
  ],
  boot: [
    "/etc/modules-load.d/tarpit.conf:1:xt_TARPIT",
    "/etc/iptables/rules.v4:9:-A INPUT -p tcp -j TARPIT",
  ],
  loaders: [
    "/boot/grub/grub.cfg:3: linux /boot/vmlinuz-6.1.192 ro",
    "/boot/grub/grub.cfg:9: linux /boot/vmlinuz-6.1.0-1-amd64 ro",
  ],
};

/** Text of records: a word is the status of one that could not be read; undefined leaves it out. */
export function factsText(...changes: readonly Records[]): string {
  const all: Record<string, readonly string[] | string | undefined> = Object.assign({}, ...changes);
  const body = Object.entries(all).flatMap(([key, data]) => {
    // `extension 2` is a second record of the same name.
    const name = key.replace(/ #\d+$/, "");
    if (data === undefined) return [];
    if (typeof data === "string") return [`@ ${name}`, `|=${data}`];
    return [`@ ${name}`, ...data.map((line) => `|${line}`), "|=0"];
  });
  return `tarpit-facts 1\n${body.join("\n")}\n@ end\n`;
}

/** Every argument any finding has; a code takes what it needs. */
export const anyArguments = {
  file: "FILE",
  reason: "REASON",
  line: 3,
  text: "TEXT",
  expected: "EXPECTED",
  actual: "ACTUAL",
  dir: "/out/x",
  arch: "sparc64",
  than: "OTHER",
  wanted: ["WANTED"],
  field: "FIELD",
  where: "WHERE",
  format: "zst",
  alias: "ALIAS",
  license: "LICENSE",
  module: "MODULE",
  flag: "FLAG",
  symbol: "SYMBOL",
  has: true,
  value: "n",
  why: "target",
  check: "CHECK",
  version: "18",
  path: "PATH",
  freeMiB: 1,
  totalMiB: 1,
  wantedMiB: 2,
  what: "WHAT",
  fact: "FACT",
  machine: "MACHINE",
  bits: 64,
  known: 1,
  iptables: "IPTABLES",
  kernel: "KERNEL",
  name: "NAME",
  verdict: "works",
  sizes: "SIZES",
  names: ["NAMES"],
  from: 165,
  at: 185,
  files: ["FILES"],
  takes: "TAKES",
  loaded: "LOADED",
  onDisk: "ONDISK",
  how: "HOW",
  by: "BY",
  nft: 1,
  legacy: 1,
  used: "USED",
  other: "OTHER",
  looked: ["LOOKED"],
  put: "PUT",
  size: 4,
  needs: "NEEDS",
  count: 1,
  max: 2,
  dropped: 1,
  segments: 2,
  held: 1,
  rules: 1,
  proto: "PROTO",
  hook: "HOOK",
  chain: "CHAIN",
  table: "TABLE",
  packets: 1,
  bytes: 1,
  target: "TARGET",
  before: 1,
  linesADay: 1,
  bytesADay: 1,
  family: 4,
  untracked: true,
  said: "SAID",
  rule: "RULE",
  state: "STATE",
  after: 1,
  during: 2,
  modules: ["MODULES"],
  hours: 48,
  abi: "sparc",
  most: "MOST",
};

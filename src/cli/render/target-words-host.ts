import type { TargetFindingArguments } from "../../core/target-findings.ts";
import { before, install, kernelToBuild, ulogInstead } from "./old-machine.ts";
import type { Words } from "./words.ts";

type Args = TargetFindingArguments;
type HostWords = {
  readonly [C in Exclude<keyof Args, `${"rule" | "live" | "reboot"}.${string}`>]: (
    args: Args[C],
  ) => Words;
};

const place = (file: string): string =>
  /^[\w./+:@=-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`;
const verdicts: Readonly<Record<string, string>> = {
  "works-split-build":
    "works only if this iptables was built for a 32-bit userland on a 64-bit kernel (KERNEL_64_USERSPACE_32)",
  "fails-no-layer":
    "fails: this kernel translates only the header of the table and takes the entries as they are",
  depends:
    "depends on the build: this iptables is older than 1.2.10, and the kernel's layer expects plain 32-bit sizes",
  "double-conversion":
    "may be converted twice: by this iptables if it was built for the split, and by the kernel's layer",
  works: "works",
  "compat-off": "fails: the kernel's translation layer is off",
  "compat-unknown": "works only if the kernel's translation layer is on, which could not be read",
  "not-translated-yet": "fails: this kernel's layer does not translate it yet",
  "no-ipv6-layer": "fails: this kernel has no layer for IPv6 (2.6.25 brought it)",
};

export const hostWords: HostWords = {
  "facts.cut": () => ({
    what: "the facts end before their last line",
    why: "what came after is not known, so nothing here is complete",
    next: "run the probe again and keep all of its output",
  }),
  "facts.version": ({ version, known }) => ({
    what: `the facts are of format ${version}, and this program reads format ${known}`,
    next: "tarpit-kit probe > probe.sh, and run that one",
  }),
  "facts.required": ({ fact, reason }) => ({
    what: `${fact} could not be read: ${reason}`,
    why: "without it nobody can say whether connections would be held",
    next: reason.startsWith("there is no")
      ? `install ${fact}, or put it into root's PATH`
      : "run the probe as root on the firewall",
  }),
  "facts.unread": ({ fact, reason }) => ({ what: `${fact} was not checked: ${reason}` }),
  "width.uname": ({ machine, bits }) => ({
    what: `uname says ${machine}, but the kernel is a ${bits}-bit one`,
    why: "setarch (linux32) changes what uname says; build for the kernel's real width",
  }),
  "width.split": ({ iptables, kernel }) => ({
    what: `a 32-bit ${iptables === "?" ? "userland" : `iptables ${iptables}`} runs on a 64-bit kernel ${kernel}`,
    why: "TARPIT, LOG, NFLOG and recent have one layout for both; some other extensions have not",
  }),
  "width.backwards": ({ file }) => ({
    what: `${file} is a 64-bit program and the kernel is a 32-bit one`,
    why: "it cannot run there",
    next: "install the 32-bit iptables of this machine",
  }),
  "width.compat-off": ({ kernel, symbol, arch = "ARCH" }) => ({
    what: `CONFIG_${symbol} is off in kernel ${kernel}, and iptables is a 32-bit program`,
    why: "the kernel refuses every table of a 32-bit iptables (it is a switch since 5.13, off by default since 6.4)",
    next: `tarpit-kit build --arch ${arch} --set ${symbol}=y`,
  }),
  "split.rule": ({ name, verdict, sizes, kernel, iptables }) => ({
    what: `-m/-j ${name} with 32-bit iptables ${iptables} on 64-bit kernel ${kernel}: ${verdicts[verdict] ?? verdict}`,
    ...(sizes === "" ? {} : { why: `its data has ${sizes}` }),
    ...(verdict === "works"
      ? {}
      : {
          next:
            name === "ULOG"
              ? ulogInstead(kernel)
              : before(kernel, "2.5")
                ? "use -m recent instead, or a 64-bit iptables"
                : "use -m recent, -m connlimit or -j NFLOG --nflog-threshold instead; or a 64-bit iptables",
        }),
  }),
  "split.avoid": ({ names, converted = [], kernel, iptables }) => ({
    what: `avoid ${names.join(", ")} here: 32-bit iptables ${iptables} and 64-bit kernel ${kernel} do not agree on their data`,
    why: [
      ...(converted.length > 0
        ? [
            `${converted.join(", ")}: "Invalid argument", unless it was built with KERNEL_64_USERSPACE_32`,
          ]
        : []),
      "TARPIT alone would work and hide this",
    ].join("; "),
    next: before(kernel, "2.5")
      ? "safe on both widths: recent, LOG, TARPIT, state, multiport"
      : "safe on both widths: recent, LOG, NFLOG, TARPIT, statistic, connlimit",
  }),
  "ulog.gone": ({ kernel }) => ({
    what: `a rule uses ULOG, which kernel ${kernel} does not have`,
    why: "Linux 3.17 removed ipt_ULOG: the whole table fails to load",
    next: "use -j NFLOG --nflog-group 1 and ulogd2",
  }),
  "ulog.conf": ({ kernel }) => ({
    what: `ulogd is set up for ULOG, and kernel ${kernel} sends none`,
    why: "Linux 3.17 removed it: the log stays empty",
    next: "stack=log1:NFLOG,base1:BASE,… in ulogd.conf",
  }),
  "ulog.packets": ({ from, at, kernel = "" }) => ({
    what: `a 32-bit ulogd would read every ULOG packet of this 64-bit kernel wrong: it expects the payload at byte ${from}, the kernel writes it at ${at}`,
    why: "the compatibility layer translates rules, never packets",
    next: `${ulogInstead(kernel)}, or a 64-bit ulogd`,
  }),
  "ulogd.width": ({ bits, kernel }) => ({
    what: `ulogd is a ${bits}-bit program on a ${kernel}-bit kernel`,
    why: "NFLOG is safe there, ULOG is not",
  }),
  "target.absent": ({ kernel, arch = "ARCH" }) => ({
    what: `kernel ${kernel} has no TARPIT target: not built in, not loaded, no module`,
    why: 'iptables answers "No chain/target/match by that name"',
    next: `tarpit-kit build --arch ${arch}${kernelToBuild(kernel)}, then install its kernel and modules`,
  }),
  "target.loadable": ({ path }) => ({ what: `TARPIT is not loaded; the first rule loads ${path}` }),
  "target.no-ipv6": () => ({
    what: "ip6tables has no TARPIT target, and iptables has",
    why: "scanners over IPv6 are not held",
    next: "set CONFIG_IP6_NF_TARGET_TARPIT and build again",
  }),
  "target.builtin": () => ({ what: "TARPIT is built into the kernel" }),
  "target.two-owners": ({ files, takes }) => ({
    what: `${files.length} modules claim TARPIT: ${files.join(", ")}; modprobe takes ${takes}`,
    why: "both register revision 0 under the same names, so either may answer",
    next: "remove one: apt-get remove xtables-addons-dkms, or the other file; then depmod -a",
  }),
  "target.loaded-other": ({ loaded, file, onDisk }) => ({
    what: `the TARPIT module that is loaded (${loaded}) is not ${file} (${onDisk})`,
    why: "a test now says nothing about the next boot",
    next: "rmmod xt_TARPIT && modprobe xt_TARPIT",
  }),
  "target.stock": ({ file }) => ({
    what: `${file} is xtables-addons' target`,
    why: "it lets Linux peers go after about 15 minutes, has no list of who is held, and drops IPv6 instead of holding it",
    next: "tarpit-kit build --scope module --against HEADERS",
  }),
  "target.blocked": ({ how }) => ({
    what: `the configuration of modprobe keeps the module away: ${how}`,
    next: "remove that line, then modprobe xt_TARPIT",
  }),
  "module.not-for-kernel": ({ file, actual, expected }) => ({
    what: `${file} is for kernel ${actual}, and ${expected} runs`,
    why: before(expected, "2.5") ? "insmod refuses it" : "the kernel refuses it (vermagic)",
    next: "boot the kernel it was built with, or build it again",
  }),
  "module.wrong-machine": ({ file, actual, expected, arch = "ARCH" }) => ({
    what: `${file} is ${actual}, and the kernel is ${expected}`,
    next: `build it for this machine: tarpit-kit build --arch ${arch}`,
  }),
  "module.unsigned": ({ file, by }) => ({
    what: `${file} is not signed, and ${by} refuses unsigned modules`,
    next: "sign it with scripts/sign-file and a key the kernel knows (mokutil --import)",
  }),
  "module.disabled": () => ({
    what: "kernel.modules_disabled is 1: nothing can be loaded until the next boot",
    next: "name xt_TARPIT in /etc/modules, and reboot",
  }),
  "module.no-depmod": ({ file }) => ({
    what: `modules.dep does not know ${file}`,
    why: "modprobe will not find it",
    next: "depmod -a",
  }),
  "module.no-alias": ({ alias }) => ({
    what: `modules.alias does not know ${alias}`,
    why: "that is the name iptables has the kernel load; modprobe xt_TARPIT by hand still works",
    next: "depmod -a",
  }),
  "kernel.no-legacy": ({ kernel }) => ({
    what: `kernel ${kernel} has no legacy iptables, and this iptables needs it`,
    next: "use iptables-nft (update-alternatives --config iptables), or set CONFIG_IP_NF_IPTABLES_LEGACY",
  }),
  "kernel.no-nft-compat": ({ kernel }) => ({
    what: `kernel ${kernel} has no NFT_COMPAT, and this iptables is the nft one`,
    why: "it sends TARPIT as an xtables expression, which nothing there understands",
    next: "set CONFIG_NFT_COMPAT, or use iptables-legacy",
  }),
  "backend.clash": ({ nft, legacy }) => ({
    what: `there are rules in both backends: ${nft} in nft, ${legacy} in legacy`,
    why: "every packet passes both, and each iptables shows only its own",
    next: "move the rules to one: iptables-legacy-save | iptables-nft-restore, then empty the other",
  }),
  "backend.other": ({ used, other }) => ({
    what: `iptables is the ${used} one, and the rules are in the other backend (${other})`,
    next: "update-alternatives --config iptables",
  }),
  "so.missing": ({ looked, iptables, put, arch, abi }) => ({
    what: `iptables ${iptables} has no libipt_TARPIT.so${before(iptables, "1.4.1") ? "" : " or libxt_TARPIT.so"}; it looks in ${looked.join(", ")}`,
    why: before(iptables, "1.8")
      ? 'it then says "Couldn\'t load target"'
      : 'iptables-nft then says "Chain \'TARPIT\' does not exist", iptables-legacy "Couldn\'t load target"',
    next: install({ iptables, put: place(put), arch, abi }),
  }),
  "so.elsewhere": ({ file, looked, put }) => ({
    what: `${file} is where this iptables does not look (it looks in ${looked.join(", ")})`,
    next: `cp ${place(file)} ${place(put)}/`,
  }),
  "so.missing-ipv6": ({ file, put }) => ({
    what: `there is ${file} and no libxt_TARPIT.so`,
    why: "ip6tables does not load libipt_ files",
    next: `cp ${place(file)} ${place(put)}/libxt_TARPIT.so`,
  }),
  "so.shadowed": ({ file, by }) => ({
    what: `${by} hides ${file}: iptables takes it first`,
    why: "libipt_ comes before libxt_ in each directory, and the first directory before the next",
    next: `rm ${place(by)}`,
  }),
  "so.class": ({ file, actual, expected }) => ({
    what: `${file} is ${actual}, and iptables is ${expected}`,
    why: "the loader refuses it",
    next: "copy the one from extensions/ABI of the other userland",
  }),
  "so.size": ({ file, size, wanted }) => ({
    what: `${file} sends ${size} bytes of data, and this userland's size is ${wanted}`,
    why: 'the kernel compares sizes and answers "Invalid argument"',
    next: "tarpit-kit build --userland both",
  }),
  "so.size-zero": ({ file, kernel }) => ({
    what: `${file} sends no data (the extension of iptables 1.2 and 1.3), kernel ${kernel} wants one byte`,
    why: 'a 2.4 kernel may accept both; a modern one refuses it with "Invalid argument"',
    next: "replace it by the extension of this build",
  }),
  "so.identity": ({ file, field, actual, expected }) => ({
    what: `${file}: ${field} is ${actual}, expected ${expected}`,
    next: "replace it by the extension of this build",
  }),
  "so.version": ({ file, actual, expected, arch, abi }) => ({
    what: `${file} was compiled for ${actual}, and this iptables is ${expected}`,
    why: "up to 1.4.0 the version must be the same, later the libxtables",
    next: before(expected, "1.4")
      ? install({ iptables: expected, put: place(file.slice(0, file.lastIndexOf("/"))), arch, abi })
      : "build the extension against the headers of this iptables",
  }),
  "so.no-target": ({ file }) => ({
    what: `${file} registers no target named TARPIT`,
    next: "replace it by the extension of this build",
  }),
  "so.unreadable": ({ file, reason }) => ({
    what: `${file} is no whole ELF file: ${reason}`,
    next: "copy it again",
  }),
  "so.two-builds": ({ file, than }) => ({
    what: `${file} and ${than} are not one build`,
    why: "iptables and ip6tables would behave differently",
    next: `cp ${place(than)} ${place(file)}`,
  }),
  "so.libc": ({ file, needs, has }) => ({
    what: `${file} needs glibc ${needs}, and this machine has ${has}`,
    next: "build it with a compiler for this userland: tarpit-kit build --cc",
  }),
  "so.no-hash": ({ file, has }) => ({
    what: `${file} has no DT_HASH, and glibc ${has} reads no other hash table`,
    next: "link it with -Wl,--hash-style=sysv",
  }),
  "so.libxtables": ({ files, actual, expected }) => ({
    what: `${files.join(", ")} is ${actual}, and iptables is ${expected}`,
    why: "iptables and every extension are linked with it: the loader refuses them",
    next: "install the libxtables of iptables' own width",
  }),
  "conntrack.full": ({ count, max, knob = "nf_conntrack_max", raw = true }) => ({
    what: `connection tracking holds ${count} of ${max} entries`,
    why: "a full table drops new connections, your own too",
    next: `${raw ? "tarpit-kit rules print INPUT (NOTRACK in raw), or " : ""}raise ${knob}`,
  }),
  "cookie.dropped": ({ dropped, segments }) => ({
    what: `${dropped} of ${segments} segments carried no valid cookie`,
    why: "something rewrites sequence numbers one way, the key changed, or the peers are older than the rule",
    next: "look at the route back, or set the module to adopt",
  }),
  "stuck.held": ({ held }) => ({
    what: `${held} connections were held since the first rule`,
    next: "tarpit-kit stuck",
  }),
};

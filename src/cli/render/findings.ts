import type { TargetFindingArguments } from "../../core/target-findings.ts";
import { targetWords, type TargetWords } from "./target-words.ts";
import type { Words } from "./words.ts";
import type {
  ConfigReason,
  ExtensionFix,
  Finding,
  FindingArguments,
  FindingCode,
  SkipReason,
} from "../../core/findings.ts";

const short = (hash: string): string => hash.slice(0, 12);

/** Both names are one build, so a good twin is the quickest cure. */
const cure = (file: string, { dir, arch, twin }: ExtensionFix): string =>
  twin === undefined ? rebuild(arch) : `cp ${quote(`${dir}/${twin}`)} ${quote(`${dir}/${file}`)}`;

const rebuild = (arch: string): string => `tarpit-kit build --arch ${arch}`;

/** Safe to paste into a POSIX shell. */
const quote = (path: string): string =>
  /^[\w./+:@=-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;

const reasons: Readonly<Record<ConfigReason, string>> = {
  target: "without it the kernel has no TARPIT target",
  target6: "without it ip6tables has no TARPIT target, and this kernel has IPv6",
  compat:
    "without it 32-bit iptables fails on this 64-bit kernel at rules like -m limit, and loses counters",
  legacy: "without it (or CONFIG_NFT_COMPAT) no iptables can reach an xtables target",
  modules: "without it this kernel loads no module",
};

const skips: Readonly<Record<SkipReason, string>> = {
  "module-only": "only a module was built, there is no kernel image to compare with",
  "no-metadata": "metadata.json does not say what was built",
  "no-config": "there is no config",
  modutils: "depmod of modutils makes it on the machine itself: depmod -a",
  "own-iptables":
    "iptables of that time wants an extension made against its own headers, and none was built",
  "no-system-map": "there is no System.map",
};

type Say = {
  readonly [C in Exclude<FindingCode, keyof TargetFindingArguments>]: (
    args: FindingArguments[C],
  ) => Words;
};

const files: Pick<
  Say,
  Extract<keyof Say, `file.${string}` | `metadata.${string}` | `sums.${string}`>
> = {
  "file.missing": ({ file }) => ({ what: `${file} is missing` }),
  "file.unreadable": ({ file, reason }) => ({ what: `${file} cannot be read: ${reason}` }),
  "metadata.bad": ({ file, reason }) => ({
    what: `${file} does not say what was built: ${reason}`,
  }),
  "sums.malformed": ({ line, text }) => ({
    what: `line ${line} of SHA256SUMS is no checksum of a file in here: ${text}`,
  }),
  "sums.duplicate": ({ file }) => ({ what: `SHA256SUMS lists ${file} twice` }),
  "sums.unlisted": ({ file }) => ({
    what: `${file} is not in SHA256SUMS`,
    next: `look where it is from, and remove it`,
  }),
  "sums.gone": ({ file }) => ({ what: `SHA256SUMS lists ${file}, which is not there` }),
  "sums.differs": ({ file, expected, actual }) => ({
    what: `${file} was changed: its SHA-256 is ${short(actual)}…, SHA256SUMS says ${short(expected)}…`,
  }),
};

const extensions: Pick<Say, Extract<keyof Say, `extension.${string}`>> = {
  "extension.missing": (args) => ({ what: `${args.file} is missing`, next: cure(args.file, args) }),
  "extension.foreign": ({ file, wanted }) => ({
    what: `${file} is for no ABI of this build (${wanted.join(", ")})`,
    next: "remove it",
  }),
  "extension.class": (args) => ({
    what: `${args.file} is of the wrong class: ${args.actual}, expected ${args.expected}`,
    next: args.twin === undefined ? rebuild(args.arch) : cure(args.file, args),
  }),
  "extension.stale": (args) => ({
    what:
      args.than === "metadata.json"
        ? `${args.file} is stale: it is not the file this build made (metadata.json)`
        : `${args.file} is stale: not the same build as ${args.than}, which it would hide from iptables`,
    next: cure(args.file, args),
  }),
  "extension.unreadable": (args) => ({
    what: `${args.file} is no whole ELF file: ${args.reason}`,
    next: cure(args.file, args),
  }),
  "extension.period": ({ file, version }) => ({
    what: `${file} is for iptables ${version} and no other`,
  }),
  "extension.libc": ({ file, needs, most }) => ({
    what: `${file} needs glibc ${needs}, and an iptables of its time has ${most} at most`,
  }),
  "extension.no-hash": ({ file }) => ({
    what: `${file} has no DT_HASH, the only hash table that loaders of its time can read`,
  }),
  "extension.no-target": ({ file }) => ({ what: `${file} registers no target named TARPIT` }),
  "extension.identity": ({ file, field, expected, actual }) => ({
    what: `${file}: ${field} is ${actual}, expected ${expected}`,
  }),
};

const modules: Pick<Say, Extract<keyof Say, `module.${string}`>> = {
  "module.missing": ({ where, module = "xt_TARPIT.ko" }) => ({
    what: `there is no ${module} in ${where}, and the target is not built in`,
  }),
  "module.class": ({ file, expected, actual }) => ({
    what: `${file} is for another machine: ${actual}, expected ${expected}`,
  }),
  "module.unreadable": ({ file, reason }) => ({ what: `${file} is no whole ELF file: ${reason}` }),
  "module.packed": ({ file, format }) => ({
    what: `${file} is packed as .${format}: its contents were not checked`,
  }),
  "module.no-target": ({ file }) => ({ what: `${file} registers no target named TARPIT` }),
  "module.identity": ({ file, field, expected, actual }) => ({
    what: `${file}: ${field} is ${actual}, expected ${expected}`,
  }),
  "module.family": ({ file, expected, actual }) => ({
    what: `${file} registers TARPIT for ${actual}, expected ${expected}`,
  }),
  "module.alias": ({ file, alias }) => ({
    what: `${file} has no alias ${alias}: iptables could not load it by itself`,
  }),
  "module.license": ({ file, license }) => ({
    what: `${file} is not under the GPL (${license}): the kernel refuses it`,
  }),
  "module.depmod": ({ file, module }) => ({
    what: `${file} does not know ${module}: modprobe will not find it`,
    next: "run depmod on the target",
  }),
  "module.vermagic": ({ file, expected, actual }) => ({
    what: `${file} is for kernel ${actual}, expected ${expected}`,
  }),
  "module.vermagic-flags": ({ file, flag, symbol, has }) => ({
    what: `${file} was ${has ? "" : "not "}compiled for ${flag}, and config says otherwise (CONFIG_${symbol})`,
  }),
};

const kernels: Pick<
  Say,
  Extract<keyof Say, `kernel.${string}` | `config.${string}` | `check.${string}`>
> = {
  "kernel.class": ({ file, expected, actual }) => ({
    what: `${file} is for another machine: ${actual}, expected ${expected}`,
  }),
  "kernel.release": ({ file, expected, actual }) => ({
    what: `${file} is of kernel ${actual}, expected ${expected}`,
  }),
  "kernel.no-banner": ({ file }) => ({
    what: `${file} is compressed: its release was not checked`,
  }),
  "kernel.no-target": ({ file, symbol }) => ({
    what: `the target should be built in, but ${file} has no ${symbol}`,
  }),
  "kernel.other-build": ({ file, than }) => ({ what: `${file} is of another build than ${than}` }),
  "config.symbol": ({ symbol, value, wanted, why }) => ({
    what: `${symbol} is ${value}, expected ${wanted}: ${reasons[why]}`,
  }),
  "check.skipped": ({ check, file, reason }) => ({
    what: `${file}: ${check} was not checked, ${skips[reason]}`,
  }),
};

const hosts: Pick<Say, Extract<keyof Say, `host.${string}`>> = {
  "host.node": ({ version, wanted }) => ({ what: `Node ${version} is older than ${wanted}` }),
  "host.disk": ({ path, freeMiB, wantedMiB }) => ({
    what: `${freeMiB} MiB are free at ${path}; a build wants about ${wantedMiB}`,
    next: "set TARPIT_KIT_CACHE to a directory with more room",
  }),
  "host.memory": ({ totalMiB, wantedMiB }) => ({
    what: `${totalMiB} MiB of memory; a build wants about ${wantedMiB}`,
    next: "build with --jobs 1",
  }),
  "host.unchecked": ({ what, reason }) => ({ what: `${what} was not checked: ${reason}` }),
};

const say: Say & TargetWords = {
  ...files,
  ...extensions,
  ...modules,
  ...kernels,
  ...hosts,
  ...targetWords,
};

/** What a file says may hold anything: nothing in it reaches the terminal as a command. */
export const safe = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );

export function wordsOf(finding: Finding): Words {
  const words = (say[finding.code] as (args: unknown) => Words)(finding.args);
  return {
    what: safe(words.what),
    ...(words.why === undefined ? {} : { why: safe(words.why) }),
    ...(words.next === undefined ? {} : { next: safe(words.next) }),
  };
}

/** The same as text, the next command on a line of its own below. */
export function describeFinding(finding: Finding): string {
  const { what, next } = wordsOf(finding);
  return next === undefined ? what : `${what}\n          next: ${next}`;
}

import { describeIdentity, sameIdentity } from "../abi/identity.ts";
import { judgeTarget as judgeModuleTarget, judgeVermagic } from "../abi/judge.ts";
import type { ModuleFacts } from "../abi/module.ts";
import { judgeOlderModule, type OlderModuleFacts } from "../abi/older-module.ts";
import type { Header } from "../elf/file.ts";
import { finding, type Finding } from "../findings.ts";
import type { Check } from "./check.ts";
import { factOf, readFile, type HostFacts, type ModuleFile } from "./host.ts";
import { atLeast } from "./versions.ts";

/** Whether the kernel has the target, or could load it, and which file that would be. */
export function judgeTarget(host: HostFacts, check: Check): void {
  const registered = factOf(host.facts, "ip_tables targets");
  const loaded = readFile(host.facts, "modules")?.some((line) => isLoaded.test(line)) === true;
  const builtin = isBuiltin(host);
  const there = registered?.data.includes("TARPIT") === true || loaded || builtin;
  const [file] = host.modules;
  if (there) {
    if (builtin && !loaded) check.add("target.builtin", {}, { file: "modules.builtin" });
    check.passed("target.present", "kernel");
    judgeIpv6(host, check);
  } else if (file) {
    check.add("target.loadable", { path: file.path }, { file: file.path });
    judgeLoading(host, check);
  } else judgeAbsence(host, check);
  judgeModules(host, loaded, check);
}

/** 2.4 lists a module as well whose start has failed or goes on for ever. */
const isLoaded = /^(xt|ipt)_TARPIT +\d+ (?! *\((uninitialized|deleted)\))/;

/** In the kernel itself, as its list of built-in modules or its configuration says. */
export const isBuiltin = (host: HostFacts): boolean =>
  readFile(host.facts, "modules.builtin")?.some((line) => line.includes("_TARPIT.")) === true ||
  ["IP_NF_TARGET_TARPIT", "NETFILTER_XT_TARGET_TARPIT"].some(
    (name) => host.config?.get(name) === "y",
  );

/** Nothing says the target is there: is that known, or could nobody look? */
function judgeAbsence(host: HostFacts, check: Check): void {
  const registered = factOf(host.facts, "ip_tables targets")?.status;
  const modules = factOf(host.facts, "modules.dep")?.status;
  const known =
    modules === "ok" || (host.config !== undefined && host.config.get("MODULES") !== "y");
  const noModules = modules === "missing" && (host.config !== undefined || registered === "ok");
  if (known || noModules)
    check.add(
      "target.absent",
      { kernel: host.release ?? "?", ...(host.arch ? { arch: host.arch.name } : {}) },
      { file: modules === "ok" ? "modules.dep" : "config" },
    );
  else
    check.required(
      "target",
      registered === "unreadable"
        ? "/proc/net/ip_tables_targets is for root only"
        : "neither the kernel's list of targets nor its modules could be read",
    );
}

function judgeIpv6(host: HostFacts, check: Check): void {
  const six = factOf(host.facts, "ip6_tables targets");
  if (host.ip6tables === undefined || six?.status !== "ok" || six.data.length < 2) return;
  const four = factOf(host.facts, "ip_tables targets");
  if (six.data.includes("TARPIT") || four?.data.includes("TARPIT") !== true)
    check.passed("target.ipv6", "kernel");
  else check.add("target.no-ipv6", {}, { file: six.data[0] ?? "ip6_tables_targets" });
}

/** A module that modprobe would have to load: what stands in the way. */
function judgeLoading(host: HostFacts, check: Check): void {
  const dep = readFile(host.facts, "modules.dep");
  const [file] = host.modules;
  if (dep !== undefined && file && !dep.some((line) => /_TARPIT\.k?o/.test(line)))
    check.add("module.no-depmod", { file: file.path }, { file: "modules.dep" });
  const aliases = readFile(host.facts, "modules.alias");
  const alias = aliasOf(host);
  if (aliases !== undefined && !aliases.some((line) => line.startsWith(`alias ${alias} `)))
    check.add("module.no-alias", { alias }, { file: "modules.alias" });
  const blocked = bootLines(host).find((line) =>
    /^:\s*(blacklist|install|alias\s+\S*TARPIT\s+off)\b/.test(line.text),
  );
  if (blocked) check.add("target.blocked", { how: blocked.text.replace(/^:/, "") }, blocked);
  const instead = modprobeSays(host, /^install (?!\/sbin\/modprobe )(.+)/);
  if (!blocked && instead !== undefined)
    check.add("target.blocked", { how: `install ${instead}` }, { file: "modprobe -n -v" });
  if (readFile(host.facts, "modules_disabled")?.[0] === "1")
    check.add("module.disabled", {}, { file: "/proc/sys/kernel/modules_disabled" });
  judgeSignatures(host, check);
}

/** What iptables asks the kernel for, and the kernel modprobe: a name that is an alias of the module's. */
const aliasOf = ({ modules: [file] }: HostFacts): string =>
  /\/ipt_TARPIT\.k?o/.test(file?.path ?? "") ? "xt_TARPIT" : "ipt_TARPIT";

/** What `modprobe -n -v xt_TARPIT` would do: a line of it, as far as the pattern's group goes. */
const modprobeSays = (host: HostFacts, pattern: RegExp): string | undefined => {
  const fact = factOf(host.facts, "modprobe");
  if (fact?.status !== "ok") return undefined;
  return fact.data.map((line) => pattern.exec(line)?.[1]?.slice(0, 200)).findLast(Boolean);
};

/** Lines with TARPIT in the files a reboot reads, comments left out: `path:line:text` of grep -n. */
export function bootLines(
  host: HostFacts,
): readonly { file: string; line: number; text: string }[] {
  return (factOf(host.facts, "boot")?.data ?? []).flatMap((entry) => {
    const match = /^(\/[^:]{1,256}):(\d{1,9}):(?!\s*#)(.*)$/.exec(entry);
    return match
      ? [
          {
            file: match[1] as string,
            line: Number(match[2]),
            text: `:${(match[3] ?? "").slice(0, 200)}`,
          },
        ]
      : [];
  });
}

function judgeSignatures(host: HostFacts, check: Check): void {
  const by = signatureRule(host);
  for (const one of host.modules) {
    if (by !== undefined && one.bytes !== undefined && !one.signed)
      check.add("module.unsigned", { file: one.path, by }, { file: one.path });
  }
  // Signatures came with Linux 3.7.
  if (by !== undefined || !atLeast(host.version ?? "9", "3.7")) return;
  const lockdown = factOf(host.facts, "lockdown")?.status;
  if (lockdown === "unreadable") check.unread("lockdown", "it is for root only");
  else if (host.config === undefined && lockdown !== "ok" && !has(host, "sig_enforce"))
    check.unread("module signatures", "no file here says whether the kernel wants them");
}

const has = (host: HostFacts, name: string): boolean => readFile(host.facts, name) !== undefined;

/** Who refuses an unsigned module. Secure Boot alone does not: distributions tie lockdown to it. */
function signatureRule(host: HostFacts): string | undefined {
  if (
    readFile(host.facts, "sig_enforce")?.[0] === "Y" ||
    host.config?.get("MODULE_SIG_FORCE") === "y"
  )
    return "module.sig_enforce";
  const lockdown = /\[(integrity|confidentiality)\]/.exec(
    readFile(host.facts, "lockdown")?.[0] ?? "",
  )?.[1];
  if (lockdown !== undefined) return `lockdown (${lockdown})`;
  const [, state] =
    readFile(host.facts, "secureboot") === undefined
      ? []
      : (/([0-9a-f]{2})\s*$/.exec(readFile(host.facts, "secureboot")?.[0] ?? "") ?? []);
  if (state === "01" && host.config?.get("LOCK_DOWN_IN_EFI_SECURE_BOOT") === "y")
    return "Secure Boot";
  return undefined;
}

function judgeModules(host: HostFacts, loaded: boolean, check: Check): void {
  for (const one of host.modules) judgeModule(one, host, check);
  const paths = host.modules.map((one) => one.path);
  const takes =
    modprobeSays(host, /^(?:\/sbin\/)?insmod (\S*_TARPIT\.k?o\S*)/) ??
    readFile(host.facts, "modules.dep")
      ?.map((line) => /^([^:]*_TARPIT\.k?o[^:]*):/.exec(line)?.[1])
      .find(Boolean);
  if (paths.length > 1)
    check.add("target.two-owners", { files: paths, takes: takes ?? "?" }, { file: "modules.dep" });
  const now = readFile(host.facts, "module srcversion")?.[0];
  const taken = host.modules.find((one) => takes === undefined || one.path.endsWith(takes));
  const onDisk = taken?.facts?.srcversion;
  if (loaded && taken && now !== undefined && onDisk !== undefined && now !== onDisk)
    check.add(
      "target.loaded-other",
      { loaded: now, file: taken.path, onDisk },
      { file: "/sys/module/xt_TARPIT/srcversion" },
    );
}

function judgeModule(one: ModuleFile, host: HostFacts, check: Check): void {
  const at = { file: one.path };
  if (one.facts === undefined || one.header === undefined)
    return check.unread(one.path, one.trouble ?? "it is no ELF file");
  const expected = wrongMachine(one.header, host);
  if (expected !== undefined)
    return check.add(
      "module.wrong-machine",
      {
        file: one.path,
        actual: describeIdentity(one.header),
        expected,
        ...(host.arch ? { arch: host.arch.name } : {}),
      },
      at,
    );
  if (one.older && !atLeast(host.version ?? "9", "2.5"))
    return judgeOlder(one.path, one.older, host, check);
  const wrong = judgeRegistered(one.path, one.facts, host);
  if (wrong === undefined)
    check.unread(one.path, "the layout of this kernel's targets is not known here");
  for (const each of wrong ?? []) check.findings.push({ ...each, evidence: at } as Finding);
  judgeMagic(one, host, check);
  if (isStock(one)) check.add("target.stock", { file: one.path }, at);
}

/** What insmod of 2.4 looks at. */
function judgeOlder(file: string, older: OlderModuleFacts, host: HostFacts, check: Check): void {
  const { release = "" } = host;
  const { target, modinfo } = judgeOlderModule(file, older, release);
  const other = older.kernelVersion;
  if (other !== undefined && other !== release)
    check.add("module.not-for-kernel", { file, actual: other, expected: release }, { file });
  const wrong = [...target, ...modinfo.filter((one) => one.code !== "module.vermagic" || !other)];
  for (const each of wrong) check.findings.push({ ...each, evidence: { file } } as Finding);
  if (wrong.length === 0 && other === release) check.passed("module.vermagic", file);
}

/** What this kernel's modules are, when the module is something else. */
function wrongMachine(header: Header, host: HostFacts): string | undefined {
  if (host.arch && !sameIdentity(header, host.arch.elf)) return describeIdentity(host.arch.elf);
  return host.kernelBits !== undefined && header.bits !== host.kernelBits
    ? `${host.kernelBits}-bit`
    : undefined;
}

/** Revision, size, protocol and hooks of what it registers; older kernels have other structures. */
function judgeRegistered(
  file: string,
  facts: ModuleFacts,
  { version }: HostFacts,
): readonly Finding[] | undefined {
  if (facts.targets.length > 0) return facts.targets.flatMap((one) => judgeModuleTarget(file, one));
  if (version !== undefined && !atLeast(version, "3.0")) return undefined;
  return [finding("module.no-target", { file })];
}

/** The kernel compares vermagic word by word; the configuration tells the words behind the release. */
function judgeMagic(one: ModuleFile, host: HostFacts, check: Check): void {
  const at = { file: one.path };
  const vermagic = one.facts?.vermagic;
  const of = vermagic?.split(" ")[0];
  if (of === undefined || host.release === undefined) return;
  if (of !== host.release)
    return check.add(
      "module.not-for-kernel",
      { file: one.path, actual: of, expected: host.release },
      at,
    );
  const wrong = judgeVermagic(one.path, vermagic, {
    release: host.release,
    ipv4: true,
    ipv6: true,
    config: host.config,
  });
  for (const flag of wrong) check.findings.push({ ...flag, evidence: at } as Finding);
  if (wrong.length === 0) check.passed("module.vermagic", one.path);
}

/** The description tells them apart: names, revision and symbols are the same by intent. */
const isStock = ({ facts }: ModuleFile): boolean =>
  facts?.description?.startsWith('Xtables: "TARPIT"') === true;

/** iptables needs its way into the kernel: the legacy tables, or nf_tables' compatibility layer. */
export function judgeBackend(host: HostFacts, check: Check): void {
  const { config, iptables, version } = host;
  // Said where the extensions are judged.
  if (iptables === undefined) return undefined;
  if (config === undefined || version === undefined) {
    const legacy = iptables.backend === "legacy" && has(host, "ip_tables names");
    return legacy
      ? check.passed("kernel.backend", "/proc/net/ip_tables_names")
      : check.unread("config", "there is no configuration of the running kernel to read");
  }
  const on = (symbol: string): boolean => (config.get(symbol) ?? "n") !== "n";
  if (iptables.backend === "nft" && !on("NFT_COMPAT"))
    return check.add("kernel.no-nft-compat", { kernel: version }, { file: "config" });
  const symbol = atLeast(version, "6.17") ? "IP_NF_IPTABLES_LEGACY" : "IP_NF_IPTABLES";
  if (iptables.backend === "legacy" && !on(symbol))
    return check.add("kernel.no-legacy", { kernel: version }, { file: "config" });
  return check.passed("kernel.backend", "config");
}

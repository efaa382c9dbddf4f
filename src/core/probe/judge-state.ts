import type { Check } from "./check.ts";
import { bootLines, isBuiltin } from "./judge-kernel.ts";
import { factOf, readFile, type HostFacts } from "./host.ts";
import type { RulesFact } from "./judge-width.ts";
import { atLeast } from "./versions.ts";

const number = (lines: readonly string[] | undefined): number | undefined =>
  /^\d{1,15}$/.test(lines?.[0] ?? "") ? Number(lines?.[0]) : undefined;

/** Connection tracking, the target's own counters, and what a reboot would bring back. */
export function judgeState(host: HostFacts, rules: readonly RulesFact[], check: Check): void {
  judgeConntrack(host, check);
  judgeCounters(host, check);
  const wanted = rules.some((one) => one.text.includes("-j TARPIT"));
  if (wanted) judgeReboot(host, check);
  judgeBoth(rules, check);
}

function judgeConntrack(host: HostFacts, check: Check): void {
  const count = number(readFile(host.facts, "conntrack count")) ?? inSlab(host);
  const max = number(readFile(host.facts, "conntrack max"));
  if (count === undefined || max === undefined) return;
  const file = factOf(host.facts, "conntrack max")?.data[0] ?? "nf_conntrack_max";
  const knob = file.slice(file.lastIndexOf("/") + 1);
  const raw = atLeast(host.version ?? "9", "2.5");
  if (max > 0 && count > max * 0.9)
    check.add("conntrack.full", { count, max, knob, raw }, { file });
  else check.passed("conntrack", file);
}

/** 2.4 counts its entries nowhere but in the cache they are made of: objects in use come first (slabinfo(5)). */
const inSlab = (host: HostFacts): number | undefined => {
  const used = /^ip_conntrack +(\d{1,15}) /.exec(
    readFile(host.facts, "conntrack slab")?.[0] ?? "",
  )?.[1];
  return used === undefined ? undefined : Number(used);
};

/** `name value` or `name=value` lines of /proc/net/stat/tarpit. */
export function counters(lines: readonly string[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const line of lines) {
    const match = /^(\w{1,64})\s*[=:\s]\s*(\d{1,20})\s*$/.exec(line);
    if (match) found.set(match[1] as string, Number(match[2]));
  }
  return found;
}

/** So many of the segments may carry no valid cookie before something is wrong with more than a scanner. */
const droppedShare = 0.2;
const enough = 100;

function judgeCounters(host: HostFacts, check: Check): void {
  const lines = readFile(host.facts, "tarpit stat");
  if (lines === undefined) return;
  const found = counters(lines);
  const dropped = found.get("dropped_cookie") ?? 0;
  const segments = found.get("segments") ?? 0;
  const at = { file: "/proc/net/stat/tarpit" };
  if (dropped >= enough && dropped > segments * droppedShare)
    check.add("cookie.dropped", { dropped, segments }, at);
  else check.passed("cookie", at.file);
  const held = found.get("held");
  if (held !== undefined && held > 0) check.add("stuck.held", { held }, at);
}

function judgeReboot(host: HostFacts, check: Check): void {
  const lines = bootLines(host);
  const saved = lines.some(
    (one) => one.text.includes("TARPIT") && !/modprobe|modules/.test(one.file),
  );
  if (saved) check.passed("reboot.rules", "boot");
  else
    check.add(
      "reboot.rules",
      {
        kernel: host.release ?? "?",
        looked: "/etc/iptables, /etc/sysconfig, /etc/network, init scripts",
      },
      { file: "boot" },
    );
  const loads = lines.some((one) => /modules/.test(one.file) && /^:\s*\w*TARPIT/.test(one.text));
  if (loads || isBuiltin(host)) check.passed("reboot.module", "boot");
  else check.add("reboot.module", { kernel: host.release ?? "?" }, { file: "boot" });
  judgeKernels(host, check);
}

/** The boot loader has to know the kernel that runs now, and another one to go back to. */
function judgeKernels(host: HostFacts, check: Check): void {
  const entries = factOf(host.facts, "loaders")?.data.filter((line) => line !== "") ?? [];
  const { release } = host;
  if (entries.length === 0 || release === undefined)
    return check.unread("boot loader", "no configuration of a boot loader was found");
  const names = new Set(
    entries.flatMap((line) =>
      [...line.matchAll(/vmlinu[xz][-\w.+~]{0,128}/g)].map((match) => match[0]),
    ),
  );
  const mine = [...names].some((name) => name.endsWith(`-${release}`));
  if (mine) check.passed("reboot.kernel", "loaders");
  else check.add("reboot.kernel", { kernel: release }, { file: "loaders" });
  if (names.size < 2) check.add("reboot.no-way-back", { kernel: release }, { file: "loaders" });
}

/** Rules in both backends at once: a packet passes both, and each tool shows one. */
function judgeBoth(rules: readonly RulesFact[], check: Check): void {
  const count = (pattern: RegExp): number =>
    rules.filter((one) => pattern.test(one.file)).reduce((sum, one) => sum + one.set.rules, 0);
  const [main] = rules;
  const nft =
    /nft|nf_tables/.test(main?.set.generator ?? "") ||
    rules.some((one) => one.file.includes("-legacy"));
  const own = count(/^ip6?tables-save$/);
  const other = count(/-(legacy|nft)-save$/);
  if (own > 0 && other > 0)
    return check.add(
      "backend.clash",
      nft ? { nft: own, legacy: other } : { nft: other, legacy: own },
      { file: "iptables-save" },
    );
  const elsewhere = rules.find((one) => /-(legacy|nft)-save$/.test(one.file) && one.set.rules > 0);
  if (elsewhere)
    check.add(
      "backend.other",
      { used: nft ? "nft" : "legacy", other: elsewhere.file },
      { file: elsewhere.file },
    );
}

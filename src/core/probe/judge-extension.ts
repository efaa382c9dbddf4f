import { describeIdentity } from "../abi/identity.ts";
import { family, known, revisions } from "../abi/judge.ts";
import { xtAlignOf } from "../abi/align.ts";
import type { Check } from "./check.ts";
import type { Header } from "../elf/file.ts";
import { factOf, headerOf, type ExtensionFile, type HostFacts, type Iptables } from "./host.ts";
import { atLeast } from "./versions.ts";

const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));
const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Where each iptables looks, in its order; a directory that holds its own extensions is the built-in one. */
export function searched(host: HostFacts): readonly string[] {
  const [xtables = "", ipt = "", ip6t = ""] = factOf(host.facts, "environment")?.data ?? [];
  const old = !atLeast(host.iptables?.version ?? "1.8", "1.4.1");
  const told = (old ? [ipt] : [xtables, ipt, ip6t]).find((list) => list !== "");
  if (told !== undefined) return told.split(":").filter(Boolean);
  const own = host.directories.filter((one) => one.own).map((one) => one.path);
  return own.length > 0 ? own : defaults(host.iptables?.version ?? "1.8");
}

/** Debian's and upstream's built-in directories by version (the table in docs/findings.md). */
export function defaults(version: string): readonly string[] {
  if (!atLeast(version, "1.4.1"))
    return ["/lib/iptables", "/usr/lib/iptables", "/usr/local/lib/iptables"];
  if (!atLeast(version, "1.4.12")) return ["/lib/xtables", "/usr/libexec/xtables"];
  return ["/usr/lib/TRIPLET/xtables", "/usr/lib/xtables", "/usr/lib/iptables"];
}

/** Is there an extension where iptables looks, the right one, and does no other hide it? */
export function judgeExtensions(host: HostFacts, check: Check): void {
  const { iptables } = host;
  if (iptables === undefined) {
    const status = factOf(host.facts, "iptables")?.status ?? "missing";
    return check.required(
      "iptables",
      status === "missing" ? "there is no iptables" : "iptables -V said nothing that can be read",
    );
  }
  judgeLibxtables(host, iptables, check);
  const looked = searched(host);
  const put = looked[0] ?? "/usr/lib/iptables";
  const found = ordered(host.extensions, looked, iptables);
  const [first] = found;
  if (!first) {
    const [other] = host.extensions;
    const at = { file: looked.join(":") };
    if (other) check.add("so.elsewhere", { file: other.path, looked, put }, at);
    else check.add("so.missing", { looked, iptables: iptables.version, put, ...named(host) }, at);
    return;
  }
  for (const one of found) judgeOne(one, host, iptables, check);
  judgeShadow(found, check);
  if (host.ip6tables && !found.some((one) => /^lib(ip6t|xt)_/.test(nameOf(one.path))))
    check.add(
      "so.missing-ipv6",
      { file: first.path, put: directoryOf(first.path) },
      { file: directoryOf(first.path) },
    );
}

/** What a command has to name, where we know the machine. */
const named = ({ arch, abi }: HostFacts): { arch?: string; abi?: string } => ({
  ...(arch === undefined ? {} : { arch: arch.name }),
  ...(abi === undefined ? {} : { abi }),
});

/** iptables and its extensions hang on libxtables: one of iptables' own width has to be there. */
function judgeLibxtables(host: HostFacts, { header }: Iptables, check: Check): void {
  const found = host.facts.records
    .filter((one) => one.name === "elf libxtables")
    .flatMap((one) => {
      const read = headerOf(one);
      return read ? [{ path: one.data[0] ?? "", header: read }] : [];
    });
  const [first] = found;
  if (header === undefined || !first) return;
  const fits = (one: Header): boolean =>
    one.bits === header.bits && one.machine === header.machine && one.endian === header.endian;
  if (found.some((one) => fits(one.header))) return check.passed("libxtables", first.path);
  check.add(
    "so.libxtables",
    {
      files: found.map((one) => one.path),
      actual: describeIdentity(first.header),
      expected: describeIdentity(header),
    },
    { file: first.path },
  );
}

/** The order iptables tries them in: each directory, `libipt_` before `libxt_`; up to 1.4.0 only `libipt_`. */
function ordered(
  files: readonly ExtensionFile[],
  looked: readonly string[],
  iptables: Iptables,
): readonly ExtensionFile[] {
  const names = atLeast(iptables.version, "1.4.1")
    ? ["libipt_TARPIT.so", "libip6t_TARPIT.so", "libxt_TARPIT.so"]
    : ["libipt_TARPIT.so", "libip6t_TARPIT.so"];
  return looked.flatMap((directory) =>
    names.flatMap((name) =>
      files.filter((one) => same(directoryOf(one.path), directory) && nameOf(one.path) === name),
    ),
  );
}

const same = (a: string, b: string): boolean => a.replace(/\/+$/, "") === b.replace(/\/+$/, "");

function judgeShadow(found: readonly ExtensionFile[], check: Check): void {
  const [first, ...rest] = found.filter((one) => !nameOf(one.path).startsWith("libip6t_"));
  if (!first) return;
  for (const one of rest) {
    if (one.bytes.equals(first.bytes)) continue;
    const beside = directoryOf(one.path) === directoryOf(first.path);
    const bad = isBad(first) && !isBad(one);
    if (bad) check.add("so.shadowed", { file: one.path, by: first.path }, { file: first.path });
    else if (beside)
      check.add("so.two-builds", { file: one.path, than: first.path }, { file: one.path });
    else
      check.add("so.shadowed", { file: one.path, by: first.path }, { file: first.path }, "warning");
  }
}

const isBad = (one: ExtensionFile): boolean =>
  one.trouble !== undefined ||
  one.targets.length === 0 ||
  one.targets.some((entry) => entry.size === 0);

function judgeOne(one: ExtensionFile, host: HostFacts, iptables: Iptables, check: Check): void {
  const at = { file: one.path };
  const before = check.findings.length;
  const { path: file, header } = one;
  if (one.trouble !== undefined || header === undefined)
    return check.add("so.unreadable", { file, reason: one.trouble ?? "no ELF file" }, at);
  const wanted = iptables.header;
  if (wanted === undefined)
    check.unread(`width of ${iptables.path}`, "its first bytes could not be read");
  else if (
    wanted.bits !== header.bits ||
    wanted.endian !== header.endian ||
    wanted.machine !== header.machine
  )
    return check.add(
      "so.class",
      { file, actual: describeIdentity(header), expected: describeIdentity(wanted) },
      at,
    );
  if (one.targets.length === 0 || !one.registers) return check.add("so.no-target", { file }, at);
  judgeTargets(one, host, iptables, check);
  judgeLibc(one, host, check);
  if (check.findings.length === before) check.passed("extension", file);
}

function judgeTargets(one: ExtensionFile, host: HostFacts, iptables: Iptables, check: Check): void {
  const { path: file, header } = one;
  const at = { file };
  const align = xtAlignOf(header);
  const modern = host.version === undefined || atLeast(host.version, "2.5");
  for (const entry of one.targets) {
    const revision = revisions[entry.revision];
    const size = align === undefined ? undefined : revision?.size(align);
    const compared = align === undefined ? undefined : revision?.userspaceSize(align);
    if (entry.size === 0)
      check.add(
        "so.size-zero",
        { file, kernel: host.version ?? "?" },
        at,
        modern ? "error" : "info",
      );
    else if (size !== undefined && entry.size !== size)
      check.add("so.size", { file, size: entry.size, wanted: size }, at);
    else if (compared !== undefined && entry.userspaceSize !== compared)
      check.add(
        "so.identity",
        {
          file,
          field: "userspacesize",
          actual: String(entry.userspaceSize),
          expected: String(compared),
        },
        at,
      );
    if (revision === undefined)
      check.add(
        "so.identity",
        { file, field: "revision", actual: String(entry.revision), expected: known },
        at,
      );
    if (entry.family !== family.any && entry.family !== family.ipv4 && entry.family !== family.ipv6)
      check.add(
        "so.identity",
        { file, field: "family", actual: String(entry.family), expected: "0" },
        at,
      );
    const expected = versionWanted(host, iptables);
    if (expected !== undefined && entry.version !== expected)
      check.add("so.version", { file, actual: entry.version, expected, ...named(host) }, at);
  }
}

/** Up to 1.4.0 the exact version of iptables; since 1.4.1 the soname of libxtables, which has to be found. */
function versionWanted(host: HostFacts, iptables: Iptables): string | undefined {
  if (!atLeast(iptables.version, "1.4.1")) return iptables.version;
  const names = host.facts.records
    .filter((one) => one.name === "elf libxtables")
    .map((one) => /libxtables\.so\.\d+/.exec(one.data[0] ?? "")?.[0]);
  const [only, ...more] = [...new Set(names.filter(Boolean))];
  return more.length === 0 ? only : undefined;
}

/** An extension from today under the C library of 2004: unknown symbol versions, or no hash table it can read. */
function judgeLibc(one: ExtensionFile, host: HostFacts, check: Check): void {
  const fact = factOf(host.facts, "libc");
  const has = /^glibc (\d+\.\d+(?:\.\d+)?)/.exec(fact?.data[0] ?? "")?.[1];
  const at = { file: one.path };
  const { needs } = one;
  if (needs === undefined || (needs.glibc === undefined && needs.sysvHash)) return;
  if (has === undefined)
    return check.unread("libc", "getconf GNU_LIBC_VERSION gave no version of the C library");
  if (needs.glibc !== undefined && !atLeast(has, needs.glibc))
    check.add("so.libc", { file: one.path, needs: needs.glibc, has }, at);
  if (!needs.sysvHash && needs.gnuHash && !atLeast(has, "2.5"))
    check.add("so.no-hash", { file: one.path, has }, at);
}

import { join } from "node:path";
import { findExtensionTargets, registersTarget } from "../../core/abi/extension.ts";
import { describeIdentity, sameIdentity } from "../../core/abi/identity.ts";
import { judgeExtension, target } from "../../core/abi/judge.ts";
import type { Abi } from "../../core/arch.ts";
import { ElfError } from "../../core/elf/bytes.ts";
import { elfType, parseElf, type ElfFile } from "../../core/elf/file.ts";
import { loadImage } from "../../core/elf/load.ts";
import { extensionNames } from "../../core/extension.ts";
import { finding, type ExtensionFix, type Finding, type Report } from "../../core/findings.ts";
import type { Ports } from "../../ports.ts";
import type { Metadata } from "./metadata.ts";

interface Place {
  readonly dir: string;
  readonly arch: string;
}

interface Seen {
  readonly file: string;
  readonly sha256: string | undefined;
  /** Every check of this file alone passed. */
  readonly good: boolean;
  readonly findings: readonly Finding[];
}

/** iptables tries libipt_ first and ip6tables knows only libxt_: both, of one build, for each ABI. */
export async function checkExtensions(
  place: Place,
  abis: readonly Abi[],
  metadata: Metadata,
  report: Report,
  ports: Ports,
): Promise<void> {
  for (const abi of abis) await checkAbi(place, abi, metadata, report, ports);
  const wanted = abis.map((abi) => abi.name);
  for (const name of await ports.files.list(join(place.dir, "extensions"))) {
    if (wanted.includes(name)) continue;
    report.judged(
      "extension.wanted",
      `extensions/${name}`,
      finding("extension.foreign", { file: `extensions/${name}`, wanted }),
    );
  }
}

async function checkAbi(
  place: Place,
  abi: Abi,
  metadata: Metadata,
  report: Report,
  ports: Ports,
): Promise<void> {
  const seen: Seen[] = [];
  for (const name of extensionNames) {
    const file = join("extensions", abi.name, name);
    const twin = seen.find((one) => one.good)?.file;
    seen.push(await checkOne(file, place, abi, twin, ports));
  }
  // The first name was judged before its twin was seen: tell it now whether that is good.
  const twinOf = (file: string) => seen.find((one) => one.file !== file && one.good)?.file;
  for (const one of seen) {
    const found = one.findings.map((entry) => withTwin(entry, twinOf(one.file)));
    report.judged("extension", one.file, ...found);
  }
  const [ipt, xt] = seen;
  if (ipt?.good && xt?.good) checkOneBuild(ipt, xt, place, metadata, report);
}

function withTwin(entry: Finding, twin: string | undefined): Finding {
  if (twin === undefined || !("dir" in entry.args)) return entry;
  return { ...entry, args: { ...entry.args, twin } } as Finding;
}

async function checkOne(
  file: string,
  place: Place,
  abi: Abi,
  twin: string | undefined,
  ports: Ports,
): Promise<Seen> {
  const fix: ExtensionFix = { ...place, ...(twin === undefined ? {} : { twin }) };
  const path = join(place.dir, file);
  if ((await ports.files.stat(path)) === undefined) {
    return {
      file,
      sha256: undefined,
      good: false,
      findings: [finding("extension.missing", { file, ...fix })],
    };
  }
  const findings = judgeBytes(file, await ports.files.readBytes(path), abi, fix);
  return { file, sha256: await ports.files.sha256(path), good: findings.length === 0, findings };
}

function judgeBytes(file: string, bytes: Buffer, abi: Abi, fix: ExtensionFix): readonly Finding[] {
  try {
    const elf = parseElf(bytes);
    const wrong = judgeClass(file, elf, abi, fix);
    if (wrong) return [wrong];
    const image = loadImage(elf);
    return judgeExtension(
      file,
      findExtensionTargets(image, target.name),
      registersTarget(image),
      abi,
    );
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return [finding("extension.unreadable", { file, reason: error.message, ...fix })];
  }
}

function judgeClass(file: string, elf: ElfFile, abi: Abi, fix: ExtensionFix): Finding | undefined {
  const expected = describeIdentity(abi.elf);
  if (!sameIdentity(elf.header, abi.elf)) {
    return finding("extension.class", {
      file,
      expected,
      actual: describeIdentity(elf.header),
      ...fix,
    });
  }
  if (elf.header.type === elfType.shared) return undefined;
  const actual = `${describeIdentity(elf.header)}, but no shared object`;
  return finding("extension.class", { file, expected, actual, ...fix });
}

/** Both are one build when their bytes are one; the stale one is the one the build did not write. */
function checkOneBuild(
  ipt: Seen,
  xt: Seen,
  place: Place,
  metadata: Metadata,
  report: Report,
): void {
  const isBuilt = (one: Seen): boolean => metadata.extensions[one.file] === one.sha256;
  const knows = (one: Seen): boolean => metadata.extensions[one.file] !== undefined;
  const stale = (old: Seen, good: Seen): Finding =>
    finding("extension.stale", {
      ...place,
      file: old.file,
      than: knows(old) && isBuilt(good) ? "metadata.json" : good.file,
      ...(isBuilt(good) || !knows(good) ? { twin: good.file } : {}),
    });
  if (ipt.sha256 !== xt.sha256) {
    const old = knows(xt) && !isBuilt(xt) && isBuilt(ipt) ? xt : ipt;
    report.judged("extension.one-build", old.file, stale(old, old === ipt ? xt : ipt));
    return;
  }
  const changed = [ipt, xt].filter((one) => knows(one) && !isBuilt(one));
  for (const one of changed) {
    report.judged(
      "extension.one-build",
      one.file,
      finding("extension.stale", { ...place, file: one.file, than: "metadata.json" }),
    );
  }
  if (changed.length === 0) report.judged("extension.one-build", ipt.file);
}

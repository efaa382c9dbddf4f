import { badInput, failure } from "../../core/errors.ts";
import { compareKernelVersions } from "../../core/kernel-range.ts";
import type { KernelVersion } from "../../core/kernel-version.ts";
import type { Ports } from "../../ports.ts";
import { requireKernelTree } from "../tree.ts";
import { findPin } from "./pins.ts";
import { describeVerdict, gpgvCommand, verdictOf } from "./signature.ts";
import type { NewTree } from "./store.ts";
import type { Origin, Trust } from "./types.ts";
import { unpackVerified } from "./unpack-verified.ts";
import { type TarStream, tarIn, unpack } from "./unpack.ts";

/** A tarball on this disk, and what is known about it. */
export interface Tarball {
  readonly file: string;
  readonly shown: string;
  readonly origin: Origin;
  /** Detached signature over the uncompressed tar. */
  readonly signature?: Buffer;
  /** The hash the user gave. */
  readonly expected?: string;
  /** Options of tar that leave out members nobody asked for. */
  readonly leaveOut?: readonly string[];
  /** The release it must turn out to be. */
  readonly version?: KernelVersion;
  /** What an unverifiable one is: the user's own file is taken, a download is not. */
  readonly unverified: "user" | "refuse" | "skip";
}

const refuse = (tarball: Tarball, code: string, what: string, next: string): Error =>
  failure(code, {
    what: `${tarball.shown} is refused: ${what}`,
    where: tarball.origin.url ?? tarball.file,
    next,
  });

const skipHint = "if you trust it all the same, --insecure-skip-verify takes it unverified";

/** What speaks for it apart from the signature. */
async function trustByHash(
  tarball: Tarball,
  sha256: string,
  ports: Ports,
): Promise<Trust | undefined> {
  if (tarball.expected === sha256) return { how: "sha256", detail: `sha256 as given: ${sha256}` };
  if (tarball.expected !== undefined) {
    const what = `its sha256 is ${sha256}, not ${tarball.expected}`;
    if (tarball.unverified !== "skip")
      throw refuse(tarball, "fetch.checksum", what, "bring it again, or correct the hash");
    return skipped(tarball, what, ports);
  }
  const pin = await findPin(sha256, ports);
  if (!pin || (tarball.version && pin.version !== tarball.version.text)) return undefined;
  return { how: "sha256", detail: `pinned sha256 of ${pin.file}: ${pin.from}` };
}

function skipped(tarball: Tarball, why: string, ports: Ports): Trust {
  ports.log.warn(`NOT VERIFIED: ${tarball.shown}: ${why}; taken because of --insecure-skip-verify`);
  return { how: "skipped", detail: why };
}

function trustWithout(tarball: Tarball, why: string, ports: Ports): Trust {
  if (tarball.unverified === "skip") return skipped(tarball, why, ports);
  if (tarball.unverified === "user") return { how: "user", detail: `the user's own file; ${why}` };
  const next = `give its hash (…tar.xz#sha256=HEX) or another source; ${skipHint}`;
  throw refuse(tarball, "fetch.unverified", why, next);
}

/** Unpacks once; the same bytes go through gpgv when there is a signature. */
async function unpackSigned(
  tarball: Tarball,
  signature: Buffer,
  stream: TarStream,
  work: string,
  ports: Ports,
) {
  const gpgv = await gpgvCommand(signature, work, ports);
  const { tree, reader } = await unpack(stream, work, ports, gpgv);
  const verdict = reader ? verdictOf(reader) : ({ verdict: "unreadable" } as const);
  const said = describeVerdict(verdict);
  if (verdict.verdict === "good") return { tree, trust: { how: "openpgp", detail: said } as Trust };
  if (verdict.verdict === "bad" && tarball.unverified !== "skip") {
    throw refuse(
      tarball,
      "fetch.signature",
      said,
      `bring it again from a source you trust; ${skipHint}`,
    );
  }
  return { tree, trust: trustWithout(tarball, said, ports) };
}

async function verifiedTree(tarball: Tarball, sha256: Promise<string>, work: string, ports: Ports) {
  const { leaveOut } = tarball;
  const whole = await tarIn(tarball.file, tarball.shown, ports);
  const stream = { ...whole, ...(leaveOut ? { leaveOut } : {}) };
  const first = tarball.signature === undefined || tarball.expected !== undefined;
  const byHash = first ? await trustByHash(tarball, await sha256, ports) : undefined;
  if (byHash?.how === "sha256")
    return { tree: await unpackVerified(stream, work, ports), trust: byHash };
  if (byHash) return { tree: (await unpack(stream, work, ports)).tree, trust: byHash };
  if (tarball.signature) return unpackSigned(tarball, tarball.signature, stream, work, ports);
  const trust = trustWithout(
    tarball,
    "there is no signature beside it, and its sha256 is not pinned",
    ports,
  );
  return { tree: (await unpack(stream, work, ports)).tree, trust };
}

/** Verifies and unpacks a tarball into the private directory `work`. */
export async function treeFromTarball(
  tarball: Tarball,
  work: string,
  ports: Ports,
): Promise<NewTree> {
  const hashing = ports.files.sha256(tarball.file);
  // Awaited below; should unpacking fail first, its failure is the one to tell.
  hashing.catch(() => undefined);
  const { tree, trust } = await verifiedTree(tarball, hashing, work, ports);
  const sha256 = await hashing;
  const version = await treeVersion(tree, tarball, ports);
  return { tree, id: `sha256:${sha256}`, version, origin: { ...tarball.origin, sha256 }, trust };
}

/** An old release under a new one's name is signed as well: the tree itself must say what it is. */
async function treeVersion(tree: string, tarball: Tarball, ports: Ports): Promise<KernelVersion> {
  const version = await requireKernelTree(tree, ports).catch(() => undefined);
  if (!version) {
    throw badInput("fetch.no-kernel", {
      what: `${tarball.shown} holds no kernel source tree`,
      where: tarball.origin.url ?? tarball.file,
      next: "give a tarball whose one top directory is the kernel's",
    });
  }
  if (tarball.version && compareKernelVersions(version, tarball.version) !== 0) {
    const what = `it holds Linux ${version.text}, not ${tarball.version.text}`;
    throw refuse(tarball, "fetch.version", what, "the mirror is wrong: use another one (--mirror)");
  }
  return version;
}

import { basename, join } from "node:path";
import { badInput, environment } from "../../core/errors.ts";
import {
  directoryOf,
  newestInListing,
  newestInReleases,
  readReleases,
  signatureOf,
  tarballPaths,
} from "../../core/fetch-kernel-org.ts";
import { type KernelVersion, lineOf, parseKernelVersion } from "../../core/kernel-version.ts";
import type { Ports } from "../../ports.ts";
import { treeFromTarball } from "./archive.ts";
import { download, downloadSmall, type Download } from "./download.ts";
import { listDirectory, type Mirror, mirrorOf, readReleasesJson, shownMirror } from "./mirror.ts";
import { kernelLines } from "./pins.ts";
import { cachedOr, partMark } from "./store.ts";
import { signatureBeside } from "./tarball.ts";
import type { FetchRequest, FetchResult, Provider } from "./types.ts";

interface Found extends Download {
  readonly url: string;
  readonly signature: Buffer | undefined;
}

const unknown = (version: KernelVersion, mirror: Mirror): Error =>
  badInput("fetch.not-found", {
    what: `there is no Linux ${version.text} on ${shownMirror(mirror)}`,
    where: shownMirror(mirror),
    next: `check the number; "${lineOf(version)}" brings the newest point release of that line`,
  });

/** In a directory the release lies as on kernel.org, or right there. Nothing is copied. */
async function findLocal(
  version: KernelVersion,
  root: string,
  ports: Ports,
): Promise<Found | undefined> {
  const names = tarballPaths(version);
  for (const name of [...names, basename(names[0] as string)]) {
    const path = join(root, name);
    if (!(await ports.files.stat(path))) continue;
    const signature = await signatureBeside(path, ports);
    return { path, url: `file://${path}`, signature, discardIfWrong: async () => undefined };
  }
  return undefined;
}

async function findRemote(
  version: KernelVersion,
  base: string,
  ports: Ports,
): Promise<Found | undefined> {
  for (const name of tarballPaths(version)) {
    const url = `${base}/${name}`;
    try {
      const file = await download(url, basename(name), ports);
      return { ...file, url, signature: await downloadSmall(signatureOf(url), ports) };
    } catch (error) {
      if ((error as { code?: string }).code !== "fetch.not-found") throw error;
    }
  }
  return undefined;
}

async function fetchVersion(
  version: KernelVersion,
  request: FetchRequest,
  ports: Ports,
): Promise<FetchResult> {
  const mirror = mirrorOf(request, ports);
  if (version.rc !== undefined) {
    throw badInput("fetch.candidate", {
      what: `release candidates such as ${version.text} are not signed as tarballs`,
      where: `kernel source "${version.text}"`,
      next: `take the signed tag: git:https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git#v${version.text}`,
    });
  }
  const { leaveOut } = request;
  const part = partMark(leaveOut);
  const verified = { key: `release:${version.text}${part}`, name: `linux-${version.text}` };
  const skip = {
    key: `release:${version.text}:unverified:${shownMirror(mirror)}${part}`,
    name: `unverified-${version.text}`,
  };
  ports.log.stage("fetch", `Linux ${version.text}`);
  return cachedOr(request.insecureSkipVerify ? skip : verified, ports, async (work) => {
    const found =
      mirror.kind === "http"
        ? await findRemote(version, mirror.base, ports)
        : await findLocal(version, mirror.path, ports);
    if (!found) throw unknown(version, mirror);
    const tarball = {
      file: found.path,
      shown: basename(found.path),
      origin: { kind: "release", url: found.url } as const,
      ...(found.signature ? { signature: found.signature } : {}),
      ...(leaveOut ? { leaveOut } : {}),
      version,
      unverified: request.insecureSkipVerify ? ("skip" as const) : ("refuse" as const),
    };
    return treeFromTarball(tarball, work, ports).catch(async (error: unknown) => {
      await found.discardIfWrong(error);
      throw error;
    });
  });
}

/** An exact release: a cached one is used without asking anybody. */
export const fetchRelease: Provider<"release"> = (spec, request, ports) =>
  fetchVersion(spec.version, request, ports);

/** The newest point release of a line: of an ended line as data says, else as the mirror says. */
async function newestOf(
  line: string,
  mirror: Mirror,
  ports: Ports,
): Promise<KernelVersion | undefined> {
  const known = (await kernelLines(ports)).find((data) => data.line === line);
  if (known?.last) return parseKernelVersion(known.last);
  const json = await readReleasesJson(mirror, ports);
  const current = json === undefined ? undefined : newestInReleases(readReleases(json), line);
  if (current) return current;
  const [major = 0, minor = 0] = line.split(".").map(Number);
  return newestInListing(await listDirectory(mirror, directoryOf({ major, minor }), ports), line);
}

export const fetchLine: Provider<"line"> = async (spec, request, ports) => {
  const mirror = mirrorOf(request, ports);
  const newest = await newestOf(spec.line, mirror, ports).catch((error: unknown) => {
    if ((error as { code?: string }).code !== "fetch.network") throw error;
    throw environment("fetch.network", {
      what: `cannot ask which ${spec.line} release is the newest: ${(error as Error).message}`,
      where: shownMirror(mirror),
      next: `name an exact release (a cached one needs no network), use --mirror, or take debian:${spec.line} through apt`,
    });
  });
  if (newest) return fetchVersion(newest, request, ports);
  throw badInput("fetch.not-found", {
    what: `no release of the line ${spec.line} is known to ${shownMirror(mirror)}`,
    where: `kernel source "${spec.text}"`,
    next: "check the number, or name an exact release such as 6.1.192",
  });
};

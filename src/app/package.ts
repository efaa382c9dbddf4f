import { join } from "node:path";
import type { Arch } from "../core/arch.ts";
import { debianAbis } from "../core/deb.ts";
import { badInput } from "../core/errors.ts";
import { parseDotconfig } from "../core/kconfig/dotconfig.ts";
import type { Ports } from "../ports.ts";
import type { LoadedSeries } from "./patch/load.ts";
import { extensionDeb, kernelDeb, moduleDeb } from "./package/deb.ts";
import { dkmsDeb } from "./package/dkms.ts";
import { writeDeb, type DebContents } from "./package/stage.ts";
import { writeTar } from "./package/tar.ts";
import { withScratch } from "./scratch.ts";
import { readMetadata, type Metadata } from "./verify/metadata.ts";

/** What --package and a matrix take. */
export const packageKinds = ["deb", "tar", "dkms"] as const;
export type PackageKind = (typeof packageKinds)[number];

export interface PackageRequest {
  /** A complete artifact directory; the packages are put into it. */
  readonly dir: string;
  readonly kinds: readonly PackageKind[];
  readonly arch: Arch;
  /** Seconds since 1970 that every file in a package is dated. */
  readonly epoch: number;
  /** Whose sources the DKMS package holds. */
  readonly series: LoadedSeries;
}

export interface PackageResult {
  /** Names in dir, sorted. */
  readonly files: readonly string[];
}

/** Makes packages of artifacts. The same artifacts give the same bytes. */
export async function packageArtifacts(
  request: PackageRequest,
  ports: Ports,
): Promise<PackageResult> {
  const { dir, kinds, arch, epoch } = request;
  const text = await ports.files.readText(join(dir, "metadata.json"));
  const { metadata, problem } = readMetadata(text);
  if (!metadata) throw unusable(dir, problem ?? "");
  return withScratch("package", ports, async (work) => {
    const files: string[] = [];
    if (kinds.includes("tar"))
      files.push(await writeTar(dir, `${metadata.release}-${arch.name}`, work, epoch, ports));
    const version = toolVersion(text);
    const debs = [
      ...(kinds.includes("deb") ? await debContents(request, metadata, version, ports) : []),
      ...(kinds.includes("dkms") ? [await dkmsDeb(request.series, version, ports)] : []),
    ];
    for (const contents of debs) files.push(await writeDeb(contents, work, dir, epoch, ports));
    return { files: files.toSorted() };
  });
}

async function debContents(
  { dir, arch }: PackageRequest,
  metadata: Metadata,
  version: string,
  ports: Ports,
): Promise<readonly DebContents[]> {
  const config = parseDotconfig(await ports.files.readText(join(dir, "config")));
  const about = { arch, release: metadata.release, initrd: config.get("BLK_DEV_INITRD") === "y" };
  const kernel =
    metadata.scope === "kernel"
      ? await kernelDeb(dir, metadata.bootImage ?? arch.bootImageName, about, ports)
      : moduleDeb(dir, about, ports);
  const abis = arch.abis.filter(
    (abi) => metadata.abis.includes(abi.name) && abi.name in debianAbis,
  );
  const extensions = [];
  for (const abi of abis) extensions.push(await extensionDeb(dir, abi, version, ports));
  return [kernel, ...extensions];
}

const toolVersion = (metadata: string): string => {
  const { tool } = JSON.parse(metadata) as { readonly tool?: { readonly version?: string } };
  return tool?.version ?? "0";
};

const unusable = (dir: string, problem: string) =>
  badInput("package.metadata", {
    what: `metadata.json does not say what to package: ${problem}`,
    where: dir,
    next: `look at: tarpit-kit verify --artifacts ${dir}`,
  });

import { join } from "node:path";
import type { Ports } from "../../ports.ts";
import type { LineNeeds } from "../line.ts";

/** data/kernels/LINE.json */
export interface KernelLine extends LineNeeds {
  readonly line: string;
  /** Directory below kernel.org's pub/linux/kernel. */
  readonly directory: string;
  /** The line's last release, when it has ended. */
  readonly last?: string;
  /** Where the hashes below were read. */
  readonly tarballsFrom?: string;
  readonly tarballs: readonly {
    readonly version: string;
    readonly file: string;
    readonly size: number;
    readonly sha256: string;
  }[];
}

export interface Pin {
  readonly version: string;
  readonly file: string;
  readonly from: string;
}

/** All kernel lines that are known as data. */
export async function kernelLines(ports: Ports): Promise<readonly KernelLine[]> {
  const directory = join(ports.packageRoot, "data", "kernels");
  const names = (await ports.files.list(directory)).filter((name) => name.endsWith(".json"));
  return Promise.all(
    names.map(
      async (name) => JSON.parse(await ports.files.readText(join(directory, name))) as KernelLine,
    ),
  );
}

/** The pinned tarball with this content, whatever its name. */
export async function findPin(sha256: string, ports: Ports): Promise<Pin | undefined> {
  for (const line of await kernelLines(ports)) {
    const found = line.tarballs.find((tarball) => tarball.sha256 === sha256);
    if (found)
      return { version: found.version, file: found.file, from: line.tarballsFrom ?? line.line };
  }
  return undefined;
}

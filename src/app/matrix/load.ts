import { dirname, join, resolve } from "node:path";
import type { Arch } from "../../core/arch.ts";
import { badInput } from "../../core/errors.ts";
import { expand } from "../../core/matrix/expand.ts";
import { readMatrix } from "../../core/matrix/read.ts";
import type { Combination, Known, MatrixFile } from "../../core/matrix/types.ts";
import type { Manifest } from "../../core/manifest.ts";
import type { Ports } from "../../ports.ts";
import { archNames, loadArch, loadProfile, profileNames } from "../data.ts";
import { kernelLines } from "../fetch/pins.ts";
import { packageKinds } from "../package.ts";

export const defaultFile = "tarpit-kit.json";

interface LoadedMatrix {
  readonly file: string;
  readonly matrix: MatrixFile;
  readonly all: readonly Combination[];
}

/** Reads and expands a matrix file; paths in it are relative to it. */
export async function loadMatrix(given: string | undefined, ports: Ports): Promise<LoadedMatrix> {
  const { file, matrix, known } = await readFile(given, ports);
  return { file, matrix, all: expand(matrix, known, file) };
}

/** The file without its builds: all that the drift radar needs. */
export async function readFile(given: string | undefined, ports: Ports) {
  const file = given ?? defaultFile;
  const path = resolve(ports.host.cwd, file);
  const text = await ports.files.readText(path).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(file, error);
  });
  const known = await loadKnown(ports);
  return { file, known, matrix: besideFile(readMatrix(text, file, known), dirname(path)) };
}

const unreadable = (file: string, error: NodeJS.ErrnoException): Error =>
  badInput("matrix.unreadable", {
    what: error.code === "ENOENT" ? "there is no matrix file" : "the matrix file cannot be read",
    where: `${file} (${error.code ?? error.message})`,
    next: `write {"kernels": ["debian:6.1"], "archs": ["sparc64"]} to ${defaultFile}, or give another file`,
  });

const isPath = (text: string): boolean => /^\.{1,2}(?:\/|$)/.test(text);

function besideFile(matrix: MatrixFile, directory: string): MatrixFile {
  const place = (text: string): string => (isPath(text) ? resolve(directory, text) : text);
  return {
    ...matrix,
    kernels: matrix.kernels.map(place),
    exclude: matrix.exclude.map((rule) =>
      rule.kernel === undefined ? rule : { ...rule, kernel: place(rule.kernel) },
    ),
    fragments: matrix.fragments.map(place),
    out: resolve(directory, matrix.out),
    ...(matrix.mirror === undefined ? {} : { mirror: place(matrix.mirror) }),
  };
}

async function loadKnown(ports: Ports): Promise<Known> {
  const archs = await Promise.all((await archNames(ports)).map((name) => loadArch(name, ports)));
  const releases = (await kernelLines(ports)).flatMap(({ tarballs }) =>
    tarballs.map(({ version }) => version),
  );
  const manifest = await readManifest(ports);
  return {
    archs: archs.map(({ name, abis, defaultProfile }) => ({
      name,
      widths: abis.map(({ bits }) => bits),
      defaultProfile,
    })),
    profiles: await profilesOf(archs, ports),
    releases: [...new Set(releases)],
    lines: manifest.lines.map(({ line }) => line),
    packages: [...packageKinds],
  };
}

async function profilesOf(archs: readonly Arch[], ports: Ports): Promise<Known["profiles"]> {
  const names = await profileNames(ports);
  const found = await Promise.all(
    archs.map(async (arch) => {
      const own = await Promise.all(
        names.map((name) => loadProfile(name, arch, ports).catch(() => undefined)),
      );
      return own.flatMap((profile) => (profile ? [{ name: profile.name, arch: arch.name }] : []));
    }),
  );
  return found.flat();
}

export const manifestPath = (ports: Ports): string =>
  join(ports.packageRoot, "patches", "manifest.json");

export const readManifest = async (ports: Ports): Promise<Manifest> =>
  JSON.parse(await ports.files.readText(manifestPath(ports))) as Manifest;

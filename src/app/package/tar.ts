import { join } from "node:path";
import {
  isRecord,
  lastingMetadata,
  metadataName,
  provenanceName,
  sumsName,
} from "../../core/records.ts";
import type { Ports } from "../../ports.ts";
import { filesBelow } from "../verify/sums.ts";
import { runTool } from "./stage.ts";

/** Packages do not go into a package, nor what tells of one run of the build alone (core/records.ts). */
const isArtifact = (file: string): boolean =>
  !isRecord(file) && file !== provenanceName && !/^[^/]+\.(deb|tar\.gz)$/.test(file);
const modules = "modules.tar.gz";

/**
 * NAME.tar.gz: the artifact directory with metadata and checksums of its own, so that what comes out
 * of it can be verified. Metadata without the run's times and paths, sorted names, root's, one time,
 * no name or time in the gzip header: the same bytes again.
 */
export async function writeTar(
  dir: string,
  name: string,
  work: string,
  epoch: number,
  ports: Ports,
): Promise<string> {
  const files = (await filesBelow(dir, ports)).filter(
    (file) => file === modules || isArtifact(file),
  );
  const lines = [];
  for (const file of files) lines.push(`${await ports.files.sha256(join(dir, file))}  ${file}\n`);
  const metadata = lastingMetadata(await ports.files.readText(join(dir, metadataName)));
  await ports.files.write(join(work, metadataName), metadata, 0o644);
  lines.push(`${await ports.files.sha256(join(work, metadataName))}  ${metadataName}\n`);
  await ports.files.write(join(work, sumsName), lines.join(""), 0o644);
  const tarball = join(work, `${name}.tar`);
  const owner = [
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=u=rw,go=r",
    `--mtime=@${epoch}`,
  ];
  const names = ["-C", dir, ...files, "-C", work, metadataName, sumsName];
  const prefix = `--transform=flags=r;s,^,${name}/,`;
  const args = ["--format=gnu", "--no-recursion", ...owner, prefix, "-cf", tarball, ...names];
  await runTool({ program: "tar", args, env: { LC_ALL: "C" } }, ports);
  await runTool({ program: "gzip", args: ["-n", "-9", tarball] }, ports);
  await ports.files.copy(`${tarball}.gz`, join(dir, `${name}.tar.gz`));
  return `${name}.tar.gz`;
}

import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { environment, failure } from "../../core/errors.ts";
import {
  changelogFile,
  controlFile,
  copyrightFile,
  installedSize,
  maintainerOf,
  type Control,
} from "../../core/deb.ts";
import type { Scripts } from "../../core/deb-scripts.ts";
import type { Command, Ports, RunResult } from "../../ports.ts";
import { filesBelow } from "../verify/sums.ts";

/** What goes into one .deb: files by their place in the package, and maintainer scripts. */
export interface DebContents {
  readonly control: Control;
  readonly software: string;
  readonly scripts: Scripts;
  /** Lintian's tags that are meant, each with its reason (lintian(1), "OVERRIDES"). */
  readonly overrides?: readonly string[];
  /** Puts the files below `root`. */
  readonly fill: (root: string) => Promise<void>;
}

/** Runs a tool that may only fail for reasons of the machine. */
export async function runTool(command: Command, ports: Ports): Promise<RunResult> {
  const result = await ports.processes.run(command);
  if (result.code === 0) return result;
  throw environment("package.tool", {
    what: `${command.program} failed with exit code ${result.code}`,
    where: command.args.slice(-2).join(" "),
    next:
      result.code === 127 ? "tarpit-kit doctor --install" : "make room there and run this again",
    evidence: result.stderr.trim().split("\n").slice(-5),
  });
}

/**
 * Writes one .deb (deb(5)) into outDir. dpkg-deb sorts the names, makes root the owner and takes
 * no time later than SOURCE_DATE_EPOCH, so the same files give the same bytes.
 */
export async function writeDeb(
  contents: DebContents,
  work: string,
  outDir: string,
  epoch: number,
  ports: Ports,
): Promise<string> {
  const { control } = contents;
  const root = join(work, `${control.package}-${control.architecture}`);
  await contents.fill(root);
  await writeDocumentation(root, contents, epoch, ports);
  await writeControl(root, contents, ports);
  await plainModes(root, Object.keys(contents.scripts), ports);
  const file = `${control.package}_${control.version}_${control.architecture}.deb`;
  const args = ["--root-owner-group", "-Zxz", "-z6", "--build", root, join(outDir, file)];
  await runTool(
    { program: "dpkg-deb", args, env: { SOURCE_DATE_EPOCH: String(epoch), LC_ALL: "C" } },
    ports,
  );
  return file;
}

/** Copyright and changelog (policy 12.5, 12.7). */
async function writeDocumentation(
  root: string,
  { control, software, overrides = [] }: DebContents,
  epoch: number,
  ports: Ports,
): Promise<void> {
  const directory = join(root, "usr/share/doc", control.package);
  const changelog = join(directory, "changelog.Debian");
  const maintainer = maintainerOf(ports.host.env);
  await ports.files.write(join(directory, "copyright"), copyrightFile(software), 0o644);
  await ports.files.write(changelog, changelogFile(control, maintainer, epoch), 0o644);
  await runTool({ program: "gzip", args: ["-n", "-9", changelog] }, ports);
  if (overrides.length === 0) return;
  const file = join(root, "usr/share/lintian/overrides", control.package);
  await ports.files.write(file, `${overrides.join("\n")}\n`, 0o644);
}

/** Directories 0755, files 0644, scripts 0755: whatever our umask and the build left. */
async function plainModes(root: string, scripts: readonly string[], ports: Ports): Promise<void> {
  const directories = ["-type", "d", "-exec", "chmod", "0755", "{}", "+"];
  const files = ["-type", "f", "-exec", "chmod", "0644", "{}", "+"];
  await runTool({ program: "find", args: [root, ...directories, "-o", ...files] }, ports);
  const paths = scripts.map((name) => join(root, "DEBIAN", name));
  if (paths.length > 0) await runTool({ program: "chmod", args: ["0755", ...paths] }, ports);
}

async function writeControl(
  root: string,
  { control, scripts }: DebContents,
  ports: Ports,
): Promise<void> {
  const files = await filesBelow(root, ports);
  const infos = await Promise.all(files.map((file) => ports.files.stat(join(root, file))));
  const directories = new Set(files.flatMap((file) => parents(file)));
  const size = installedSize(
    infos.map((info) => info?.size ?? 0),
    directories.size,
  );
  const meta = join(root, "DEBIAN");
  await ports.files.write(
    join(meta, "control"),
    controlFile(control, maintainerOf(ports.host.env), size),
    0o644,
  );
  await ports.files.write(join(meta, "md5sums"), await md5sums(root, files, ports), 0o644);
  for (const [name, text] of Object.entries(scripts))
    await ports.files.write(join(meta, name), text, 0o755);
}

const parents = (file: string): string[] => {
  const above = dirname(file);
  return above === "." ? [] : [above, ...parents(above)];
};

/** deb-md5sums(5): what dpkg --verify compares with. */
async function md5sums(root: string, files: readonly string[], ports: Ports): Promise<string> {
  const lines = [];
  for (const file of files) {
    // A symbolic link has no bytes of its own (deb-md5sums(5): regular files).
    if ((await ports.files.stat(join(root, file)))?.kind !== "file") continue;
    const bytes = await ports.files.readBytes(join(root, file));
    lines.push(`${createHash("md5").update(bytes).digest("hex")}  ${file}\n`);
  }
  return lines.join("");
}

/** Copies one artifact; a package without it would be worse than none. */
export async function put(from: string, to: string, ports: Ports): Promise<void> {
  if ((await ports.files.stat(from)) === undefined) {
    throw failure("package.missing", {
      what: `${basename(from)} is missing, so there is nothing to package`,
      where: dirname(from),
      next: `look at: tarpit-kit verify --artifacts ${dirname(from)}`,
    });
  }
  await ports.files.mkdir(dirname(to), 0o755);
  await ports.files.copy(from, to);
}

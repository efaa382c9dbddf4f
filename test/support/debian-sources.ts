import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parseAptSources, sourceStanzas } from "../../src/core/prove/apt.ts";
import { tool } from "./cli.ts";

/** A Debian source package, downloaded and checked by apt (InRelease's signature, then hashes), not unpacked. */
export interface SourcePackage {
  readonly name: string;
  readonly version: string;
  readonly orig: string;
  readonly debian: string;
}

const configured = (): { name: string; text: string }[] => {
  const parts = "/etc/apt/sources.list.d";
  const names = existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [];
  return ["/etc/apt/sources.list", ...names]
    .filter((name) => /\.(?:list|sources)$/.test(name) && existsSync(name))
    .map((name) => ({ name, text: readFileSync(name, "utf8") }));
};

/** apt with the machine's own sources as deb-src; what it writes stays in `work`. */
export class Sources {
  readonly #work: string;
  constructor(work: string) {
    this.#work = work;
    for (const dir of ["lists/partial", "cache/archives/partial"])
      mkdirSync(join(work, dir), { recursive: true });
    const stanzas = sourceStanzas(parseAptSources(configured()), tool("apt-cache", ["policy"]));
    if (stanzas === "") throw new Error("apt has no sources configured");
    writeFileSync(join(work, "deb-src.sources"), stanzas);
    this.#apt(["update"], work);
  }

  #apt(args: readonly string[], cwd: string): void {
    const own = [
      `Dir::Etc::sourcelist=${this.#work}/deb-src.sources`,
      "Dir::Etc::sourceparts=-",
      `Dir::State::lists=${this.#work}/lists`,
      `Dir::Cache=${this.#work}/cache`,
      "Acquire::Languages=none",
      "Acquire::Retries=3",
      "APT::Sandbox::User=root",
    ];
    const options = own.flatMap((option) => ["-o", option]);
    tool("apt-get", ["-q", ...options, ...args], { cwd, env: { LC_ALL: "C" } });
  }

  /** The first of these (`name` or `name=version`) that the sources give: an old version goes, a mirror lacks a file. */
  download(wanted: readonly string[]): SourcePackage {
    const trouble: string[] = [];
    for (const what of wanted) {
      const dir = mkdtempSync(join(this.#work, "src-"));
      try {
        this.#apt(["source", "--download-only", what], dir);
        return found(what.replace(/=.*/, ""), dir);
      } catch (error) {
        trouble.push(String(error));
      }
    }
    throw new Error(trouble.join("\n"));
  }
}

function found(name: string, dir: string): SourcePackage {
  const files = readdirSync(dir);
  const one = (end: RegExp): string => join(dir, files.find((file) => end.test(file)) as string);
  const version = /_(.*)\.dsc$/.exec(files.find((file) => file.endsWith(".dsc")) ?? "")?.[1] ?? "";
  return {
    name,
    version,
    orig: one(/\.orig\.tar\.(?:xz|gz|bz2)$/),
    debian: one(/\.debian\.tar\.(?:xz|gz|bz2)$/),
  };
}

/** Those of `paths` that the archive has, below `to`, without the archive's one directory. */
export function unpackSome(archive: string, paths: readonly string[], to: string): number {
  mkdirSync(to, { recursive: true });
  const list = join(to, "..", "wanted");
  // The first name says what the one directory is called; tar is stopped after it.
  const first = spawnSync("sh", ["-c", 'tar -tf "$0" | head -n 1', archive], { encoding: "utf8" });
  const top = first.stdout.split("/")[0] ?? "";
  writeFileSync(list, paths.map((path) => `${top}/${path}\n`).join(""));
  const options = ["--strip-components=1", "--no-same-owner", "--no-wildcards", "-T", list];
  // Names that a patch creates are not in it: tar says so, and goes on.
  spawnSync("tar", ["-xf", archive, "-C", to, ...options]);
  return tool("find", [to, "-type", "f"]).split("\n").length - 1;
}

import { join } from "node:path";
import { type Differences, readDifferences } from "../../core/drift/differences.ts";
import { leaveOut } from "../../core/drift/left-out.ts";
import { environment } from "../../core/errors.ts";
import type { Command, Ports } from "../../ports.ts";
import { markUsed } from "../cache/lease.ts";
import { findTree } from "../fetch/store.ts";
import type { Release } from "../fetch/releases.ts";
import { patchTree } from "../patch.ts";

/**
 * The one tree of a line, which becomes each release in turn: only files that differ are touched, so
 * that make compiles again what depends on them and no more. It lies in CACHE/builds.
 */
export class PreparedTree {
  readonly tree: string;
  readonly buildDir: string;
  readonly #home: string;
  readonly #series: string;
  readonly #ports: Ports;

  constructor(home: string, series: string, ports: Ports) {
    this.#home = home;
    this.#series = series;
    this.#ports = ports;
    this.tree = join(home, "linux");
    this.buildDir = join(home, "obj");
  }

  /** Makes the tree that release, without the series; says how many files were touched. */
  async become(release: Release): Promise<number> {
    const from = await this.#bring(release);
    try {
      return await this.#takeOver(from, release.version.text);
    } finally {
      await this.#ports.files.remove(this.#private);
    }
  }

  /** Puts the series in. */
  patch(): Promise<unknown> {
    return this.#patch(false);
  }

  get #private(): string {
    return join(this.#home, "cache");
  }
  get #stamp(): string {
    return join(this.#home, "release");
  }

  /**
   * What is needed of the release, in a place that goes again, as a dozen whole ones would fill the disk:
   * out of the shared cache when it is there, else out of its archive.
   */
  async #bring(release: Release): Promise<string> {
    const { files, cacheDir } = this.#ports;
    await files.remove(this.#private);
    await files.mkdir(this.#private);
    const shared = await findTree((key) => key === release.key, this.#ports);
    if (shared) {
      const part = join(this.#private, "linux");
      await files.mkdir(part);
      await this.#must([
        { program: "tar", args: ["-C", shared.path, ...leaveOut, "-cf", "-", "."], env },
        { program: "tar", args: ["-C", part, "-xf", "-"], env },
      ]);
      return part;
    }
    for (const name of ["downloads", "apt"]) {
      await files.mkdir(join(cacheDir, name));
      await files.symlink(join(cacheDir, name), join(this.#private, name));
    }
    return (await release.bring({ ...this.#ports, cacheDir: this.#private }, leaveOut)).path;
  }

  async #takeOver(from: string, version: string): Promise<number> {
    const { files } = this.#ports;
    await markUsed(this.#home, this.#ports);
    const before = await files.readText(this.#stamp).catch(() => undefined);
    await files.remove(this.#stamp);
    const differences = before === undefined ? undefined : await this.#differences(from);
    if (differences) await this.#touch(from, differences);
    else await this.#anew(from);
    await files.write(this.#stamp, version);
    return differences ? differences.take.length + differences.remove.length : -1;
  }

  /** Undefined when the tree is not what it should be: a run was killed, somebody changed it. */
  async #differences(from: string): Promise<Differences | undefined> {
    const out = await this.#patch(true).then(
      () => true,
      () => false,
    );
    if (!out) return undefined;
    const diff = { program: "diff", args: ["-rq", "--no-dereference", from, this.tree], env };
    const result = await this.#ports.processes.run(diff);
    return result.code > 1 ? undefined : readDifferences(result.stdout, from, this.tree);
  }

  #patch(reverse: boolean): Promise<unknown> {
    const { tree } = this;
    return patchTree({ tree, series: this.#series, check: false, reverse, fuzz: 0 }, this.#ports);
  }

  /** What is taken over gets the time of now: make goes by it, and releases are tried newest first. */
  async #touch(from: string, { take, remove }: Differences): Promise<void> {
    for (const name of remove) await this.#ports.files.remove(join(this.tree, name));
    if (take.length === 0) return;
    const list = join(this.#home, "take");
    await this.#ports.files.write(list, take.map((name) => `./${name}\0`).join(""));
    await this.#must([
      { program: "tar", args: ["-C", from, "--null", `--files-from=${list}`, "-cf", "-"], env },
      { program: "tar", args: ["-C", this.tree, "--touch", "-xf", "-"], env },
    ]);
    await this.#ports.files.remove(list);
  }

  async #anew(from: string): Promise<void> {
    const { files } = this.#ports;
    await files.remove(this.tree);
    await files.remove(this.buildDir);
    await files.rename(from, this.tree);
  }

  async #must(commands: readonly Command[]): Promise<void> {
    const results = await this.#ports.processes.pipe(commands);
    const failed = results.find(({ code }) => code !== 0);
    if (!failed) return;
    throw environment("drift.tree", {
      what: "the prepared tree cannot be written",
      where: this.tree,
      next: "make room there, or put the cache elsewhere with TARPIT_KIT_CACHE",
      evidence: failed.stderr.trim().split("\n").slice(0, 3),
    });
  }
}

const env = { LC_ALL: "C", TAR_OPTIONS: undefined };

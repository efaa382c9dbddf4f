import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { type Case, type Outcome, ours, type TreeFile } from "./patch-cases.ts";

/** Real GNU patch, git and quilt, many cases a shell: a process for each would take most of the time. */
const atOnce = 500;
const shells = 2;

/** Cases the engine and the programs did not agree on are kept here; the property tests try them for ever. */
export const kept = new URL("../fixtures/patch-cases/", import.meta.url).pathname;

const flags = "-f -s --binary --no-backup-if-mismatch -r -";

/** The line of shell that tries one case in its tree. */
function command({ oracle, strip, fuzz, reverse }: Case, diff: string): string {
  if (oracle === "gnu")
    return `patch ${flags} -p${strip} -F${fuzz}${reverse ? " -R" : ""} -i ${diff}/p0`;
  if (oracle === "git") return `git apply -p${strip} --whitespace=nowarn ${diff}/p0`;
  return `QUILT_PATCHES=${diff} QUILT_PC=${diff}.pc quilt --quiltrc - push -a -q --fuzz=${fuzz}`;
}

function layOut(dir: string, one: Case, index: number): void {
  const tree = join(dir, `t${index}`);
  mkdirSync(tree);
  for (const [path, { text, x }] of Object.entries(one.tree)) {
    const name = Buffer.from(path, "latin1").toString("utf8");
    if (name.includes("/")) mkdirSync(dirname(join(tree, name)), { recursive: true });
    writeFileSync(join(tree, name), text, { encoding: "latin1", mode: x ? 0o755 : 0o644 });
  }
  const diff = join(dir, `d${index}`);
  mkdirSync(diff);
  for (const [at, text] of one.patches.entries())
    writeFileSync(join(diff, `p${at}`), text, "latin1");
  writeFileSync(join(diff, "series"), one.patches.map((_, at) => `p${at}\n`).join(""));
}

function readTree(root: string): Record<string, TreeFile> {
  const tree: Record<string, TreeFile> = {};
  const walk = (below: string): void => {
    for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else
        tree[Buffer.from(path, "utf8").toString("latin1")] = {
          text: readFileSync(join(root, path), "latin1"),
          x: (statSync(join(root, path)).mode & 0o100) !== 0,
        };
    }
  };
  walk("");
  return tree;
}

/** What the real programs make of some cases. */
export async function theirs(cases: readonly Case[]): Promise<Outcome[]> {
  const dir = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "kit-oracle-"));
  try {
    const scripts = Array.from({ length: shells }, () => [] as string[]);
    for (const [index, one] of cases.entries()) {
      layOut(dir, one, index);
      const run = command(one, join(dir, `d${index}`));
      scripts[index % shells]?.push(
        `cd ${dir}/t${index} && ${run} >/dev/null 2>&1; echo ${index} $?`,
      );
    }
    const said = await Promise.all(scripts.map((lines) => shell(lines.join("\n"), dir)));
    const status = new Map(
      said
        .flatMap((text) => text.split("\n").filter((line) => line !== ""))
        .map((line) => line.split(" ").map(Number) as [number, number]),
    );
    return cases.map((_, index) => {
      const code = status.get(index);
      // 126 and more: the program could not be run at all.
      if (code === undefined || code >= 126) throw new Error(`case ${index}: no oracle (${code})`);
      return code === 0 ? readTree(join(dir, `t${index}`)) : "refused";
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function shell(script: string, dir: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      LC_ALL: "C",
      GIT_CEILING_DIRECTORIES: dirname(dir),
      GIT_DIR: undefined,
    };
    const child = spawn("sh", [], { env, stdio: ["pipe", "pipe", "inherit"] });
    const out: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.on("error", reject);
    child.on("close", () => resolve(Buffer.concat(out).toString("latin1")));
    child.stdin.end(script);
  });
}

/** Names decoded as the engine's paths are. */
const asTree = (outcome: Outcome): unknown =>
  outcome === "refused"
    ? outcome
    : Object.fromEntries(
        Object.entries(outcome)
          .map(([path, file]) => [Buffer.from(path, "latin1").toString("utf8"), file])
          .toSorted(),
      );

const tried = (one: Case): Outcome | undefined => {
  const decoded = Object.fromEntries(
    Object.entries(one.tree).map(([path, file]) => [
      Buffer.from(path, "latin1").toString("utf8"),
      file,
    ]),
  );
  const outcome = ours({ ...one, tree: decoded });
  if (outcome === undefined || outcome === "refused") return outcome;
  return Object.fromEntries(
    Object.entries(outcome).map(([path, file]) => [
      Buffer.from(path, "utf8").toString("latin1"),
      file,
    ]),
  );
};

export interface Difference {
  readonly case: Case;
  readonly ours: unknown;
  readonly theirs: unknown;
}

export interface Tally {
  readonly differences: readonly Difference[];
  applied: number;
  refused: number;
  /** Refused by us alone, for a reason in docs/patch.md. */
  stricter: number;
}

/** Compares the outcomes of some cases. */
export async function compare(cases: readonly Case[]): Promise<Tally> {
  const outcomes = await theirs(cases);
  const differences: Difference[] = [];
  const tally = { differences, applied: 0, refused: 0, stricter: 0 };
  for (const [index, one] of cases.entries()) {
    const mine = tried(one);
    const other = outcomes[index] as Outcome;
    if (mine === undefined) tally.stricter += 1;
    else {
      tally[other === "refused" ? "refused" : "applied"] += 1;
      if (JSON.stringify(asTree(mine)) !== JSON.stringify(asTree(other)))
        differences.push({ case: one, ours: mine, theirs: other });
    }
  }
  return tally;
}

/** Tries `count` generated cases; those that differ are printed with their seed and kept as fixtures. */
export async function tryMany(
  name: string,
  cases: fc.Arbitrary<Case>,
  count: number,
  seed: number,
): Promise<Tally> {
  const sum = { differences: [] as Difference[], applied: 0, refused: 0, stricter: 0 };
  for (let done = 0, batch = seed; done < count; done += atOnce, batch += 1) {
    const some = fc.sample(cases, { seed: batch, numRuns: Math.min(atOnce, count - done) });
    const tally = await compare(some);
    sum.applied += tally.applied;
    sum.refused += tally.refused;
    sum.stricter += tally.stricter;
    for (const difference of tally.differences) {
      sum.differences.push(difference);
      const file = join(kept, `${name}-${batch}-${some.indexOf(difference.case)}.json`);
      writeFileSync(file, `${JSON.stringify(difference.case, null, 1)}\n`);
      console.error(`${name}, seed ${batch}: ${JSON.stringify(difference)}\nkept as ${file}`);
    }
  }
  return sum;
}

/** TARPIT_KIT_SEED=N tries other cases than every run does. */
export const seedOf = (fallback: number): number =>
  Number(process.env["TARPIT_KIT_SEED"] ?? fallback);

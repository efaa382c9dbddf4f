// npm run bench:patch [TREE]: the patch engine against quilt, a shell loop of GNU patch and git apply, on
// generated series, each on its own copy of the same tree, in one run. TREE is copied as the tree to work
// in (a kernel: `tarpit-kit fetch debian:6.1`); without it a tree of 600 files is made.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const bin = join(dirname(dirname(fileURLToPath(import.meta.url))), "dist/bin.js");
const work = mkdtempSync(join(process.env.TARPIT_KIT_BENCH_DIR ?? tmpdir(), "tarpit-kit-bench-"));
const source = process.argv[2];

/** Wall and CPU seconds and peak MiB of a command and all its children. */
function time(program, args, cwd) {
  const report = join(work, "time");
  const env = { ...process.env, LC_ALL: "C" };
  delete env.QUILT_PATCHES;
  const result = spawnSync("/usr/bin/time", ["-o", report, "-f", "%e %U %S %M", program, ...args], {
    cwd,
    env,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (result.status !== 0) throw new Error(`${program}: ${result.status}\n${result.stderr}`);
  const [wall, user, system, kib] = spawnSync("cat", [report], { encoding: "utf8" })
    .stdout.trim()
    .split(" ")
    .map(Number);
  return { wall, cpu: user + system, mib: kib / 1024 };
}
const show = (name, { wall, cpu, mib }) =>
  console.log(
    `${name.padEnd(44)} ${wall.toFixed(2)} s wall ${cpu.toFixed(2)} s CPU ${mib.toFixed(0)} MiB`,
  );
const judge = (name, value, target, met) =>
  console.log(
    `${name.padEnd(44)} ${value.toFixed(2)}  target ${target}  ${met ? "met" : "NOT MET"}`,
  );

const lineOf = (file, number) => `\tcall_${file % 97}(${number}, "a line of usual length in C");\n`;

/** Files of `lines` lines below TREE/bench, and the text of a hunk that changes line `at`. */
function makeFiles(tree, files, lines) {
  for (let file = 0; file < files; file += 1) {
    const path = join(tree, nameOf(file));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Array.from({ length: lines }, (_, at) => lineOf(file, at)).join(""));
  }
}
const nameOf = (file) => `bench/d${file % 20}/f${file}.c`;
function hunk(file, at, shift) {
  const context = (from) => [0, 1, 2].map((index) => ` ${lineOf(file, from + index)}`).join("");
  return `@@ -${at - 2},7 +${at - 2 + shift},8 @@ int f_${file}(void)\n${context(at - 3)}-${lineOf(file, at)}+\tnew_${at}();\n+\tsecond_${at}();\n${context(at + 1)}`;
}
const headers = (file) => `--- a/${nameOf(file)}\n+++ b/${nameOf(file)}\n`;

function copies(tree, names) {
  for (const name of names)
    spawnSync("cp", ["-a", "--reflink=auto", tree, join(work, name)], { stdio: "inherit" });
}

/** 300 patches of two files each, as a distribution's kernel has them. */
function series() {
  const tree = join(work, "tree");
  if (source) cpSync(source, tree, { recursive: true, verbatimSymlinks: true });
  mkdirSync(tree, { recursive: true });
  makeFiles(tree, 600, 800);
  const patches = join(work, "patches");
  mkdirSync(patches);
  const names = Array.from({ length: 300 }, (_, index) => `p${index}.patch`);
  for (const [index, name] of names.entries()) {
    const parts = [index * 2, index * 2 + 1].map(
      (file) => headers(file) + hunk(file, 100, 0) + hunk(file, 500, 1),
    );
    writeFileSync(join(patches, name), parts.join(""));
  }
  writeFileSync(join(patches, "series"), `${names.join("\n")}\n`);
  copies(tree, ["ours", "gnu", "quilt"]);
  const check = time(
    process.execPath,
    [bin, "patch", "--check", "--series", patches, "ours"],
    work,
  );
  show("patch --check", check);
  const ours = time(process.execPath, [bin, "patch", "--series", patches, "ours"], work);
  show("patch", ours);
  const loop = `while read -r p; do patch -s -p1 -F0 -i "${patches}/$p" || exit 1; done <"${patches}/series"`;
  const gnu = time("sh", ["-c", loop], join(work, "gnu"));
  show("a shell loop of GNU patch", gnu);
  const push = `QUILT_PATCHES="${patches}" quilt --quiltrc - push -aq`;
  const quilt = time("sh", ["-c", push], join(work, "quilt"));
  show("quilt push -a", quilt);
  const differ = spawnSync("diff", ["-r", "-x", ".pc", "-x", ".tarpit-kit", "ours", "quilt"], {
    cwd: work,
  });
  if (differ.status !== 0) throw new Error("quilt and we made different trees");
  judge("quilt over us, wall", quilt.wall / ours.wall, ">= 20", quilt.wall >= 20 * ours.wall);
  judge("us over the shell loop, wall", ours.wall / gnu.wall, "<= 1", ours.wall <= gnu.wall);
  judge("our peak memory, MiB", ours.mib, "< 200", ours.mib < 200);
}

/** Diffs of 25,000, 50,000 and 100,000 hunks (50 MB) in a thousand files. */
function large() {
  const seconds = [];
  for (const hunks of [25_000, 50_000, 100_000]) {
    const each = hunks / 100;
    const tree = join(work, `large-${hunks}`);
    makeFiles(tree, 100, each * 10 + 4);
    const parts = [];
    for (let file = 0; file < 100; file += 1) {
      parts.push(headers(file));
      for (let at = 0; at < each; at += 1) parts.push(hunk(file, at * 10 + 4, at));
    }
    const patches = join(work, `large-patches-${hunks}`);
    mkdirSync(patches);
    writeFileSync(join(patches, "large.patch"), parts.join(""));
    writeFileSync(join(patches, "series"), "large.patch\n");
    copies(tree, [`git-${hunks}`]);
    const ours = time(process.execPath, [bin, "patch", "--series", patches, tree], work);
    show(`patch, ${hunks} hunks`, ours);
    const git = time("git", ["apply", join(patches, "large.patch")], join(work, `git-${hunks}`));
    show(`git apply, ${hunks} hunks`, git);
    seconds.push(ours.cpu);
    if (hunks < 100_000) continue;
    judge("us over git apply, CPU", ours.cpu / git.cpu, "<= 3", ours.cpu <= 3 * git.cpu);
    const growth = ours.cpu / seconds[0];
    judge("four times the hunks, CPU", growth, "<= 5", growth <= 5);
  }
}

try {
  series();
  if (!process.env.SKIP_LARGE) large();
} finally {
  rmSync(work, { recursive: true, force: true });
}

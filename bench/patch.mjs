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
function time(program, args, cwd, codes = [0]) {
  const report = join(work, "time");
  const env = { ...process.env, LC_ALL: "C" };
  delete env.QUILT_PATCHES;
  const result = spawnSync("/usr/bin/time", ["-o", report, "-f", "%e %U %S %M", program, ...args], {
    cwd,
    env,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (!codes.includes(result.status))
    throw new Error(`${program}: ${result.status}\n${result.stderr}`);
  const [wall, user, system, kib] = spawnSync("cat", [report], { encoding: "utf8" })
    .stdout.trim()
    .split("\n")
    .at(-1)
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

/**
 * Each in turn, five times, and taken back in between: the median of each. Where a run stands in the row,
 * and what else the machine did meanwhile, is the same for all.
 */
function inTurn(ways) {
  const times = Object.fromEntries(Object.keys(ways).map((key) => [key, []]));
  const rounds = 5;
  for (let round = 1; round <= rounds; round += 1) {
    for (const [key, { run }] of Object.entries(ways)) times[key].push(run());
    if (round < rounds) for (const { back } of Object.values(ways)) back();
  }
  return Object.fromEntries(
    Object.entries(times).map(([key, all]) => {
      const median = all.toSorted((a, b) => a.wall - b.wall)[rounds >> 1];
      const range = all.map(({ wall }) => wall.toFixed(2)).join(" ");
      show(ways[key].name, median);
      console.log(`  of ${range}`);
      return [key, median];
    }),
  );
}

/** What no way of patching can do without: each of the 600 files is read, and replaced by a new one. */
const replaceOnly = `
  const fs = require("node:fs");
  for (let file = 0; file < 600; file += 1) {
    const path = \`floor/bench/d\${file % 20}/f\${file}.c\`;
    fs.writeFileSync(\`\${path}.tmp\`, fs.readFileSync(path), { flag: "wx" });
    fs.renameSync(\`\${path}.tmp\`, path);
  }`;

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
  copies(tree, ["ours", "gnu", "quilt", "floor"]);
  const check = time(
    process.execPath,
    [bin, "patch", "--check", "--series", patches, "ours"],
    work,
  );
  show("patch --check", check);
  const loop = (list, option) =>
    `${list} "${patches}/series" | while read -r p; do patch -s ${option} -p1 -F0 -i "${patches}/$p" || exit 1; done`;
  const quilt = (what) => `QUILT_PATCHES="${patches}" quilt --quiltrc - ${what} -aq`;
  const ways = {
    ours: {
      name: "patch",
      run: () => time(process.execPath, [bin, "patch", "--series", patches, "ours"], work),
      back: () =>
        time(process.execPath, [bin, "patch", "--reverse", "--series", patches, "ours"], work),
    },
    gnu: {
      name: "a shell loop of GNU patch",
      run: () => time("sh", ["-c", loop("cat", "")], join(work, "gnu")),
      back: () => time("sh", ["-c", loop("tac", "-R")], join(work, "gnu")),
    },
    quilt: {
      name: "quilt push -a",
      run: () => time("sh", ["-c", quilt("push")], join(work, "quilt")),
      back: () => time("sh", ["-c", quilt("pop")], join(work, "quilt")),
    },
    floor: {
      name: "node, the files read and replaced alone",
      run: () => time(process.execPath, ["-e", replaceOnly], work),
      back: () => undefined,
    },
  };
  const { ours, gnu, quilt: quilted, floor } = inTurn(ways);
  const differ = spawnSync("diff", ["-r", "-x", ".pc", "-x", ".tarpit-kit", "ours", "quilt"], {
    cwd: work,
  });
  if (differ.status !== 0) throw new Error("quilt and we made different trees");
  judge("quilt over us, wall", quilted.wall / ours.wall, ">= 20", quilted.wall >= 20 * ours.wall);
  console.log(
    `${"quilt over the floor, wall".padEnd(44)} ${(quilted.wall / floor.wall).toFixed(2)}  (what 20 is to be seen beside)`,
  );
  judge("us over the shell loop, wall", ours.wall / gnu.wall, "<= 1", ours.wall <= gnu.wall);
  judge("our peak memory, MiB", ours.mib, "< 200", ours.mib < 200);
}

/** The series of TARPIT on the kernel that was given. */
function tarpit() {
  if (!source) return;
  const check = time(process.execPath, [bin, "patch", "--check", source], work);
  show("patch --check, the TARPIT series", check);
  judge("seconds, wall", check.wall, "<= 0.3", check.wall <= 0.3);
}

/** Names and lines made to be slow to read: four times as many may take four times as long, not sixteen. */
function hostile() {
  const kinds = {
    "spaces in git's names": (n) => `diff --git ${"a ".repeat(10_000)}\n`.repeat(n / 100),
    "quotes that do not end": (n) => `--- "${"\\\\".repeat(10_000)}\n`.repeat(n / 100),
    "hunks that fit nowhere": (n) =>
      `--- a/f\n+++ b/f\n${Array.from({ length: n }, (_, at) => `@@ -${at * 3 + 1},2 +${at * 3 + 1},2 @@\n a\n-x\n+y\n`).join("")}`,
    "files named again and again": (n) =>
      "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-b\n+a\n".repeat(
        n / 10,
      ),
  };
  for (const [name, make] of Object.entries(kinds)) {
    const seconds = [20_000, 80_000].map((size) => {
      const at = join(work, `hostile-${size}`);
      mkdirSync(join(at, "tree"), { recursive: true });
      writeFileSync(join(at, "tree/f"), "a\n".repeat(size / 10));
      writeFileSync(join(at, "p"), make(size));
      writeFileSync(join(at, "series"), "p\n");
      const args = [bin, "patch", "--check", "--quiet", "--series", at, join(at, "tree")];
      return time(process.execPath, args, work, [0, 1, 2]).cpu;
    });
    // Less what any run takes.
    const growth = (seconds[1] - start) / Math.max(0.1, seconds[0] - start);
    judge(`${name}, four times as many, CPU`, growth, "<= 6", growth <= 6);
  }
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

const start = time(process.execPath, [bin, "--version"], work).cpu;
try {
  series();
  tarpit();
  hostile();
  if (!process.env.SKIP_LARGE) large();
} finally {
  rmSync(work, { recursive: true, force: true });
}

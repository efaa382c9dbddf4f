// npm run bench [name…]: ratios, side by side in one run. Each figure is the median of pairs run in
// turn (A B A B …), so that a machine that slows down slows both. Nothing here is a test: a
// figure over its target is printed as such and the exit code stays 0.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { verifyBenches } from "./verify.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "dist/bin.js");
const work = mkdtempSync(join(process.env.TARPIT_KIT_BENCH_DIR ?? tmpdir(), "tarpit-kit-bench-"));
const cache = process.env.TARPIT_KIT_CACHE ?? join(process.env.HOME, ".cache/tarpit-kit");

/** Wall seconds and what was printed; a failed command ends the bench. */
function time(program, args, env = {}, fine = [0]) {
  const started = process.hrtime.bigint();
  const result = spawnSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (!fine.includes(result.status))
    throw new Error(`${program} ${args.join(" ")}: ${result.status}\n${result.stderr}`);
  return { seconds, stdout: result.stdout, stderr: result.stderr };
}
const kit = (args, env, fine) => time(process.execPath, [bin, ...args], env, fine);
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function pairs(count, a, b) {
  const runs = Array.from({ length: count }, () => ({ a: a().seconds, b: b().seconds }));
  return {
    a: median(runs.map((r) => r.a)),
    b: median(runs.map((r) => r.b)),
    ratio: median(runs.map((r) => r.a / r.b)),
    difference: median(runs.map((r) => r.a - r.b)),
  };
}

const show = (name, value, target, unit = "") => {
  const met = value <= target ? "met" : "NOT MET";
  console.log(`${name.padEnd(58)} ${value.toFixed(3)}${unit}  target <= ${target}${unit}  ${met}`);
};

/** The kernel's tar.xz that fetch keeps of the package: the same bytes for both sides. */
const keptTar = (cacheDir, tree) =>
  join(
    cacheDir,
    "downloads",
    `linux-source-6.1_${/\/debian-(.+)-[0-9a-f]{12}\/linux$/.exec(tree)[1]}_all.tar.xz`,
  );

const benches = {
  ...verifyBenches({ root, work, kit, median, show }),
  version() {
    const result = pairs(
      15,
      () => kit(["--version"]),
      () => time(process.execPath, ["-e", "0"]),
    );
    show("--version over node -e 0", result.difference * 1000, 80, " ms");
  },

  /** Without the download, which is the mirror's speed: what fetch keeps of it is there before the clock runs. */
  fetch() {
    if (spawnSync("apt-get", ["--version"]).error)
      return console.log("fetch: skipped, there is no apt");
    const own = join(work, "own");
    const plain = join(work, "plain");
    if (existsSync(join(cache, "downloads")))
      cpSync(join(cache, "downloads"), join(own, "downloads"), { recursive: true });
    // Both remove the last tree first, off the clock.
    const unpackAgain = () => {
      rmSync(join(own, "sources"), { recursive: true, force: true });
      return kit(["fetch", "debian:6.1"], { TARPIT_KIT_CACHE: own });
    };
    const tar = keptTar(own, unpackAgain().stdout.trim());
    const xzTar = () => {
      rmSync(plain, { recursive: true, force: true });
      mkdirSync(plain);
      return time("sh", ["-c", `xz -dc -T0 ${tar} | tar x -C ${plain}`]);
    };
    xzTar();
    const result = pairs(5, unpackAgain, xzTar);
    show("fetch (package in the cache) over xz -dc -T0 | tar x", result.ratio, 1.1);
    console.log(`  fetch ${result.a.toFixed(2)} s, xz | tar ${result.b.toFixed(2)} s`);
    rmSync(own, { recursive: true, force: true });
    rmSync(plain, { recursive: true, force: true });
  },

  "patch-check"() {
    const tree = kit(["fetch", "debian:6.1"]).stdout.trim();
    const result = pairs(
      7,
      () => kit(["patch", "--check", tree]),
      () => time(process.execPath, ["-e", "0"]),
    );
    show("patch --check on the full tree", result.a, 0.3, " s");
  },

  /** The patched tree the second time, and what making it the first time costs on disk. */
  "patched-tree"() {
    const own = join(work, "tree-cache");
    mkdirSync(own, { recursive: true });
    kit(["fetch", "debian:6.1"]);
    // As links: the same inodes as a cache that has fetched it.
    time("cp", ["-al", join(cache, "sources"), join(own, "sources")]);
    const env = { TARPIT_KIT_CACHE: own };
    const module = (name) => {
      const args = ["build", "--arch", "sparc64", "--scope", "module", "--userland", "64"];
      const out = kit([...args, "--kernel", "debian:6.1", "--out", join(own, name), "--json"], env);
      return JSON.parse(out.stdout).results[0].seconds.patch;
    };
    const size = () =>
      Number(
        time("du", ["--summarize", "--block-size=1", join(own, "sources"), join(own, "trees")])
          .stdout.split("\n")[1]
          .split("\t")[0],
      );
    const first = module("first");
    const again = [1, 2, 3].map((run) => module(`again-${run}`));
    show("a patched tree the second time", median(again), 3, " s");
    show("a patched tree on disk, over its source", size() / 2 ** 20, 30, " MiB");
    console.log(
      `  the first time ${first.toFixed(2)} s; what it takes is directories, which cannot be links`,
    );
    rmSync(own, { recursive: true, force: true });
  },

  /** A cold build, the same again, and a ccache-warm one in a cache directory of its own. */
  build() {
    const ccache = { CCACHE_DIR: join(work, "ccache") };
    const once = (name) => {
      const own = join(work, name);
      mkdirSync(own, { recursive: true });
      if (existsSync(join(cache, "sources")))
        cpSync(join(cache, "sources"), join(own, "sources"), {
          recursive: true,
          verbatimSymlinks: true,
        });
      if (existsSync(join(cache, "downloads")))
        cpSync(join(cache, "downloads"), join(own, "downloads"), { recursive: true });
      const args = [
        bin,
        "build",
        "--arch",
        "sparc64",
        "--launcher",
        "ccache",
        "--out",
        join(own, "out"),
        "--json",
      ];
      return {
        own,
        args,
        run: time("/usr/bin/time", ["-f", "%M %U %S", process.execPath, ...args], {
          ...ccache,
          TARPIT_KIT_CACHE: own,
          TARPIT_KIT_TRACE: "1",
        }),
      };
    };
    const cold = once("cold");
    const trace = JSON.parse(
      cold.run.stderr.split("\n").find((line) => line.startsWith(`{"trace"`)) ?? "{}",
    ).trace;
    const again = time(process.execPath, cold.args, { ...ccache, TARPIT_KIT_CACHE: cold.own });
    const warm = once("warm");
    show("build: our own CPU over the run", trace.cpuSeconds / cold.run.seconds, 0.02);
    show(
      "build: wall time outside child processes over the run",
      trace.outsideSeconds / cold.run.seconds,
      0.02,
    );
    show("build: peak memory of our process", trace.maxRssMiB, 200, " MiB");
    show("build: nothing changed", again.seconds, 2, " s");
    show(
      "build: ccache-warm in a new directory over cold",
      warm.run.seconds / cold.run.seconds,
      0.25,
    );
    console.log(`  cold ${cold.run.seconds.toFixed(1)} s, warm ${warm.run.seconds.toFixed(1)} s`);
    const dir = JSON.parse(cold.run.stdout).results[0].dir;
    console.log(
      `  stages: ${JSON.stringify(JSON.parse(readFileSync(join(dir, "metadata.json"), "utf8")).seconds)}`,
    );
  },
};

const wanted = process.argv.slice(2);
try {
  for (const [name, bench] of Object.entries(benches))
    if (wanted.length === 0 || wanted.includes(name)) bench();
} finally {
  rmSync(work, { recursive: true, force: true });
}

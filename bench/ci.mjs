// npm run bench:ci [name…]: what builds in numbers cost. Ratios, side by side in one run; a figure over its
// target is printed as such and the exit code stays 0.
//   matrix   four builds that share a line, over one of them: from nothing but the sources, with ccache
//   distcc   an object through a distcc daemon on the same core, over the same compile done directly: CPU time (root)
//   drift    seconds a release, with the downloads in the cache
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "dist/bin.js");
const work = mkdtempSync(join(process.env.TARPIT_KIT_BENCH_DIR ?? tmpdir(), "tarpit-kit-bench-"));
const cache = process.env.TARPIT_KIT_CACHE ?? join(homedir(), ".cache/tarpit-kit");

function time(program, args, options = {}) {
  const started = process.hrtime.bigint();
  const { env, ...rest } = options;
  const result = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
    ...rest,
  });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (result.status !== 0)
    throw new Error(`${program} ${args.join(" ")}: ${result.status}\n${result.stderr}`);
  return { seconds, stdout: result.stdout };
}
const kit = (args, options) => time(process.execPath, [bin, ...args], options);
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const show = (name, value, target, unit = "") => {
  const met = value <= target ? "met" : "NOT MET";
  console.log(`${name.padEnd(58)} ${value.toFixed(3)}${unit}  target <= ${target}${unit}  ${met}`);
};

/** As second names where the file system can: gigabytes. */
function copyInto(from, directory) {
  if (spawnSync("cp", ["-al", from, directory]).status !== 0) time("cp", ["-a", from, directory]);
}

/** A cache of its own that has the sources, and an empty compiler cache. */
function fresh(name) {
  const own = join(work, name);
  mkdirSync(own);
  for (const part of ["sources", "downloads"])
    if (existsSync(join(cache, part))) copyInto(join(cache, part), own);
  return { TARPIT_KIT_CACHE: own, CCACHE_DIR: join(work, `${name}-ccache`) };
}

/** Seconds of CPU and of the clock that commands take; dash's `times` tells the children's in its second line. */
function run(commands, cwd, env) {
  const script = `set -e\n${commands.join("\n")}\ntimes`;
  const { seconds, stdout } = time("sh", ["-c", script], { cwd, env });
  const spent = [...(stdout.trim().split("\n").at(-1) ?? "").matchAll(/(\d+)m([\d.]+)s/g)];
  return {
    wall: seconds,
    cpu: spent.reduce((sum, [, m, s]) => sum + 60 * Number(m) + Number(s), 0),
  };
}

/** CPU seconds of a process group so far, with the children it has waited for (proc(5), fields 14 to 17). */
function groupCpu(group) {
  let ticks = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      if (Number(fields[2]) !== group) continue;
      ticks += fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0);
    } catch {
      // It has ended.
    }
  }
  return ticks / 100;
}

/** The compile commands that kbuild left beside its objects (scripts/Kbuild.include, savedcmd). */
function compiles(dir, most) {
  const found = [];
  for (const below of ["net/ipv4", "net/core", "net/netfilter"]) {
    for (const name of readdirSync(join(dir, below)).filter((one) => one.endsWith(".o.cmd"))) {
      const text = readFileSync(join(dir, below, name), "utf8");
      const command = /^(?:saved)?cmd_\S+ := (.*)$/m.exec(text)?.[1] ?? "";
      const plain = command.replace(/^(?:\S*ccache|\S*distcc) /, "").replace(/ ; .*$/, "");
      if (/-gcc .* -c -o \S+\.o /.test(plain)) found.push(plain.replaceAll("$$", "$"));
    }
  }
  return found.slice(0, most);
}

const benches = {
  matrix() {
    kit(["fetch", "debian:6.1"]);
    const base = { kernels: ["debian:6.1"], archs: ["sparc64"], launcher: "ccache" };
    const files = {
      one: base,
      four: { ...base, userlands: ["64", "32"], scopes: ["kernel", "module"] },
      profiles: { ...base, profiles: ["sparc64-qemu", "sparc64-ultra"] },
    };
    const seconds = {};
    for (const [name, matrix] of Object.entries(files)) {
      if (name === "profiles" && !process.env.TARPIT_KIT_FULL) continue;
      const file = join(work, `${name}.json`);
      writeFileSync(file, JSON.stringify({ ...matrix, out: join(work, `${name}-out`) }));
      const env = fresh(name);
      const made = kit(["matrix", "run", file, "--json"], { env });
      seconds[name] = made.seconds;
      const each = JSON.parse(made.stdout).results.map(
        (row) => `${row.scope} ${row.profile} ${row.userland}: ${row.seconds.toFixed(1)} s`,
      );
      console.log(`  ${name}: ${made.seconds.toFixed(1)} s (${each.join(", ")})`);
      rmSync(env.TARPIT_KIT_CACHE, { recursive: true, force: true });
    }
    show("matrix: four builds that share a line over one, ccache", seconds.four / seconds.one, 1.6);
  },

  /** Everything is pinned to one core, so that no second one hides what distcc costs. */
  async distcc() {
    const env = { DISTCC_HOSTS: "127.0.0.1:3699/1,lzo", DISTCC_DIR: join(work, "distcc") };
    mkdirSync(env.DISTCC_DIR);
    kit([
      "build",
      "--arch",
      "sparc64",
      "--scope",
      "kernel",
      "--out",
      join(work, "out"),
      "--launcher",
      "ccache",
    ]);
    const name = readdirSync(join(cache, "builds")).find(
      (one) =>
        existsSync(join(cache, "builds", one, "net/ipv4/.tcp.o.cmd")) &&
        one.startsWith("sparc64-") &&
        !one.endsWith(".lock"),
    );
    const dir = join(cache, "builds", name);
    time("update-distcc-symlinks", []);
    const daemon = spawn(
      "taskset",
      [
        "-c",
        "0",
        "distccd",
        "--no-detach",
        "--daemon",
        "--jobs",
        "1",
        "--listen",
        "127.0.0.1",
        "--port",
        "3699",
        "--allow",
        "127.0.0.0/8",
        "--log-level",
        "error",
        "--log-stderr",
      ],
      { stdio: "ignore", detached: true },
    );
    try {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const plain = compiles(dir, 30).map((one) =>
        one.replace(/ -c -o \S+ /, ` -c -o ${join(work, "x.o")} `),
      );
      const local = plain.map((one) => `taskset -c 0 ${one}`);
      const far = plain.map((one) => `taskset -c 0 distcc ${one}`);
      const ratios = [];
      for (let round = 0; round < 3; round += 1) {
        const here = run(local, dir, env);
        const before = groupCpu(daemon.pid);
        const there = run(far, dir, env);
        const served = groupCpu(daemon.pid) - before;
        // Both sides are on one core: CPU time is what it costs, also on a machine that has other work.
        ratios.push((there.cpu + served) / here.cpu);
        const each = (value) => ((1000 * value) / plain.length).toFixed(0);
        console.log(
          `  ${plain.length} objects, CPU ms each: ${each(here.cpu)} here; ${each(there.cpu)} + ${each(served)} through distcc (clock ${each(here.wall)} and ${each(there.wall)})`,
        );
        if (served === 0) throw new Error("nothing was compiled by distccd");
      }
      show("distcc: an object, over the same compile on the same core", median(ratios), 1.2);
    } finally {
      // It forks, and does not heed SIGTERM: the whole group goes.
      process.kill(-daemon.pid, "SIGKILL");
    }
  },

  /** The first run brings what is missing; the second is the one that counts. */
  drift() {
    const file = join(work, "drift.json");
    const drift = { lines: ["6.1"], most: 4 };
    writeFileSync(file, JSON.stringify({ kernels: ["debian:6.1"], archs: ["sparc64"], drift }));
    kit(["matrix", "run", file, "--drift"]);
    const { results } = JSON.parse(kit(["matrix", "run", file, "--drift", "--json"]).stdout);
    const releases = results.flatMap((line) => line.releases);
    const seconds = releases.map((one) => one.seconds);
    console.log(
      `  ${releases.map((one) => `${one.version} ${one.seconds} s, ${one.files} files`).join("; ")}`,
    );
    show("drift: the slowest release, download apart", Math.max(...seconds), 45, " s");
  },
};

const wanted = process.argv.slice(2);
try {
  for (const [name, bench] of Object.entries(benches))
    if (wanted.length === 0 || wanted.includes(name)) await bench();
} finally {
  rmSync(work, { recursive: true, force: true });
}

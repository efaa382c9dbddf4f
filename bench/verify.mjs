// Rows of `npm run bench` for verify, rules lint and stuck: files of the size a busy firewall has.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** iptables-save -c output: half of it is one long chain, the rest many short ones that it leads to. */
function ruleLines(count) {
  const chains = Math.max(1, Math.floor(count / 100));
  const lines = [
    "*filter",
    ":INPUT DROP [12:3456]",
    ":FORWARD DROP [0:0]",
    ":OUTPUT ACCEPT [99:9999]",
  ];
  for (let at = 0; at < chains; at += 1) lines.push(`:net-${at} - [0:0]`);
  lines.push("[9:540] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
  for (let at = 0; at < count; at += 1) {
    const [a, b, c] = [at & 255, (at >> 8) & 255, (at >> 16) & 255];
    const chain = at % 2 === 0 ? "INPUT" : `net-${at % chains}`;
    const target = at % 10 === 0 ? "TARPIT" : at % 7 === 0 ? "LOG" : "DROP";
    lines.push(
      at % 100 === 0
        ? `[3:180] -A INPUT -s 10.${c}.${b}.0/24 -p tcp -j net-${at % chains}`
        : `[${at}:${at * 60}] -A ${chain} -s 10.${c}.${b}.${a}/32 -p tcp -m tcp --dport ${1 + (at % 65_535)} -m comment --comment "list ${at}" -j ${target}`,
    );
  }
  lines.push("COMMIT", "");
  return lines;
}

/** Facts of a machine in order (a fixture), with these rules instead of its own. */
function factsWith(root, rules) {
  const text = gunzipSync(
    readFileSync(join(root, "test/fixtures/facts/good-sparc64.facts.gz")),
  ).toString("utf8");
  const record = `@ rules iptables-save\n${rules.map((line) => `|${line}\n`).join("")}|=0\n`;
  return text.replace(/^@ rules iptables-save\n(?:\|.*\n|\n)*/m, () => record);
}

function tableWith(rows) {
  const lines = [
    "# version 1 now 900000 peers 65536",
    "# family source sport destination dport first last segments bytes marks",
  ];
  for (let at = 0; at < rows; at += 1) {
    const [a, b] = [at & 255, (at >> 8) & 255];
    lines.push(
      `4 10.${at % 7}.${b}.${a >> 1} ${1024 + (at % 60_000)} 192.0.2.1 ${at % 3 === 0 ? 23 : 445} ${at} ${899_000 + (at % 1000)} ${at % 500} ${(at % 500) * 40} dp--`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Benches by name; `tools` are those of run.mjs. */
export function verifyBenches({ root, work, kit, median, show }) {
  /** Exit 1 is what findings give: no failure of the bench. */
  const runs = (count, args) => {
    const all = Array.from({ length: count }, () => kit(args, { TARPIT_KIT_TRACE: "1" }, [0, 1]));
    const trace = all.map(
      ({ stderr }) =>
        JSON.parse(stderr.split("\n").find((line) => line.startsWith(`{"trace"`))).trace,
    );
    return {
      seconds: median(all.map((one) => one.seconds)),
      mib: Math.max(...trace.map((one) => one.maxRssMiB)),
    };
  };
  return {
    verify() {
      const facts = join(work, "facts");
      writeFileSync(facts, factsWith(root, ruleLines(100_000)));
      const result = runs(7, ["verify", "--facts", facts]);
      show("verify --facts with 100,000 rules", result.seconds, 1, " s");
      show("verify --facts with 100,000 rules: peak memory", result.mib, 200, " MiB");
      show("verify of this machine", runs(7, ["verify"]).seconds, 0.5, " s");
    },
    lint() {
      const sizes = [25_000, 50_000, 100_000, 200_000];
      const times = sizes.map((count) => {
        const file = join(work, `rules-${count}`);
        writeFileSync(file, ruleLines(count).join("\n"));
        return runs(5, ["rules", "lint", file]).seconds;
      });
      console.log(
        `  rules lint: ${sizes.map((count, at) => `${count} ${times[at].toFixed(2)} s`).join(", ")}`,
      );
      // Linear: what 100,000 more rules cost is what 100,000 cost, start-up apart.
      show("rules lint: 200,000 over 100,000 rules", times[3] / times[2], 2.2);
    },
    stuck() {
      const table = join(work, "table");
      writeFileSync(table, tableWith(65_536));
      show("stuck over 65,536 entries", runs(7, ["stuck", table]).seconds, 0.3, " s");
      show(
        "stuck --json over 65,536 entries",
        runs(7, ["stuck", table, "--json"]).seconds,
        0.3,
        " s",
      );
    },
    /** Needs root and a kernel with iptables' legacy tables: the rules are in a namespace that ends with this. */
    probe() {
      const rules = join(work, "probe-rules");
      const plain = ruleLines(100_000).map((line) =>
        line.replaceAll("TARPIT", "DROP").replaceAll("-j LOG", "-j ACCEPT"),
      );
      writeFileSync(
        rules,
        plain.join("\n").replaceAll(/ -m (conntrack --ctstate \S+|comment --comment "[^"]*")/g, ""),
      );
      const script = [
        `iptables-legacy-restore < ${rules} || exit 9`,
        "ms() { date +%s%3N; }",
        "for i in 1 2 3; do",
        "  a=$(ms); iptables-legacy-save -c > /dev/null; b=$(ms)",
        `  sh ${join(root, "data/probe/probe.sh")} > /dev/null; c=$(ms)`,
        `  sh ${join(root, "data/probe/probe.sh")} --no-rules > /dev/null; d=$(ms)`,
        '  echo "$((b - a)) $((c - b)) $((d - c))"',
        "done",
      ].join("\n");
      const ran = spawnSync("unshare", ["--net", "sh", "-c", script], { encoding: "utf8" });
      if (ran.status !== 0)
        return console.log("probe: skipped, no legacy iptables in a namespace here");
      const rows = ran.stdout
        .trim()
        .split("\n")
        .map((line) => line.split(" ").map(Number));
      const of = (at) => median(rows.map((row) => row[at])) / 1000;
      console.log(
        `  iptables-legacy-save -c ${of(0).toFixed(2)} s, the probe ${of(1).toFixed(2)} s, with --no-rules ${of(2).toFixed(2)} s`,
      );
      show("probe with 100,000 rules, beyond save and its own", of(1) - of(0) - of(2), 0.2, " s");
    },
  };
}

import { describe, expect, test } from "vitest";
import { changes, summarize } from "../../src/core/stuck/summary.ts";
import { letGo, parseTable, versionOfTable } from "../../src/core/stuck/table.ts";
import { toPrometheus } from "../../src/core/stuck/prometheus.ts";
import { describeEstimate, describeStuck, lasting, logLine } from "../../src/cli/render/stuck.ts";
import { painter } from "../../src/cli/commands/stuck.ts";
import { makeStyle } from "../../src/cli/render/style.ts";
import { readStuck } from "../../src/app/stuck.ts";
import { FakeProcesses, fakePorts, MemoryFiles } from "../support/ports.ts";
import { factsText, good } from "../support/facts.ts";
import { metricsTrouble } from "../support/metrics.ts";

const head =
  "# version 1 now 10000 peers 4096\n# family source sport destination dport first last segments bytes marks\n";
const table = `${head}4 192.0.2.7 40112 198.51.100.1 23 6400 9990 30 1200 dp--
4 192.0.2.7 40113 198.51.100.1 445 9000 9990 8 320 dp--
4 203.0.113.5 1025 198.51.100.1 23 9000 9100 3 120 dp--
6 2001:db8::7 40113 2001:db8:1::1 23 100 200 1 60 ----
4 203.0.113.6 1026 198.51.100.1 23 9990 9995 2 80 ---r
`;
const plain = makeStyle({}, {}, false);

describe("the table", () => {
  test("rows, clock and room", () => {
    const read = parseTable(table);
    expect(read).toMatchObject({ now: 10_000, room: 4096, strange: 0 });
    expect(read.rows).toHaveLength(5);
    expect(read.rows[0]).toEqual({
      family: 4,
      source: "192.0.2.7",
      sport: 40_112,
      destination: "198.51.100.1",
      dport: 23,
      first: 6400,
      last: 9990,
      segments: 30,
      bytes: 1200,
      marks: "dp--",
    });
  });

  test("columns, pairs and marks that came later are passed over; what is no row is counted", () => {
    const read = parseTable(
      "# version 1 now 50 peers 9 colour 7\n4 192.0.2.1 1 192.0.2.2 2 10 20 3 4 dp--x 99 new\nhello\n4 \u001b[2J 1 x 2 3 4 5 6 d\n",
    );
    expect(read.rows.map((one) => one.marks)).toEqual(["dp--x"]);
    expect(read.strange).toBe(2);
  });

  const columns = "4 192.0.2.7 40112 198.51.100.1 23 6400 9990 30 1200 dp--".split(" ");
  const [kind, source, sport, destination, dport, first, last, segments, bytes, marks] = [
    ...columns.keys(),
  ] as [number, number, number, number, number, number, number, number, number, number];
  const rowWith = (column: number, word: string): string =>
    `${head}${columns.with(column, word).join(" ")}\n`;
  const isRow = (text: string): boolean => {
    const { rows, strange } = parseTable(text);
    expect(rows.length + strange).toBe(1);
    return strange === 0;
  };

  test.each([
    [kind, ["6"], ["5", "0", "44", "x"]],
    [source, ["::", "f".repeat(45)], ["", ":", "f".repeat(46), "192.0.2.g"]],
    [sport, ["0", "99999"], ["100000", "", "1:", "1/", "x"]],
    [destination, ["::1"], ["-", "1"]],
    [dport, ["65535"], ["1x"]],
    [first, ["999999999999"], ["1000000000000"]],
    [last, ["999999999999"], ["1000000000000"]],
    [segments, ["9".repeat(20)], ["9".repeat(21)]],
    [bytes, ["9".repeat(20)], ["9".repeat(21), "-1"]],
    [marks, ["d", "d".repeat(32)], ["", "d".repeat(33), "d\t"]],
  ])("column %i: its longest value is read, a longer or another one is no row", (at, good, bad) => {
    for (const word of good) expect(isRow(rowWith(at, word)), word).toBe(true);
    for (const word of bad) expect(isRow(rowWith(at, word)), word).toBe(false);
  });

  test("a row that ends before its last column is none, with and without a line end", () => {
    for (let count = 1; count < columns.length; count += 1) {
      const cut = columns.slice(0, count).join(" ");
      for (const text of [cut, `${cut} `, `${cut}\n`, `${cut} \n`])
        expect(isRow(head + text), text).toBe(false);
    }
    expect(isRow(head + columns.join(" "))).toBe(true);
    expect(parseTable(`${head}\n\n`)).toMatchObject({ rows: [], strange: 0 });
  });

  test("without a clock of its own the table is as old as its last word", () => {
    const row = columns.join(" ");
    expect(parseTable(`# version 1\n${row}\n`).now).toBe(9990);
    expect(parseTable(`# version 1 now x\n${row}\n`).now).toBe(9990);
    expect(parseTable(`# version 1 now 0\n${row}\n`).now).toBe(0);
    expect(parseTable("# version 1\n").now).toBe(0);
  });

  test("the version line decides", () => {
    expect(versionOfTable(table)).toBe(1);
    expect(versionOfTable("# version 2 now 1\n")).toBe(2);
    expect(versionOfTable("hello")).toBeUndefined();
  });

  test("who has let go: an RST, or silence after data; an idle peer has nothing to say", () => {
    const rows = parseTable(table).rows;
    expect(rows.map((one) => letGo(one, 10_000))).toEqual([false, false, true, false, true]);
    expect(letGo(rows[2] as never, 10_000, 1000)).toBe(false);
    const silent = (seconds: number) => letGo(rows[0] as never, 9990 + seconds);
    expect([silent(600), silent(601)]).toEqual([false, true]);
  });
});

describe("the summary", () => {
  const summary = summarize(parseTable(table));
  test("groups by address, those that hold most first", () => {
    expect(summary).toMatchObject({
      held: 3,
      heldPeers: 2,
      letGo: 2,
      connections: 5,
      segments: 44,
      bytes: 1780,
    });
    expect(summary.peers.map((one) => [one.address, one.held, one.since])).toEqual([
      ["192.0.2.7", 2, 3600],
      ["2001:db8::7", 1, 9900],
      ["203.0.113.5", 0, 1000],
      ["203.0.113.6", 0, 10],
    ]);
    expect(summary.peers[0]?.ports).toEqual([23, 445]);
    expect(summary.rate).toBeCloseTo(1200 / 3600 + 320 / 1000 + 60 / 9900);
  });

  test("each connection is in one bucket: what let go counts up to its last word", () => {
    expect(summary.histogram.map((one) => one.count)).toEqual([1, 1, 0, 2, 1, 0, 0, 0]);
  });

  test("a hold of exactly a bound is below it; nobody has been held for less than nothing", () => {
    const held = (seconds: number): string =>
      `4 192.0.2.7 1 198.51.100.1 23 ${1_000_000 - seconds} 1000000 1 40 ----\n`;
    const of = (...all: readonly number[]) =>
      summarize(parseTable(`# version 1 now 1000000\n${all.map(held).join("")}`));
    const edges = [60, 600, 960, 3600, 21_600, 86_400, 604_800];
    expect(of(...edges).histogram.map((one) => one.count)).toEqual([1, 1, 1, 1, 1, 1, 1, 0]);
    expect(of(...edges.map((n) => n + 1)).histogram.map((one) => one.count)).toEqual([
      0, 1, 1, 1, 1, 1, 1, 1,
    ]);
    expect(of(0)).toMatchObject({ seconds: 0, rate: 40, peers: [{ since: 0 }] });
    expect(of(1)).toMatchObject({ seconds: 1, rate: 40 });
    // The clock of a copy may be behind.
    expect(of(-5)).toMatchObject({ seconds: 0, peers: [{ since: 0 }] });
  });

  test("peers alike stand by address; of a scanner's ports the first 64 are named", () => {
    const rows = ["203.0.113.5", "192.0.2.7"].flatMap((address) =>
      Array.from(
        { length: 70 },
        (_, at) => `4 ${address} 1 198.51.100.1 ${1 + at} 9000 9990 1 40 ----\n`,
      ),
    );
    const { peers } = summarize(parseTable(head + rows.join("")));
    expect(peers.map(({ address }) => address)).toEqual(["192.0.2.7", "203.0.113.5"]);
    expect(peers[0]?.ports).toEqual(Array.from({ length: 64 }, (_, at) => 1 + at));
  });

  test("who came and who went, by address; a row that was evicted is one that went", () => {
    const later = summarize(
      parseTable(
        `${head}4 192.0.2.7 40112 198.51.100.1 23 6400 9990 30 1200 dp-r\n4 192.0.2.9 1 198.51.100.1 23 9999 9999 1 40 ----\n`,
      ),
    );
    const both = changes(summary, later);
    expect(both.came.map((one) => one.address)).toEqual(["192.0.2.9"]);
    expect(both.went.map((one) => one.address)).toEqual(["192.0.2.7", "2001:db8::7"]);
    expect(changes(undefined, summary).came).toHaveLength(2);
    expect(changes(summary, summary)).toEqual({ came: [], went: [] });
    expect(logLine("held", summary.peers[0] as never)).toBe(
      "tarpit: held peer=192.0.2.7 ports=23,445 connections=2 seconds=3600 segments=38 bytes=1520",
    );
  });

  test("for a person: totals, peers, a histogram; no line wider than the terminal", () => {
    const text = describeStuck({ subject: "fw", summary, most: 2, columns: 60 }, plain);
    expect(text).toMatch(/^3 connections held of 4,096, from 2 addresses/);
    expect(text).toContain("and 2 more addresses");
    expect(text).toMatch(/held up to 1 h +█+ +2/);
    const rows = text.split("\n").filter((line) => /^\d+\.|^address|^2001/.test(line));
    expect(rows).toHaveLength(3);
    for (const line of rows) expect(line.length).toBeLessThanOrEqual(60);
    expect([lasting(0), lasting(59), lasting(3700), lasting(200_000)]).toEqual([
      "0s",
      "59s",
      "1h 1m",
      "2d 7h",
    ]);
  });

  test("the live view writes what changed, and everything after a resize", () => {
    const written: string[] = [];
    const paint = painter((text) => written.push(text));
    const size = { columns: 80, rows: 24 };
    paint(["a", "b", "c"], size);
    paint(["a", "b", "c"], size);
    paint(["a", "x"], size);
    paint(["a", "x"], { columns: 60, rows: 24 });
    const [first, second, third] = written.map((one) => JSON.stringify(one));
    expect(written).toHaveLength(3);
    expect(first).toMatch(/2J.*1;1Ha.*2;1Hb.*3;1Hc/);
    expect(second).toMatch(/^"[^a]*2;1Hx.{0,30}3;1H.{0,30}"$/);
    expect(third).toMatch(/2J.*1;1Ha.*2;1Hx/);
  });

  test("Prometheus: every sample has a type, buckets are cumulative", () => {
    const text = toPrometheus(
      summary,
      new Map([
        ["version", 1],
        ["syn", 7],
        ['bad"name', 1],
      ]),
    );
    expect(text).toContain("tarpit_held_connections 3\n");
    expect(text).toContain("tarpit_syn_total 7\n");
    const buckets = [...text.matchAll(/_bucket\{le="(.+)"\} (\d+)/g)].map(([, , sum]) =>
      Number(sum),
    );
    expect(buckets).toEqual([1, 2, 2, 4, 5, 5, 5, 5]);
    expect(text).toContain('tarpit_hold_seconds_bucket{le="+Inf"} 5\n');
    expect(text).toContain("tarpit_table_room 4096\n");
    expect(text).toContain("tarpit_table_rows 5\n");
    expect(toPrometheus({ ...summary, room: undefined }, new Map())).not.toContain("_room");
    expect(text).not.toContain("bad");
    expect(metricsTrouble(text)).toEqual([]);
    expect(metricsTrouble(text.replace("seconds histogram", "seconds gauge"))).not.toEqual([]);
  });
});

describe("where it is read from", () => {
  test("this machine, with its counters; another one over ssh; a copy", async () => {
    const files = new MemoryFiles({
      "/proc/net/tarpit": table,
      "/proc/net/stat/tarpit": "version=1\nsyn=7\n",
      "/work/copy": table,
    });
    const here = await readStuck({}, fakePorts({ files }));
    expect([here.table?.rows.length, here.counters.get("syn")]).toEqual([5, 7]);
    expect((await readStuck({ file: "copy" }, fakePorts({ files }))).table?.rows).toHaveLength(5);
    const processes = new FakeProcesses(["ssh"], () => ({ stdout: `${table}\n# stat\nsyn=9\n` }));
    const there = await readStuck({ host: "root@fw" }, fakePorts({ processes }));
    expect([there.table?.rows.length, there.counters.get("syn"), there.table?.strange]).toEqual([
      5, 9, 0,
    ]);
    expect(processes.calls[0]?.args).toContain("root@fw");
  });

  test("what is no table, or of another version, or for root only, is said", async () => {
    const files = new MemoryFiles({ "/work/a": "hello", "/work/b": "# version 2 now 1\n" });
    await expect(readStuck({ file: "a" }, fakePorts({ files }))).rejects.toMatchObject({
      code: "stuck.table",
      exit: 2,
    });
    await expect(readStuck({ file: "b" }, fakePorts({ files }))).rejects.toMatchObject({
      code: "stuck.version",
      exit: 2,
    });
    const processes = new FakeProcesses(["ssh"], () => ({
      code: 3,
      stderr: "cat: /proc/net/tarpit: Permission denied",
    }));
    await expect(readStuck({ host: "fw" }, fakePorts({ processes }))).rejects.toMatchObject({
      code: "stuck.permission",
      exit: 3,
    });
    await expect(
      readStuck({ host: "-oProxyCommand=x" }, fakePorts({ processes })),
    ).rejects.toMatchObject({ exit: 2 });
  });

  test("without a table: an estimate from the rules' counters, and it says that it is one", async () => {
    const processes = new FakeProcesses(["sh"], () => ({ stdout: factsText(good) }));
    const reading = await readStuck({}, fakePorts({ processes }));
    expect(reading.estimate).toEqual({ rules: 1, packets: 7, bytes: 300, tracked: 12 });
    expect(describeEstimate("fw", reading.estimate as never, plain)).toMatch(
      /^estimate +fw has no table/,
    );
    const none = new FakeProcesses(["sh"], () => ({
      stdout: factsText(good, { "rules iptables-save": [] }),
    }));
    await expect(readStuck({}, fakePorts({ processes: none }))).rejects.toMatchObject({
      code: "stuck.none",
      exit: 3,
    });
  });
});

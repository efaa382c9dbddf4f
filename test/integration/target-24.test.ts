import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from "vitest";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseTable } from "../../src/core/stuck/table.ts";
import { scratch } from "../support/cli.ts";
import { compileHost, Host24, usualConfig } from "../support/host-24.ts";
import {
  cookie,
  type Got,
  type Made,
  makeSegment,
  siphash,
  takeSegment,
} from "../support/segment-24.ts";

const { dir, remove } = scratch("target-24");
afterAll(remove);

let program = "";
beforeAll(() => {
  program = compileHost(dir);
});

let host: Host24;
/** The one both ends of the test know. */
const key = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");

/** A kernel with one rule, and that key. */
async function start(
  settings: Readonly<Record<string, number>> = {},
  from = program,
): Promise<void> {
  host = new Host24(from);
  expect(await host.ask("load")).toBe("0");
  for (const [name, value] of Object.entries(settings)) await host.set(name, value);
  expect(await host.ask("check filter 6 0 0 0 6")).toBe("1");
  expect(await host.write(`key ${key.toString("hex")}\n`)).toBe(37);
}
beforeEach(() => start());
afterEach(async () => {
  expect(await host.ask("unload")).toBe("left 0 blocks 0 packets 0 routes");
  await host.end();
});

type Variant = "-" | 0 | 1 | 2;
interface Circumstances {
  readonly variant?: Variant;
  readonly ct?: "none" | "entry";
  readonly type?: number;
  readonly summed?: number;
  readonly flags?: string;
  readonly frags?: number;
}

/** Hands it a segment: the reply, or undefined for silence. The verdict is always DROP. */
async function give(
  bytes: Buffer,
  how: Circumstances = {},
): Promise<(Got & { rest: string }) | undefined> {
  const { variant = "-", ct = "none", type = 0, summed = 0, flags = "0", frags = 0 } = how;
  const line = [variant, ct, type, summed, flags, frags, bytes.toString("hex")].join(" ");
  const [verdict, what, hex = "", ...rest] = (await host.ask(`packet ${line}`)).split(" ");
  expect(verdict).toBe("drop");
  if (what === "silent") return undefined;
  return { ...takeSegment(Buffer.from(hex, "hex")), rest: rest.join(" ") };
}
const send = (made: Made, how?: Circumstances): ReturnType<typeof give> =>
  give(makeSegment(made), how);

/** A segment of a connection that was accepted, `d` above the peer's first sequence number. */
const held = (d: number, made: Made = {}, iss = 1000): Made => ({
  flags: "A",
  ...made,
  seq: (iss + d) >>> 0,
  ack: (iss + cookie(key, made) + 1) >>> 0,
});
const data = Buffer.from("GET /");

describe("the hash", () => {
  it("is SipHash-2-4 as published", async () => {
    const ours = await host.ask("hash 0706050403020100 0f0e0d0c0b0a0908 3020100 7060504 b0a0908");
    expect(ours).toBe("751e8fbc860ee5fb");
    expect(siphash(key, [0x03020100, 0x07060504, 0x0b0a0908]).toString(16)).toBe(ours);
  });

  it("is the same as docs/target.md says, for any key and words", async () => {
    for (let i = 0; i < 200; i += 1) {
      const random = siphash(key, [i]);
      const words = [i * 0x9e3779b1, Number(random & 0xffffffffn), ~i].map((word) => word >>> 0);
      const own = Buffer.concat([key, key]);
      own.writeBigUInt64LE(random, 0);
      const halves = [own.readBigUInt64LE(0), own.readBigUInt64LE(8)].map((one) =>
        one.toString(16),
      );
      const ours = await host.ask(
        `hash ${halves.join(" ")} ${words.map((word) => word.toString(16)).join(" ")}`,
      );
      expect(ours).toBe(siphash(own, words).toString(16).padStart(16, "0"));
    }
  });
});

describe("tarpit", () => {
  it("accepts a SYN with a window of 5, and hides its number behind the hash", async () => {
    for (const made of [{}, { data }, { tcpOptions: Buffer.from("020405b401010402", "hex") }]) {
      for (const variant of ["-", 0] as const) {
        expect(await send({ ...made, seq: 1000, window: 0 }, { variant })).toMatchObject({
          from: "198.51.100.1",
          to: "192.0.2.7",
          sport: 23,
          dport: 40_112,
          flags: "SA",
          seq: (1000 + cookie(key, {})) >>> 0,
          ack: 1001,
          window: 5,
          options: "020405b4",
          ttl: 64,
          id: 0,
          fragment: 0x4000,
        });
      }
    }
  });

  it.each([1000, 0, 0xffffffff, 0xfffffffa, 0x7fffffff])(
    "holds what is in the window of ISS %i, and nothing beside it",
    async (iss) => {
      for (const d of [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x80000000]) {
        const made = held(d, {}, iss);
        const reply = await send({ ...made, data });
        if (d < 0 || d > 7) expect([d, reply]).toEqual([d, undefined]);
        else
          expect(reply).toMatchObject({
            flags: "A",
            seq: made.ack,
            ack: (iss + 1) >>> 0,
            window: 0,
            options: "",
          });
      }
      expect((await host.counters())["dropped_cookie"]).toBe(5);
    },
  );

  it("answers probes and pure ACKs, but no bare FIN, no RST and no closed window", async () => {
    expect(await send(held(0))).toMatchObject({ flags: "A", ack: 1001 });
    expect(await send(held(1))).toMatchObject({ flags: "A", ack: 1001 });
    expect(await send(held(1, { flags: "FA" }))).toBeUndefined();
    expect(await send({ ...held(1, { flags: "FA" }), data })).toMatchObject({ flags: "A" });
    expect(await send(held(1, { flags: "RA" }))).toBeUndefined();
    expect(await send(held(1, { window: 0 }))).toBeUndefined();
    expect(await send({ ...held(1, { window: 0 }), data })).toMatchObject({ flags: "A" });
    expect(await host.counters()).toMatchObject({ dropped_window: 1, dropped_flags: 2 });
  });

  it("knows a connection by all of its addresses and ports", async () => {
    const made = held(1);
    for (const other of [
      { from: "192.0.2.8" },
      { to: "198.51.100.2" },
      { sport: 40_113 },
      { dport: 24 },
    ])
      expect(await send({ ...made, ...other, data })).toBeUndefined();
    expect(await send({ ...made, data })).toBeDefined();
  });

  it("answers older connections when told to adopt", async () => {
    expect(await send({ flags: "A", seq: 5, ack: 77, data })).toBeUndefined();
    expect(await host.write("adopt")).toBe(5);
    const reply = await send({ flags: "A", seq: 5, ack: 77, data });
    expect(reply).toMatchObject({ flags: "A", seq: 77, ack: 5, window: 0 });
    expect(await host.write("strict\n")).toBe(7);
    expect(await send({ flags: "A", seq: 5, ack: 77, data })).toBeUndefined();
    expect(await host.counters()).toMatchObject({ adopted: 1, dropped_cookie: 2 });
  });
});

describe("every variant", () => {
  const sent = { seq: 500, ack: 9000 };
  const rst = { flags: "R", seq: 9000, ack: 0, window: 0, id: 0, options: "" };
  test.each<[string, Made, Record<Exclude<Variant, "-">, object | undefined>]>([
    [
      "SYN",
      { flags: "S", seq: 500, data },
      [
        { flags: "SA", ack: 501, window: 5 },
        { flags: "SA", ack: 501, window: 64_240 },
        { flags: "RA", seq: 0, ack: 506 },
      ],
    ],
    ["ACK", { ...sent, flags: "A" }, [undefined, undefined, rst]],
    [
      "data",
      { ...sent, flags: "PA", data },
      [undefined, { flags: "A", seq: 9000, ack: 505, window: 64_240 }, rst],
    ],
    ["FIN", { ...sent, flags: "FA" }, [undefined, rst, rst]],
    [
      "FIN without ACK",
      { seq: 500, flags: "F" },
      [undefined, { flags: "RA", ack: 501 }, { flags: "RA", ack: 501 }],
    ],
    ["RST", { ...sent, flags: "R" }, [undefined, undefined, undefined]],
    ["RST with ACK", { ...sent, flags: "RA" }, [undefined, undefined, undefined]],
    ["SYN-ACK", { ...sent, flags: "SA" }, [rst, rst, rst]],
    ["no flags", { ...sent, flags: "" }, [undefined, undefined, undefined]],
    ["PSH only", { ...sent, flags: "P", data }, [undefined, undefined, undefined]],
    ["SYN with FIN", { seq: 500, flags: "SF" }, [undefined, undefined, undefined]],
    ["SYN with RST", { seq: 500, flags: "SR" }, [undefined, undefined, undefined]],
  ])("%s", async (_name, made, expected) => {
    for (const variant of [0, 1, 2] as const) {
      const reply = await send(made, { variant });
      if (expected[variant] === undefined) expect([variant, reply]).toEqual([variant, undefined]);
      else expect(reply).toMatchObject(expected[variant]);
    }
  });

  test.each<[string, Made, Circumstances]>([
    ["a bad checksum", { badChecksum: true }, {}],
    ["a first fragment", { fragment: 0x2000 }, {}],
    ["a later fragment", { fragment: 3 }, {}],
    ["to a broadcast address", { to: "255.255.255.255" }, {}],
    ["to a multicast address", { to: "224.0.0.1" }, {}],
    ["by a broadcast route", {}, { flags: "10000000" }],
    ["in a broadcast frame", {}, { type: 1 }],
    ["in pieces", {}, { frags: 1 }],
  ])("is silent for a segment %s", async (_name, made, how) => {
    for (const variant of ["-", 0, 1, 2] as const)
      expect(await send(made, { ...how, variant })).toBeUndefined();
    const counters = await host.counters();
    expect(counters["segments"]).toBe(4);
    expect((counters["dropped_malformed"] ?? 0) + (counters["dropped_checksum"] ?? 0)).toBe(4);
  });

  it("takes the word of a card that looked at the checksum", async () => {
    expect(await send({ badChecksum: true }, { summed: 2 })).toMatchObject({ flags: "SA" });
    expect(await send({ badChecksum: true }, { summed: 1 })).toBeUndefined();
  });

  it("reads IP and TCP options as such, and odd payloads", async () => {
    const ipOptions = Buffer.from("01010101", "hex");
    const tcpOptions = Buffer.from("0101080a0000000100000000", "hex");
    for (const size of [0, 1, 2, 3, 1400]) {
      const made = { ...held(1, { tcpOptions, ipOptions }), data: Buffer.alloc(size, 0xee) };
      expect(await send(made, { variant: 1 })).toEqual(
        size === 0 ? undefined : expect.objectContaining({ ack: 1001 + size }),
      );
    }
  });

  it("survives a packet cut anywhere", async () => {
    const whole = makeSegment({ ...held(1, { tcpOptions: Buffer.alloc(20, 1) }), data });
    for (let size = 20; size < whole.length; size += 1) {
      await give(whole.subarray(0, size));
      for (const doff of [0, 4, 5, 15]) {
        const bent = Buffer.from(whole.subarray(0, size));
        if (size > 32) bent.writeUInt8(doff << 4, 32);
        await give(bent, { summed: 2, variant: 2 });
      }
    }
  });
});

describe("the reply", () => {
  it("belongs to the original's entry in reply direction, or to one in no table", async () => {
    expect((await send({}, { ct: "entry" }))?.rest).toContain("ct=own/3");
    expect((await send({}, { ct: "none" }))?.rest).toContain("ct=untracked/3");
  });

  it("is waited for when the module goes", async () => {
    await host.set("route", "queue");
    expect(await send({})).toBeDefined();
  });

  it("goes by the route from the called address, or from any when that is not ours", async () => {
    await host.set("mark", 7);
    expect((await send({}))?.rest).toContain("mark=7 key=c6336401>c0000207/7");
    await host.set("local", 0);
    expect((await send({}))?.rest).toContain("mark=7 key=00000000>c0000207/7");
  });

  it.each(["none", "error", "broadcast"])("is not sent by a route that is %s", async (route) => {
    await host.set("route", route);
    expect(await send({})).toBeUndefined();
    expect(await host.counters()).toMatchObject({ syn: 1, dropped_route: 1, replies: 0 });
  });

  it("is not sent without memory", async () => {
    await host.set("memory", 0);
    expect(await send({})).toBeUndefined();
    expect(await host.counters()).toMatchObject({ dropped_memory: 1, replies: 0 });
  });

  it("has an id that goes on with the peer's and the clock, and one of its own to start with", async () => {
    const first = (await send(held(0, { id: 100 })))?.id ?? 0;
    expect((await send(held(0, { id: 101 })))?.id).toBe((first + 1) & 0xffff);
    await host.set("jiffies", 1005);
    expect((await send(held(0, { id: 101 })))?.id).toBe((first + 6) & 0xffff);
    const other = (await send(held(0, { id: 101, sport: 40_113 })))?.id;
    expect(other).not.toBe((first + 6) & 0xffff);
  });

  it("has good checksums where folding the sum once gives another carry", async () => {
    const carries = (...words: number[]): boolean => {
      const raw = words.reduce((all, word) => all + (word >>> 16) + (word & 0xffff), 0);
      return (raw & 0xffff) + (raw >>> 16) > 0xffff;
    };
    const to = 0xc6336401;
    const search = (fits: (port: number, from: number) => boolean): Made => {
      for (let n = 1; n < 1_000_000; n += 1) {
        const [port, low] = [1024 + (n % 60_000), n >>> 8];
        const from = (0x0a000000 | low) >>> 0;
        if (fits(port, from))
          return { from: `10.${low >>> 16}.${(low >>> 8) & 255}.${low & 255}`, sport: port };
      }
      throw new Error("there is none");
    };
    const ip = search((_, from) => carries(0x4500, 44, 0x4000, 0x4006, from, to));
    const tcp = search((port, from) => {
      const made = { from: [24, 16, 8, 0].map((by) => (from >>> by) & 255).join("."), sport: port };
      const seq = (1000 + cookie(key, made)) >>> 0;
      return carries(from, to, 6 + 24, 23, port, seq, 1001, 0x6012, 5, 0x02040000, 1460);
    });
    // takeSegment() looks at both.
    for (const made of [ip, tcp]) expect(await send(made)).toMatchObject({ flags: "SA" });
  });

  it("comes at most so often", async () => {
    const count = async (times: number): Promise<number> => {
      let replies = 0;
      for (let i = 0; i < times; i += 1) if (await send({})) replies += 1;
      return replies;
    };
    await host.set("reply_rate", 10);
    await host.set("jiffies", 100_000);
    expect(await count(15)).toBe(10);
    await host.set("jiffies", 100_050);
    expect(await count(15)).toBe(5);
    await host.set("jiffies", 900_000);
    expect(await count(15)).toBe(10);
    await host.set("reply_rate", 0);
    await host.set("jiffies", 900_100);
    expect(await count(3)).toBe(1);
    expect(await host.counters()).toMatchObject({ dropped_rate: 22, replies: 26 });
    await host.set("reply_rate", 4_000_000_000);
    await host.set("jiffies", 900_200);
    expect(await count(50)).toBe(50);
  });
});

describe("checkentry", () => {
  test.each<[string, string, string]>([
    ["the rule of an iptables without options", "filter 6 0 0 0 2", "1"],
    ["FORWARD as well", "filter 6 0 0 0 6", "1"],
    ["a byte: tarpit", "filter 6 0 8 0 2", "1"],
    ["a byte: honeypot", "filter 6 0 8 1 2", "1"],
    ["a byte: reset", "filter 6 0 8 2 2", "1"],
    ["another variant", "filter 6 0 8 3 2", "0"],
    ["a byte not aligned", "filter 6 0 1 0 2", "0"],
    ["more bytes", "filter 6 0 16 0 2", "0"],
    ["table nat", "nat 6 0 0 0 2", "0"],
    ["table mangle", "mangle 6 0 0 0 2", "0"],
    ["OUTPUT", "filter 6 0 0 0 10", "0"],
    ["PREROUTING", "filter 6 0 0 0 1", "0"],
    ["UDP", "filter 17 0 0 0 2", "0"],
    ["any protocol", "filter 0 0 0 0 2", "0"],
    ["! -p tcp", "filter 6 64 0 0 2", "0"],
  ])("%s", async (_name, rule, answer) => {
    expect(await host.ask(`check ${rule}`)).toBe(answer);
    if (answer === "1") expect(host.said()).toBe("");
    else await expect.poll(() => host.said()).toContain("TARPIT: ");
  });

  it("refuses a rule when there is no memory for the list, and takes the next", async () => {
    const other = new Host24(program);
    await other.ask("load");
    await other.set("memory", 0);
    expect(await other.ask("check filter 6 0 0 0 2")).toBe("0");
    await other.set("memory", 1);
    expect(await other.ask("check filter 6 0 0 0 2")).toBe("1");
    expect(await other.ask("unload")).toBe("left 0 blocks 0 packets 0 routes");
    await other.end();
  });
});

describe("/proc/net/tarpit", () => {
  const rows = async () => parseTable((await host.read("net/tarpit")).text).rows;

  it("has the columns of docs/target.md", async () => {
    await host.set("jiffies", 8_610_000);
    await send(held(0));
    await host.set("jiffies", 8_639_999);
    await send({ ...held(1), data });
    const { mode, text } = await host.read("net/tarpit");
    expect(mode).toBe("600");
    expect(text.split("\n")).toEqual([
      "# version 1 now 86399 peers 4096",
      "# family source sport destination dport first last segments bytes marks",
      "4 192.0.2.7 40112 198.51.100.1 23 86100 86399 2 80 dp--",
      "",
    ]);
  });

  it("marks what a peer did", async () => {
    const marks = async (...all: Made[]): Promise<string | undefined> => {
      await host.write("clear");
      for (const made of all) await send(made);
      return (await rows())[0]?.marks;
    };
    expect(await marks(held(1))).toBe("----");
    expect(await marks(held(0))).toBe("-p--");
    expect(await marks(held(1), { ...held(1), data })).toBe("d---");
    expect(await marks(held(1), held(2, { flags: "FA" }))).toBe("--f-");
    expect(await marks(held(1), held(1, { flags: "RA" }))).toBe("---r");
    expect(await marks(held(1), held(1, { flags: "RA" }), held(1))).toBe("----");
    expect(await marks(held(1), { flags: "R", seq: 1003 })).toBe("---r");
    expect(await marks(held(1), { flags: "R", seq: 1008 })).toBe("----");
    expect(await marks(held(1), { flags: "R", seq: 1003, badChecksum: true })).toBe("----");
    expect(await marks(held(1, { flags: "RA" }))).toBeUndefined();
    expect(await marks({ flags: "S" }, { flags: "A", seq: 1, ack: 2, data })).toBeUndefined();
  });

  it("counts the same ports again as another connection", async () => {
    await send(held(0));
    await send(held(1, {}, 77_000));
    expect(await rows()).toMatchObject([{ segments: 1, marks: "----" }]);
    expect((await host.counters())["held"]).toBe(2);
  });

  it("reads the same in pieces of any size", async () => {
    for (let i = 0; i < 40; i += 1)
      await send({ ...held(1, { from: `203.0.113.${i + 1}`, sport: 65_535 - i }), data });
    const whole = await host.read("net/tarpit", 4096);
    expect(parseTable(whole.text).rows).toHaveLength(40);
    for (const chunk of [1, 7, 64, 127, 1000])
      expect((await host.read("net/tarpit", chunk)).text).toBe(whole.text);
  });

  it("gives a source a sixteenth, and forgets the row that was silent for longest", async () => {
    for (let i = 0; i < 300; i += 1) {
      await host.set("jiffies", 100_000 + i * 100);
      await send(held(1, { sport: 1024 + i }));
    }
    const { held: all, evicted } = await host.counters();
    const list = await rows();
    expect(all).toBe(300);
    expect(list.length).toBe(300 - (evicted ?? 0));
    expect(list.length).toBeLessThanOrEqual(4096 / 16);
    expect(list.length).toBeGreaterThan(150);
    expect(list.some(({ sport }) => sport === 1323)).toBe(true);
  });

  it.each([
    [1, 128],
    [129, 256],
    [4096, 4096],
    [1_000_000, 65_536],
  ])("has room for %i rounded to %i", async (peers, room) => {
    await host.ask("unload");
    await host.end();
    await start({ peers });
    expect(parseTable((await host.read("net/tarpit")).text).room).toBe(room);
  });

  it("is off with peers=0, and holds all the same", async () => {
    await host.ask("unload");
    await host.end();
    await start({ peers: 0 });
    expect(await send({ ...held(1), data })).toMatchObject({ flags: "A" });
    expect(await send({ flags: "R", seq: 1003 })).toBeUndefined();
    expect(parseTable((await host.read("net/tarpit")).text)).toMatchObject({ room: 0, rows: [] });
  });

  it("takes commands from who may give them", async () => {
    const invalid = [
      ..."|x|clear 1|rekey 4|rekey -1|rekey 1 2|key|key 00|key 0 1 2 3".split("|"),
      `key ${"0g".repeat(16)}`,
      `key ${"00".repeat(16)} 9`,
      "x".repeat(200),
    ];
    for (const line of invalid) expect([line, await host.write(line)]).toEqual([line, -22]);
    expect(await host.write("  clear \n")).toBe(9);
    await host.set("capable", 0);
    expect(await host.write("clear")).toBe(-1);
  });

  it("knows the connections of the keys before, as many as it was told", async () => {
    const other = Buffer.alloc(16, 0x5a);
    expect(await host.write(`key ${other.toString("hex").toUpperCase()}`)).toBe(36);
    expect(await send({})).toMatchObject({ seq: (1000 + cookie(other, {})) >>> 0 });
    expect(await send({ ...held(1), data })).toBeDefined();
    expect(await host.write("rekey")).toBe(5);
    expect(await host.write("rekey 3")).toBe(7);
    expect(await send({ ...held(1), data })).toBeDefined();
    expect(await host.write("rekey")).toBe(5);
    expect(await send({ ...held(1), data })).toBeUndefined();
    expect(await host.write(`key ${key.toString("hex")} 0`)).toBe(38);
    expect(await send({ ...held(1), data })).toBeDefined();
    expect(await send({ ...held(1), ack: (1001 + cookie(other, {})) >>> 0, data })).toBeUndefined();
  });
});

describe("/proc/net/stat/tarpit", () => {
  it("adds up all processors, and reads the same in pieces", async () => {
    await send({});
    await host.set("cpu", 1);
    await send({});
    const { mode, text } = await host.read("net/stat/tarpit");
    expect(mode).toBe("400");
    expect(text).toMatch(/^version=1\nsegments=2\nsyn=2\nheld=0\n/);
    expect(text).toMatch(/^replies=2\nbytes=88$/m);
    for (const chunk of [1, 10, 100])
      expect((await host.read("net/stat/tarpit", chunk)).text).toBe(text);
  });

  it("makes the directory where there is none, and takes it away again", async () => {
    const other = new Host24(program);
    await other.set("stat", 0);
    expect(await other.ask("load")).toBe("0");
    expect(await other.read("net/stat/tarpit")).toEqual({ mode: "400", text: "version=1\n" });
    expect(await other.ask("unload")).toBe("left 0 blocks 0 packets 0 routes");
    expect(await other.ask("read net/stat 10")).toBe("none");
    await other.end();
  });
});

describe("other configurations", () => {
  const build = (name: string, config: readonly string[]): string => {
    const own = join(dir, name);
    mkdirSync(own);
    return compileHost(own, config);
  };

  it("goes on when a 32-bit jiffies starts over", async () => {
    const other = new Host24(build("bits32", [...usualConfig, "BITS_PER_LONG=32"]));
    const seconds: number[] = [];
    for (const jiffies of [150, 0xffff_ff00, 0xffff_ffff, 99, 0x8000_0000, 0]) {
      await other.set("jiffies", jiffies);
      seconds.push(Number(await other.ask("now")));
    }
    const wrap = 2 ** 32 / 100;
    expect(seconds).toEqual(
      [1.5, wrap - 2.56, wrap - 0.01, wrap + 0.99, wrap * 1.5, wrap * 2].map(Math.floor),
    );
    await other.end();
  });

  it("is a reply without an entry where there is no connection tracking", async () => {
    await host.ask("unload");
    await host.end();
    await start({}, build("plain", ["MODULE", "CONFIG_PROC_FS"]));
    expect((await send({}))?.rest).toContain("ct=none/-1");
  });

  it("asks for the route as a vendor's kernel wants it", async () => {
    await host.ask("unload");
    await host.end();
    await start({ mark: 9 }, build("flows", [...usualConfig, "VENDOR_FLOWS"]));
    expect(await send({})).toMatchObject({
      options: "020405b4",
      rest: "ct=untracked/3 mark=9 key=c6336401>c0000207/9",
    });
  });

  it("compiles built in, without /proc and without address translation", () => {
    build("builtin", ["CONFIG_PROC_FS", "CONFIG_IP_NF_CONNTRACK_MODULE"]);
    build("no-proc", ["MODULE", "CONFIG_IP_NF_CONNTRACK"]);
  });
});

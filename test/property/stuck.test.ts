import * as fc from "fast-check";
import { expect, test } from "vitest";
import { summarize } from "../../src/core/stuck/summary.ts";
import { letGo, parseTable, type Held } from "../../src/core/stuck/table.ts";

const now = 10_000;

const row = fc.record({
  family: fc.constant(4 as const),
  source: fc.constantFrom("192.0.2.1", "192.0.2.2", "192.0.2.3"),
  sport: fc.integer({ min: 1, max: 65_535 }),
  destination: fc.constant("198.51.100.1"),
  dport: fc.constantFrom(22, 23, 445),
  first: fc.integer({ min: 0, max: now }),
  last: fc.integer({ min: 0, max: now }),
  segments: fc.nat(1000),
  bytes: fc.nat(100_000),
  marks: fc.constantFrom("----", "d---", "dp--", "dp-r"),
});

const text = (rows: readonly Held[]): string =>
  [
    `# version 1 now ${now} peers 64`,
    ...rows.map((one) =>
      [
        one.family,
        one.source,
        one.sport,
        one.destination,
        one.dport,
        one.first,
        one.last,
        one.segments,
        one.bytes,
        one.marks,
      ].join(" "),
    ),
    "",
  ].join("\n");

/** Slowly, a list for each address: what the one pass over the rows has to come to, in whatever order they stand. */
function peerOf(address: string, rows: readonly Held[]) {
  const all = rows.filter((one) => one.source === address);
  const held = all.filter((one) => !letGo(one, now));
  const counted = held.length > 0 ? held : all;
  return {
    address,
    connections: all.length,
    held: held.length,
    since: now - Math.min(...counted.map((one) => one.first)),
    silent: now - Math.max(...all.map((one) => one.last)),
    segments: all.reduce((sum, one) => sum + one.segments, 0),
    bytes: all.reduce((sum, one) => sum + one.bytes, 0),
    ports: [...new Set(all.map((one) => one.dport))].toSorted((a, b) => a - b),
  };
}

test("rows are read as they were written, and each address is what its rows say", () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
      const table = parseTable(text(rows));
      expect(table.rows).toEqual(rows);
      const { peers } = summarize(table);
      const addresses = [...new Set(rows.map((one) => one.source))];
      expect(peers.toSorted((a, b) => (a.address < b.address ? -1 : 1))).toEqual(
        addresses.toSorted().map((address) => peerOf(address, rows)),
      );
    }),
  );
});

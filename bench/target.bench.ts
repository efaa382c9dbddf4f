// npm run bench:target: what a reply costs, ours beside the stock module in one guest of Debian's own
// kernel. The guest's clock counts instructions (QEMU -icount), so a busy machine changes nothing.
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { scratch } from "../test/support/cli.ts";
import {
  debianKernel,
  withoutDebianKernel,
  withoutStock,
  type DebianKernel,
} from "../test/support/debian-kernel.ts";
import { packGuest, runLabGuest } from "../test/support/lab-guest.ts";

interface Cost {
  readonly round: number;
  readonly target: string;
  readonly family: string;
  readonly kind: string;
  readonly instructions: number;
  readonly count: number;
  readonly replies: number;
}

const { dir, remove } = scratch("bench-target");
afterAll(remove);

const moduleNames = [
  ...["veth", "dummy", "iptable_filter", "ip6table_filter", "xt_tcpudp", "xt_conntrack"],
  ...["nf_conntrack", "x_tables"],
];

async function measure(kernel: DebianKernel): Promise<Cost[]> {
  const initramfs = packGuest(
    {
      script: "cost.py",
      native: ["flood"],
      modules: { ...kernel.modules, names: moduleNames },
      files: {
        "ours/xt_TARPIT.ko": kernel.ours,
        ...(kernel.stock ? { "stock/xt_TARPIT.ko": kernel.stock } : {}),
      },
    },
    join(dir, "guest"),
  );
  const ran = await runLabGuest({
    image: kernel.image,
    initramfs,
    work: join(dir, "guest"),
    countInstructions: true,
    kernelOptions: ["quiet"],
    settings: {
      FRAMES: process.env["TARPIT_KIT_FRAMES"] ?? 20_000,
      CONNTRACK: process.env["TARPIT_KIT_CONNTRACK"] ?? 0,
    },
    timeoutMs: 30 * 60_000,
  });
  expect(ran.lines.filter(({ key }) => key === "error")).toEqual([]);
  expect(ran.finished, ran.console.slice(-2000)).toBe(true);
  return ran.lines.filter(({ key }) => key === "cost") as unknown as Cost[];
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

interface Row {
  readonly family: string;
  readonly kind: string;
  readonly target: string;
  /** Over DROP, mean of the rounds. */
  readonly own: number;
  readonly whole: number;
  /** Largest over smallest round, of the whole cost. */
  readonly spread: number;
}

function rowsOf(costs: readonly Cost[]): Row[] {
  const groups = new Map<string, Cost[]>();
  for (const one of costs) {
    const name = `${one.family} ${one.kind} ${one.target}`;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  const whole = (name: string): number =>
    mean((groups.get(name) ?? []).map((one) => one.instructions));
  return [...groups].map(([name, [first, ...rest]]) => {
    const { family, kind, target } = first as Cost;
    const rounds = [first as Cost, ...rest].map((one) => one.instructions);
    return {
      family,
      kind,
      target,
      whole: whole(name),
      own: whole(name) - whole(`${family} ${kind} DROP`),
      spread: Math.max(...rounds) / Math.min(...rounds) - 1,
    };
  });
}

function table(rows: readonly Row[]): string {
  const stockOf = (row: Row): Row | undefined =>
    rows.find(
      (one) => one.target === "stock" && one.kind === row.kind && one.family === row.family,
    );
  const lines = rows.map((row) => {
    const stock = stockOf(row);
    return [
      row.family,
      row.kind.padEnd(5),
      row.target.padEnd(13),
      row.whole.toFixed(1).padStart(9),
      row.target === "DROP" ? "        -" : row.own.toFixed(1).padStart(9),
      `${(row.spread * 100).toFixed(2)}%`.padStart(6),
      row.target.startsWith("ours") && stock
        ? `${(row.own / stock.own).toFixed(3)}  ${(stock.whole / row.whole).toFixed(3)}`
        : "",
    ].join("  ");
  });
  return [
    "family kind   target        instructions  over DROP  spread  cost/stock  replies a second/stock",
    ...lines,
  ].join("\n");
}

/** Ours answers with less than stock needs; a large segment with much less (it is not copied). */
const limits: Readonly<Record<string, number>> = { syn: 1, probe: 1, large: 1 / 1.3 };

test.skipIf(withoutDebianKernel !== undefined)(
  `instructions per reply${withoutDebianKernel ? ` (skipped: ${withoutDebianKernel})` : ""}`,
  async () => {
    const costs = await measure(debianKernel(dir));
    const rows = rowsOf(costs);
    console.log(`${table(rows)}\n${withoutStock ? `stock: skipped, ${withoutStock}` : ""}`);
    // A packet that was not answered measures DROP.
    for (const one of costs)
      expect(one.replies, JSON.stringify(one)).toBe(one.target === "DROP" ? 0 : one.count);
    for (const row of rows) {
      const stock = rows.find(
        (one) => one.target === "stock" && one.kind === row.kind && one.family === row.family,
      );
      if (!row.target.startsWith("ours") || !stock) continue;
      const limit = limits[row.kind] as number;
      expect.soft(row.own / stock.own, `${row.kind} ${row.target}`).toBeLessThanOrEqual(limit);
    }
  },
);

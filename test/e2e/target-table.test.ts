import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scratch } from "../support/cli.ts";
import { debianKernel, withoutDebianKernel } from "../support/debian-kernel.ts";
import { type GuestReport, packGuest, type ReportLine, runLabGuest } from "../support/lab-guest.ts";

/** The list of who is held at its largest size, full (test/guest/table.py). */
const { dir, remove } = scratch("table");
afterAll(remove);

const reason = withoutDebianKernel ? ` (skipped: ${withoutDebianKernel})` : "";
describe.skipIf(withoutDebianKernel !== undefined)(`a full list of 65536 rows${reason}`, () => {
  let ran: GuestReport = { lines: [], finished: false, console: "" };
  const only = (key: string): ReportLine[] => ran.lines.filter((line) => line.key === key);

  beforeAll(async () => {
    const kernel = debianKernel(dir);
    const work = join(dir, "guest");
    const names = ["veth", "iptable_filter", "xt_tcpudp", "x_tables"];
    const initramfs = packGuest(
      {
        script: "table.py",
        native: ["crowd"],
        modules: { ...kernel.modules, names },
        files: { "ours/xt_TARPIT.ko": kernel.ours },
      },
      work,
    );
    ran = await runLabGuest({
      image: kernel.image,
      initramfs,
      work,
      countInstructions: true,
      timeoutMs: 8 * 60_000,
    });
    for (const line of ran.lines) console.log(JSON.stringify(line));
  });

  test("the guest runs to its end", () => {
    expect(only("error")).toEqual([]);
    expect(ran.finished, ran.console.slice(-3000)).toBe(true);
  });

  test("it is full, and says so", () => {
    const [full] = only("full") as unknown as { rows: number; head: string }[];
    expect(full?.head).toMatch(/^# version 1 now \d+ peers 65536$/);
    expect(full?.rows).toBeGreaterThan(65_000);
  });

  test("reading it ends, and every row that stayed is read once", () => {
    const [read] = only("read") as unknown as Record<string, number>[];
    expect(read).toMatchObject({ missed: 0, twice: 0 });
    expect(read?.["stayed"]).toBeGreaterThan(55_000);
    // Rows did go while it was read: otherwise this shows nothing.
    expect(read?.["during"]).toBeGreaterThan(100);
  });
});

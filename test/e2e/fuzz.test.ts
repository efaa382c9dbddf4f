import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../support/artifacts.ts";
import { kitOk, launcher, scratch } from "../support/cli.ts";
import {
  artifactModules,
  complaints,
  type GuestReport,
  packGuest,
  type ReportLine,
  runLabGuest,
} from "../support/lab-guest.ts";

/**
 * Generated packets against the target on a kernel with KASAN, UBSAN, lockdep and kmemleak, while
 * rules and the module come and go (test/guest/fuzz.py). `npm run fuzz:kernel` is the same with a
 * million packets and a thousand loads; TARPIT_KIT_SEED repeats a run.
 */
const { dir, remove } = scratch("fuzz");
afterAll(remove);

const numberFrom = (name: string, otherwise: number): number =>
  Number(process.env[name] ?? otherwise);
const hours = 60 * 60_000;
const packets = numberFrom("TARPIT_KIT_FUZZ_PACKETS", 50_000);
const loads = numberFrom("TARPIT_KIT_FUZZ_LOADS", 50);
const seed = numberFrom("TARPIT_KIT_SEED", Math.floor(Math.random() * 2 ** 31));

/** An artifact directory that is there already saves its build. */
const kernel = (): string =>
  process.env["TARPIT_KIT_FUZZ_ARTIFACTS"] ??
  kitOk([
    ...["build", "--arch", "x86_64", "--kernel", "debian:6.12", "--userland", "64"],
    ...["lab.config", "fuzz.config"].flatMap((name) => [
      "--fragment",
      join(root, "test/guest", name),
    ]),
    ...["--install", "--out", join(dir, "out"), ...launcher()],
  ]);

const leaksOf = (ran: GuestReport, after: string): string =>
  String(ran.lines.find((line) => line.key === "leaks" && line["after"] === after)?.["text"]);

describe("TARPIT on a kernel that reports everything", () => {
  let artifacts = "";
  beforeAll(() => {
    artifacts = kernel();
  });

  function pack(script: string, work: string): string {
    const extensions = ["libipt_TARPIT.so", "libxt_TARPIT.so"].map(
      (name) => [`ours/${name}`, readFileSync(join(artifacts, "extensions/x86_64", name))] as const,
    );
    return packGuest(
      {
        script,
        native: ["fuzz"],
        files: Object.fromEntries(extensions),
        modules: artifactModules(artifacts, work),
      },
      work,
    );
  }

  describe(`${packets} packets, seed ${seed}`, () => {
    let ran: GuestReport = { lines: [], finished: false, console: "" };
    const only = (key: string): ReportLine[] => ran.lines.filter((line) => line.key === key);
    beforeAll(async () => {
      const work = join(dir, "fuzz");
      ran = await runLabGuest({
        image: join(artifacts, "bzImage"),
        initramfs: pack("fuzz.py", work),
        work,
        memoryMiB: 1536,
        settings: { PACKETS: packets, LOADS: loads, SEED: seed },
        timeoutMs: 10 * 60_000 + packets * 10 + loads * 3_000,
      });
      for (const line of ran.lines) if (line.key !== "alive") console.log(JSON.stringify(line));
    }, 4 * hours);

    test("the guest runs to its end", () => {
      expect(only("error")).toEqual([]);
      expect(ran.finished, ran.console.slice(-3000)).toBe(true);
    });

    test("every packet is sent, and the target has answered its share", () => {
      const generators = only("generator") as unknown as {
        sent: number;
        answers: number;
        handshakes: number;
        refused: number;
      }[];
      expect(generators).toHaveLength(2);
      const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
      expect(sum(generators.map((one) => one.sent - one.refused))).toBeGreaterThan(packets * 0.9);
      for (const one of generators) {
        expect(one.answers).toBeGreaterThan(one.sent / 50);
        expect(one.handshakes).toBeGreaterThan(100);
      }
    });

    test("the kernel has nothing to complain about", () => {
      for (const [, word] of [
        ["KASAN", "KernelAddressSanitizer"],
        ["lockdep", "Lock dependency validator"],
      ])
        expect(ran.console).toContain(word);
      expect(complaints(ran.console)).toEqual([]);
    });

    test(`nothing is leaked, by packets or by ${loads} loads of the module`, () => {
      expect(leaksOf(ran, "packets")).toBe("");
      expect(leaksOf(ran, "loads")).toBe("");
      expect(only("loads")).toMatchObject([{ wanted: loads, done: loads }]);
    });
  });

  /** By provocation, and what the kernel then says. Lockdep first: any other report ends its work. */
  const provoked = [
    ["SPINLOCKUP", "WARNING: lock held when returning to user space!"],
    ["READ_AFTER_FREE", "BUG: KASAN: slab-use-after-free"],
    ["SLAB_LINEAR_OVERFLOW", "BUG: KASAN: slab-out-of-bounds"],
    // Into the guard page: any kernel hears it.
    ["VMALLOC_LINEAR_OVERFLOW", "BUG: unable to handle page fault"],
    ["ARRAY_BOUNDS", "UBSAN: array-index-out-of-bounds"],
    ["WARNING", "WARNING: CPU:"],
  ] as const;
  /** These and one of KASAN's own tests: not yet in the guard page. */
  const heard = [...provoked, ["vmalloc_oob", "BUG: KASAN: vmalloc-out-of-bounds"]] as const;

  describe("a kernel with a bug in it", () => {
    let ran: GuestReport = { lines: [], finished: false, console: "" };
    beforeAll(async () => {
      const work = join(dir, "control");
      ran = await runLabGuest({
        image: join(artifacts, "bzImage"),
        initramfs: pack("control.py", work),
        work,
        memoryMiB: 1536,
        // KASAN says nothing after its first report, unless told to.
        kernelOptions: ["kasan_multi_shot"],
        settings: { KINDS: provoked.map(([kind]) => kind).join(",") },
        timeoutMs: 8 * 60_000,
      });
      for (const line of ran.lines) if (line.key !== "leaks") console.log(JSON.stringify(line));
    });

    test("the guest runs to its end", () => {
      expect(ran.lines.filter((line) => line.key === "error")).toEqual([]);
      expect(ran.lines.at(-1)?.key, ran.console.slice(-2000)).toBe("done");
    });

    test.each(heard)("%s is heard", (kind, words) => {
      const from = ran.console.split(`tarpit-kit: ${kind}`).at(-1) ?? "";
      expect(complaints(from).join("\n")).toContain(words);
    });

    test("memory nobody points to is heard", () => {
      expect(leaksOf(ran, "control")).toContain("unreferenced object");
      expect(complaints(ran.console).join("\n")).toMatch(/new suspected memory leaks/);
    });
  });
});

import { describe, expect, test } from "vitest";
import type { MatrixRow } from "../../src/app/matrix.ts";
import { describeFailures, describeMatrix } from "../../src/cli/render/matrix.ts";
import { LiveWatch, PlainWatch } from "../../src/cli/render/overview.ts";
import { makeStyle } from "../../src/cli/render/style.ts";
import type { Combination } from "../../src/core/matrix/types.ts";
import { MemoryLog } from "../support/ports.ts";

const style = { ...makeStyle({ isTTY: true, columns: 80 }, { NO_COLOR: "1" }, false), columns: 80 };
const builds = Array.from({ length: 12 }, (_, at): Combination => ({
  id: `b${at}`,
  kernel: `6.1.${at}`,
  arch: "sparc64",
  profile: "sparc64-qemu",
  scope: "kernel",
  userland: "all",
}));
const row = (at: number, more: Partial<MatrixRow> = {}): MatrixRow => ({
  ...(builds[at] as Combination),
  state: "built",
  seconds: 65,
  dir: `/out/${at}`,
  release: `6.1.${at}`,
  warnings: [],
  errors: [],
  ...more,
});
const failure = row(1, {
  state: "failed",
  trouble: {
    code: "build.compile",
    what: "compiling failed",
    where: "/log",
    next: "look",
    evidence: ["a.c:1: error"],
  },
});

/** What a terminal shows after all of it: `ESC [ n A` goes up n lines, `ESC [ J` erases to the end. */
function screen(text: string): string[] {
  const lines: string[] = [""];
  for (const [at, part] of text.split("\u001b[").entries()) {
    const up = at === 0 ? undefined : /^(\d+)A/.exec(part)?.[1];
    if (up !== undefined) lines.splice(lines.length - 1 - Number(up), Infinity, "");
    const [first = "", ...more] = part
      .replace(at === 0 ? "" : /^\d*[AJ]/, "")
      .replaceAll("\r", "")
      .split("\n");
    lines[lines.length - 1] += first;
    lines.push(...more);
  }
  return lines.slice(0, -1);
}

describe("the live overview", () => {
  let written = "";
  const watch = (height: number): LiveWatch => {
    written = "";
    return new LiveWatch({ write: (text) => (written += text) }, style, height);
  };

  test("a line for each build, no wider than the terminal; the stage and progress of the one at work", () => {
    const live = watch(24);
    live.begin(builds.slice(0, 3));
    live.done(0, row(0));
    const log = live.started(1);
    log.stage("kernel");
    log.progress({ stage: "kernel", unit: "files", done: 412, total: 829, item: "net/ipv4/tcp.o" });
    log.info("not shown");
    log.stage("verify");
    const [first, second, third] = screen(written);
    expect(first).toMatch(/^built +1:05 {2}6\.1\.0 sparc64 sparc64-qemu kernel$/);
    expect(second).toMatch(/^building .*6\.1\.1 sparc64 .* verify$/);
    expect(third).toMatch(/^waiting +6\.1\.2 /);
    expect(Math.max(...screen(written).map((line) => line.length))).toBeLessThan(80);
    log.warn("odd");
    expect(screen(written)[0]).toBe("warning: odd");
    live.done(1, failure);
    expect(screen(written)[2]).toMatch(/^failed .*$/);
    live.end();
    expect(screen(written)).toEqual(["warning: odd"]);
  });

  test("more builds than lines: those around the one at work", () => {
    const live = watch(7);
    live.begin(builds);
    live.started(11);
    expect(screen(written)).toHaveLength(5);
    expect(screen(written).at(-1)).toMatch(/^building .*6\.1\.11 /);
    live.started(0);
    expect(screen(written)[0]).toMatch(/^building .*6\.1\.0 /);
    live.end();
    expect(screen(written)).toEqual([]);
  });
});

test("without a terminal: a line when a build begins and one when it ends", () => {
  const log = new MemoryLog();
  const plain = new PlainWatch(log);
  plain.begin(builds.slice(0, 2));
  plain.started(0).stage("kernel");
  plain.done(0, row(0));
  plain.started(1);
  plain.done(1, failure);
  plain.end();
  expect(log.lines).toEqual([
    "matrix 1/2 6.1.0 sparc64 sparc64-qemu kernel",
    "kernel",
    "1/2 6.1.0 sparc64 sparc64-qemu kernel: built",
    "matrix 2/2 6.1.1 sparc64 sparc64-qemu kernel",
    "2/2 6.1.1 sparc64 sparc64-qemu kernel: failed: compiling failed",
  ]);
});

test("the table at the end, and what the failed ones have to say", () => {
  const rows = [row(0, { state: "unchanged", seconds: 1 }), failure];
  const text = describeMatrix({ out: "/out", rows }, style);
  expect(text.split("\n")).toEqual([
    "unchanged  6.1.0 sparc64 sparc64-qemu kernel  0:01    /out/0",
    "failed     6.1.1 sparc64 sparc64-qemu kernel  1:05    compiling failed",
    "1 of 2 builds failed",
    "",
  ]);
  expect(describeFailures({ out: "/out", rows }, style)).toBe(
    "failed: 6.1.1 sparc64 sparc64-qemu kernel: compiling failed\n  where: /log\n  | a.c:1: error\n  next:  look\n",
  );
});

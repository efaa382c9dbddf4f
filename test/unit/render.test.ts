import { describe, expect, test } from "vitest";
import { badInput, environment } from "../../src/core/errors.ts";
import { describeBuild } from "../../src/cli/render/build.ts";
import { describeError, systemTrouble } from "../../src/cli/render/errors.ts";
import { TerminalLog } from "../../src/cli/render/log.ts";
import { clockTime, progressLine } from "../../src/cli/render/progress.ts";
import { makeStyle } from "../../src/cli/render/style.ts";

const plain = makeStyle({ columns: 80 }, {}, true);
const terminal = makeStyle({ isTTY: true, columns: 60 }, {}, true);

describe("progress", () => {
  test("files, share, rate, time left, the file at work", () => {
    const pace = { stage: "kernel", since: 0, from: 0 };
    const progress = {
      stage: "kernel",
      unit: "files",
      done: 200,
      total: 800,
      item: "net/ipv4/tcp.o",
    } as const;
    expect(progressLine(progress, pace, 100_000, plain).trim()).toBe(
      "200/800 files  25%  2.0/s  5:00 left  net/ipv4/tcp.o",
    );
  });
  test("a run that goes on counts its rate from where it began, and a wrong total is left out", () => {
    const pace = { stage: "kernel", since: 0, from: 700 };
    expect(
      progressLine({ stage: "kernel", unit: "files", done: 750, total: 800 }, pace, 50_000, plain),
    ).toContain("0:50 left");
    expect(
      progressLine({ stage: "kernel", unit: "files", done: 900, total: 800 }, pace, 50_000, plain),
    ).not.toMatch(/left|%/);
  });
  test("bytes are mebibytes; a line never wraps", () => {
    const pace = { stage: "fetch", since: 0, from: 0 };
    const progress = {
      stage: "fetch",
      unit: "bytes",
      done: 50 << 20,
      total: 100 << 20,
      item: "x".repeat(200),
    } as const;
    const line = progressLine(progress, pace, 10_000, plain);
    expect(line).toContain("50/100 MiB  50%  5.0 MiB/s  0:10 left");
    expect(line.length).toBeLessThan(80);
  });
  test.each([
    [5, "0:05"],
    [65, "1:05"],
    [3723, "1:02:03"],
    [-1, "0:00"],
  ])("%i seconds are %s", (seconds, text) => expect(clockTime(seconds)).toBe(text));
});

describe("the log", () => {
  const written = (style: typeof plain, options: { quiet: boolean; verbose: boolean }): string => {
    let text = "";
    const log = new TerminalLog({ write: (chunk: string) => (text += chunk) }, style, options);
    log.stage("kernel", "linux");
    log.progress({ stage: "kernel", unit: "files", done: 1 });
    log.detail("a detail");
    log.warn("a warning");
    log.end();
    return text;
  };
  test("plain stage lines elsewhere than on a terminal, no progress, no colour", () => {
    expect(written(plain, { quiet: false, verbose: false })).toBe(
      "0:00 kernel linux\nwarning: a warning\n",
    );
  });
  test("on a terminal the progress line is drawn over and taken away", () => {
    const text = written(terminal, { quiet: false, verbose: false });
    expect(text).toContain("\r\u001b[K");
    expect(text.endsWith("a warning\n")).toBe(true);
  });
  test("--quiet keeps warnings only, --verbose adds details", () => {
    expect(written(terminal, { quiet: true, verbose: false })).toMatch(
      /^\S*warning:\S* a warning\n$/,
    );
    expect(written(plain, { quiet: false, verbose: true })).toContain("a detail");
  });
});

describe("colour", () => {
  test.each([
    [{ isTTY: true }, {}, true, true],
    [{ isTTY: false }, {}, true, false],
    [{ isTTY: true }, { NO_COLOR: "1" }, true, false],
    [{ isTTY: true }, { TERM: "dumb" }, true, false],
    [{ isTTY: true }, {}, false, false],
  ])("%j %j --no-color=%j", (stream, env, wanted, coloured) => {
    expect(makeStyle(stream, env, wanted).red("x") !== "x").toBe(coloured);
  });
});

describe("errors", () => {
  test("what, where, evidence, and the next step last", () => {
    const error = badInput("a.b", {
      what: "W",
      where: "f:1",
      next: "do N",
      evidence: ["e1", "e2"],
    });
    expect(describeError(error, plain)).toBe(
      "error: W\n  where: f:1\n  | e1\n  | e2\n  next:  do N\n",
    );
  });
  test("what the system refuses is the environment's trouble; anything else is a bug", () => {
    const full = Object.assign(new Error("x"), { code: "ENOSPC", path: "/p", syscall: "write" });
    expect(systemTrouble(full)).toMatchObject({
      exit: 3,
      code: "system.ENOSPC",
      trouble: { where: "/p (write: ENOSPC)" },
    });
    expect(systemTrouble(new TypeError("x"))).toBeUndefined();
    expect(environment("c", { what: "w" }).exit).toBe(3);
  });
});

describe("a build's last words", () => {
  const result = {
    dir: "/o",
    release: "6.1.1",
    arch: "sparc64",
    unchanged: false,
    compiled: 3,
    warnings: [],
    checked: 4,
    seconds: { kernel: 61, patch: 0.1 },
  };
  test("files, checks and the stages that took time", () => {
    expect(describeBuild(result, plain)).toBe(
      "built 6.1.1 for sparc64: 3 files compiled, 4 checks passed\n  kernel 1:01\n",
    );
    expect(describeBuild({ ...result, unchanged: true }, plain)).toMatch(/^unchanged/);
  });
  test("five warnings are shown, the rest are counted", () => {
    const warning = {
      severity: "warning",
      file: "a.c",
      path: "a.c",
      line: 1,
      column: 2,
      message: "m",
      option: "-Wm",
      context: [],
    } as const;
    const text = describeBuild(
      { ...result, warnings: Array.from({ length: 7 }, () => warning) },
      plain,
    );
    expect(text.match(/a\.c:1:2: warning: m \[-Wm\]/g)).toHaveLength(5);
    expect(text).toContain("and 2 more in metadata.json");
  });
});

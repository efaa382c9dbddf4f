import { describe, expect, test } from "vitest";
import { BuildLogReader, failureLines } from "../../src/core/build-log.ts";

const read = (text: string) => {
  const reader = new BuildLogReader();
  for (const line of text.split("\n")) reader.line(line);
  return { reader, summary: reader.summary() };
};

describe("build log", () => {
  test("counts what is compiled, and knows the file at work", () => {
    const { reader } = read(
      "  HOSTCC  scripts/basic/fixdep\n  CC      init/main.o\n  CC [M]  net/netfilter/xt_TARPIT.o\n  LD      vmlinux\n  AS      arch/sparc/kernel/head_64.o",
    );
    expect(reader.progress).toEqual({ compiled: 4, item: "arch/sparc/kernel/head_64.o" });
  });

  test("a warning keeps its option and the lines that show it", () => {
    const { summary } = read(
      "net/core/dev.c: In function 'f':\nnet/core/dev.c:10:13: warning: unused variable 'x' [-Wunused-variable]\n   10 |   int x;\n      |       ^\n  CC      net/core/dev.o",
    );
    expect(summary.diagnostics).toEqual([
      {
        severity: "warning",
        file: "net/core/dev.c",
        line: 10,
        column: 13,
        message: "unused variable 'x'",
        option: "-Wunused-variable",
        context: ["   10 |   int x;", "      |       ^"],
      },
    ]);
  });

  test("the same warning of a header is kept once", () => {
    const line = "include/a.h:1:2: warning: odd [-Wodd]";
    expect(read(`${line}\n  CC      a.o\n${line}`).summary.diagnostics).toHaveLength(1);
  });

  test("errors of compiler, linker and modpost; make's give-ups only when there is nothing better", () => {
    const { summary } = read(
      "a.c:3:1: error: expected ';'\nsparc64-linux-gnu-ld: net/x.o: in function `f':\nERROR: modpost: \"foo\" [net/x.ko] undefined!\nmake[2]: *** [scripts/Makefile.build:250: a.o] Error 1\nmake: *** [Makefile:1: all] Error 2",
    );
    expect(summary.diagnostics.map((d) => d.severity)).toEqual(["error", "error", "error"]);
    expect(failureLines(summary)[0]).toBe("a.c:3:1: error: expected ';'");
    expect(failureLines(summary).join("\n")).not.toContain("***");
    expect(failureLines(read("make: *** No rule to make target 'image'.  Stop.").summary)).toEqual([
      "No rule to make target 'image'.  Stop.",
    ]);
  });

  test("words in no known form are shown when nothing better is there; a full disk is known by them", () => {
    const said = [
      "make: Entering directory '/t'",
      "  CC      init/main.o",
      "/tmp/cc1.s: Fatal error: can't write 8 bytes to section .text of main.o: 'No space left on device'",
      "make: *** [Makefile:1: main.o] Error 1",
      "make: *** Waiting for unfinished jobs....",
      "what comes after it",
    ];
    const { summary } = read(said.join("\n"));
    expect(failureLines(summary)).toEqual([
      said[2],
      "[Makefile:1: main.o] Error 1",
      "Waiting for unfinished jobs....",
    ]);
    expect(summary.diskFull).toBe(true);
    expect(read("a.c:1:1: error: x").summary.diskFull).toBe(false);
  });

  test("UTF-8 quotes that came as bytes are readable again", () => {
    const bytes = Buffer.from("a.c:1:1: error: call to ‘f’").toString("latin1");
    expect(failureLines(read(bytes).summary)).toEqual(["a.c:1:1: error: call to ‘f’"]);
  });

  test("ten thousand warnings do not fill the memory, and none goes uncounted", () => {
    const lines = Array.from({ length: 10_000 }, (_, n) => `a.c:${n + 1}:1: warning: w [-Ww]`).join(
      "\n",
    );
    const { summary } = read(lines);
    expect(summary.diagnostics.length + summary.omitted).toBe(10_000);
    expect(summary.diagnostics.length).toBeLessThanOrEqual(500);
  });
});

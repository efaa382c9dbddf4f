import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Interrupted } from "../../src/core/errors.ts";
import { NodeProcesses } from "../../src/infra/processes.ts";

const sh = (script: string) => ({ program: "sh", args: ["-c", script] });
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const until = async (holds: () => boolean): Promise<boolean> => {
  for (let tries = 0; tries < 100 && !holds(); tries += 1)
    await new Promise((r) => setTimeout(r, 50));
  return holds();
};

describe("processes", () => {
  test("a log that cannot take any more ends the program, and is told as the disk's trouble", async () => {
    const run = new NodeProcesses().run(sh("while :; do echo words; done"), {
      logFile: "/dev/full",
    });
    await expect(run).rejects.toMatchObject({ code: "ENOSPC", path: "/dev/full" });
  });

  test("exit code, both streams, lines, the log file", async () => {
    const logFile = join(await mkdtemp(join(tmpdir(), "tk-")), "log");
    const lines: string[] = [];
    const result = await new NodeProcesses().run(
      sh("echo one; echo two >&2; printf three; exit 7"),
      {
        logFile,
        onLine: (line, stream) => lines.push(`${stream}:${line}`),
      },
    );
    expect(result).toMatchObject({ code: 7, stdout: "one\nthree", stderr: "two\n" });
    expect(lines.toSorted()).toEqual(["stderr:two", "stdout:one", "stdout:three"]);
    expect((await readFile(logFile, "utf8")).length).toBe("one\ntwo\nthree".length);
  });

  test("a program that does not exist is 127 and says its name", async () => {
    const result = await new NodeProcesses().run({ program: "tk-no-such-program", args: [] });
    expect(result.code).toBe(127);
    expect(result.stderr).toContain("tk-no-such-program");
  });

  test("arguments reach the program as they are: no shell in between", async () => {
    const result = await new NodeProcesses().run({
      program: "printf",
      args: ["%s|", "$(id)", "a b", "*"],
    });
    expect(result.stdout).toBe("$(id)|a b|*|");
  });

  test("a pipeline carries bytes on and reports each part", async () => {
    const results = await new NodeProcesses().pipe([
      sh("printf abc"),
      { program: "tr", args: ["a-c", "x-z"] },
    ]);
    expect(results.map((r) => r.code)).toEqual([0, 0]);
    expect(results[1]?.stdout).toBe("xyz");
  });

  test("a writer that takes its time to exit after its last byte is not killed", async () => {
    const slow = sh("printf abc; exec 1>&-; sleep 0.3; exit 5");
    const results = await new NodeProcesses().pipe([slow, { program: "cat", args: [] }]);
    expect(results.map((r) => r.code)).toEqual([5, 0]);
  });

  test("a part that ends early ends the one before it", async () => {
    const results = await new NodeProcesses().pipe([
      sh("yes"),
      { program: "head", args: ["-c", "4"] },
    ]);
    expect(results[1]?.stdout).toBe("y\ny\n");
  });

  test("a time limit ends the whole group, grandchildren too", async () => {
    let pid = 0;
    const result = await new NodeProcesses().run(sh("sleep 60 & echo $!; wait"), {
      timeoutMs: 500,
      onLine: (line) => (pid = Number(line)),
    });
    expect(result.timedOut).toBe(true);
    expect(await until(() => !alive(pid))).toBe(true);
  });

  test("an interrupt ends what runs and refuses what comes after", async () => {
    const processes = new NodeProcesses();
    let pid = 0;
    const run = processes.run(sh("sleep 60 & echo $!; wait"), {
      onLine: (line) => (pid = Number(line)),
    });
    expect(await until(() => pid > 0)).toBe(true);
    await processes.interrupt();
    await expect(run).rejects.toBeInstanceOf(Interrupted);
    await expect(processes.run(sh("true"))).rejects.toBeInstanceOf(Interrupted);
    expect(await until(() => !alive(pid))).toBe(true);
  });

  test("a session is written to and read while it runs", async () => {
    const lines: string[] = [];
    const session = new NodeProcesses().start(
      { program: "cat", args: [] },
      { onLine: (line) => lines.push(line) },
    );
    session.write("hello\n");
    expect(await until(() => lines.length > 0)).toBe(true);
    await session.stop();
    expect((await session.finished).code).toBe(143);
  });
});

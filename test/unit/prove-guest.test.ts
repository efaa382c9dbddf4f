import { describe, expect, test } from "vitest";
import { Guest } from "../../src/app/prove/guest.ts";
import type { Processes, RunOptions, RunResult, Session } from "../../src/ports.ts";
import { fakePorts } from "../support/ports.ts";

/** A guest that is a function: what is written to its console, and what it says. */
function fakeGuest(reply: (line: string, say: (line: string) => void) => void) {
  const written: string[] = [];
  let end: (result: RunResult) => void = () => undefined;
  const base = fakePorts();
  const finished = new Promise<RunResult>((resolve) => void (end = resolve));
  let say: (line: string) => void = () => undefined;
  const start = (_command: unknown, options: RunOptions = {}): Session => {
    say = (line) => options.onLine?.(line, "stdout");
    return {
      write: (text) => {
        written.push(text);
        reply(text.trimEnd(), say);
      },
      stop: async () => undefined,
      finished,
    };
  };
  const processes = Object.assign(Object.create(base.processes) as Processes, { start });
  const guest = new Guest("target", { program: "qemu", args: [] }, "/log", 1000, {
    ...base,
    processes,
  });
  const exit = (code: number, timedOut = false) =>
    end({ code, stdout: "", stderr: "", durationMs: 1, timedOut });
  return { guest, written, say: (line: string) => say(line), exit };
}

describe("the conversation with a guest", () => {
  test("kernel chatter between the answers does not matter", async () => {
    const { guest, say } = fakeGuest((line, tell) => {
      for (const text of [
        "[ 2.0] noise",
        `@tk ${line.split("\t")[0]} rc 1\r`,
        `[ 3.0] x@tk ${line.split("\t")[0]} err no\r`,
        `@tk ${line.split("\t")[0]} end 0\r`,
      ])
        tell(text);
    });
    say("@tk 0 ready 6.1 sparc64");
    expect(await guest.ready()).toBe("6.1 sparc64");
    const answer = await guest.ask("run", "x");
    expect([answer.code, answer.number("rc"), answer.text("err")]).toEqual([0, 1, "no"]);
    expect(guest.lastLines()).toEqual(["[ 2.0] noise"]);
  });

  test("a garbled request is sent again", async () => {
    let garbled = true;
    const { guest, written } = fakeGuest((_line, tell) => {
      const first = garbled;
      garbled = false;
      tell(first ? "@tk 0 again 0" : "@tk 1 end 0");
    });
    expect((await guest.ask("sleep", "1")).code).toBe(0);
    expect(written).toHaveLength(2);
    expect(written[0]).toBe(written[1]);
  });

  test("a batch: an answer for each part", async () => {
    const { guest } = fakeGuest((_line, tell) => {
      for (const text of [
        "@tk 1.0 state connected",
        "@tk 1.0 end 0",
        "@tk 1.10 end 5",
        "@tk 1.1 end 22",
        "@tk 1 end 0",
      ])
        tell(text);
    });
    const answers = await guest.batch([["connect"], ["bad"]]);
    expect(answers.map((a) => [a.code, a.text("state")])).toEqual([
      [0, "connected"],
      [22, ""],
    ]);
  });

  test("an errno where there must be none is a failure that names the request", async () => {
    const { guest } = fakeGuest((_line, tell) => tell("@tk 1 end 19"));
    await expect(guest.must("up", "eth0")).rejects.toMatchObject({
      code: "prove.guest-request",
      trouble: { what: expect.stringContaining('"up eth0": errno 19') as string },
    });
  });

  test("its end ends the question, with the console's last lines", async () => {
    const { guest, say, exit } = fakeGuest(() => undefined);
    const asked = guest.ask("sleep", "1");
    say("Kernel panic - not syncing: no init");
    exit(0);
    await expect(asked).rejects.toMatchObject({
      exit: 1,
      code: "prove.guest-died",
      trouble: { evidence: ["Kernel panic - not syncing: no init"] },
    });
    await expect(guest.ready()).rejects.toMatchObject({ code: "prove.guest-died" });
    await expect(guest.ask("sleep", "1")).rejects.toMatchObject({ code: "prove.guest-died" });
  });

  test("time out, and QEMU that cannot be started, are told apart", async () => {
    const late = fakeGuest(() => undefined);
    late.exit(143, true);
    await expect(late.guest.ready()).rejects.toMatchObject({ exit: 1, code: "prove.timeout" });
    const none = fakeGuest(() => undefined);
    none.exit(127);
    await expect(none.guest.ready()).rejects.toMatchObject({ exit: 3, code: "prove.qemu" });
  });
});

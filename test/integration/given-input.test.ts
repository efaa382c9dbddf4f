import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { root } from "../support/artifacts.ts";
import { kit, scratch } from "../support/cli.ts";

/** What the user hands to rules, stuck and verify: standard input of every kind, files that are not there. */
const { dir, remove } = scratch("input");
afterAll(remove);

const program = join(root, "dist/bin.js");
const text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j TARPIT\n-A INPUT -j DROP\nCOMMIT\n";
const file = join(dir, "rules");
writeFileSync(file, text);
const wanted = "standard input: 2 rules, 1 with TARPIT";

/** Whether a process has a handler for a signal: proc(5), SigCgt. */
const catches = (pid: number | undefined, signal: number): boolean => {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return ((BigInt(`0x${mask ?? 0}`) >> BigInt(signal - 1)) & 1n) === 1n;
};

describe("standard input", () => {
  // Node's own children have a socket there, as have those of sshd and systemd: nothing can open that again.
  test.each(["rules lint", "rules lint -"])("a socket: %s", (command) => {
    const ran = spawnSync(process.execPath, [program, ...command.split(" ")], {
      input: text,
      encoding: "utf8",
    });
    expect(ran.stdout, ran.stderr).toContain(wanted);
    expect(ran.status).toBe(0);
  });

  test("a pipe, and a pipe that comes in parts", () => {
    const parts = `(head -c 20 '${file}'; sleep 0.2; tail -c +21 '${file}')`;
    for (const from of [`cat '${file}'`, parts]) {
      const line = `${from} | '${process.execPath}' '${program}' rules lint`;
      expect(spawnSync("sh", ["-c", line], { encoding: "utf8" }).stdout).toContain(wanted);
    }
  });

  test("a file; and nothing at all", () => {
    const from = (path: string) => {
      const input = openSync(path, "r");
      const ran = spawnSync(process.execPath, [program, "rules", "lint"], {
        stdio: [input, "pipe", "pipe"],
        encoding: "utf8",
      });
      closeSync(input);
      return ran.stdout;
    };
    expect(from(file)).toContain(wanted);
    expect(from("/dev/null")).toContain("standard input: 0 rules");
  });

  test("rules print finds the DROP there is", () => {
    const args = [program, "rules", "print", "INPUT", "--ports", "23", "--rules", "-"];
    const ran = spawnSync(process.execPath, args, { input: text, encoding: "utf8" });
    expect(ran.stdout, ran.stderr).toMatch(/^iptables -I INPUT \d+ -p tcp --dport 23 -j tarpit$/m);
  });

  test("Ctrl-C ends the wait for it", async () => {
    const child = spawn(process.execPath, [program, "rules", "lint", "-"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    const ended = once(child, "exit");
    // Node has a handler of its own for SIGINT; ours come together with the one for SIGHUP.
    while (!catches(child.pid, constants.signals.SIGHUP)) await sleep(20);
    child.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
  });
});

test.each(["rules lint", "rules print INPUT --rules", "stuck", "verify --facts"])(
  "a file that is not there is the user's mistake: %s",
  (command) => {
    const ran = kit([...command.split(" "), join(dir, "nothing"), "--json"]);
    expect(ran.code, ran.stderr).toBe(2);
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, error: { code: "input.missing" } });
  },
);

import { describe, expect, test } from "vitest";
import { print, type PrintOptions } from "../../src/app/rules.ts";
import { describeRules } from "../../src/cli/render/rules.ts";
import { fakePorts, MemoryFiles } from "../support/ports.ts";

const options: PrintOptions = { chain: "INPUT", family: 4, ports: [], own: [], log: false };
const peer = async (
  files: Readonly<Record<string, string>>,
  family: 4 | 6 = 4,
): Promise<string | undefined> => {
  const { rules } = await print(
    { ...options, family },
    fakePorts({ files: new MemoryFiles(files) }),
  );
  return /-s (\S+) -p tcp --dport (\d+)/
    .exec(rules.map((one) => one.rule).join("\n"))
    ?.slice(1)
    .join(" ");
};

describe("who is logged in over ssh", () => {
  const said = "SSH_CONNECTION=203.0.113.9 50000 192.0.2.1 2022";
  /** sudo took the variable away; the shell it was started from, two up, still has it. */
  const behindSudo = {
    "/proc/self/stat": "30 (node) S 20 30 1 0",
    "/proc/20/stat": "20 (sudo (x) y) S 10 20 1 0",
    "/proc/20/environ": "PATH=/bin\0SUDO_USER=me\0",
    "/proc/10/stat": "10 (bash) S 1 10 1 0",
    "/proc/10/environ": `HOME=/root\0${said}\0`,
  };

  test("is found behind sudo", async () => {
    expect(await peer(behindSudo)).toBe("203.0.113.9 2022");
  });
  test("is nobody where no ancestor knows of one, where none may be read, and where they never end", async () => {
    expect(await peer({ ...behindSudo, "/proc/10/environ": "HOME=/root\0" })).toBeUndefined();
    expect(await peer({})).toBeUndefined();
    expect(
      await peer({ "/proc/self/stat": "3 (a) S 2 0", "/proc/2/stat": "2 (b) S 2 0" }),
    ).toBeUndefined();
  });
  test("is looked at word by word: an ancestor's environment may hold anything", async () => {
    for (const value of ["$(x) 1 2 22", "203.0.113.9;x 1 2 22", "203.0.113.9 1 2 22;x"])
      expect(
        await peer({ ...behindSudo, "/proc/10/environ": `SSH_CONNECTION=${value}\0` }),
      ).toBeUndefined();
  });
});

describe("the printed text", () => {
  test("rules and module stay in the way of their time", async () => {
    const printed = await print(
      { ...options, family: 6, ports: ["23"], kernel: "2.4.37" },
      fakePorts({}),
    );
    const old = describeRules(printed, "ip6tables", "2.4.37");
    expect(old).toContain("\n# ip6tables-save > /etc/sysconfig/ip6tables\n");
    expect(old).toContain("\n# echo ipt_TARPIT >> /etc/modules\n");
    const now = describeRules(printed, "ip6tables");
    expect(now).toContain("\n# ip6tables-save > /etc/iptables/rules.v6\n");
    expect(now).toContain("\n# echo xt_TARPIT > /etc/modules-load.d/tarpit.conf\n");
  });

  test("commands, how they stay, how to go back; for restore, for nft", async () => {
    const printed = await print({ ...options, ports: ["23"], log: true }, fakePorts({}));
    const text = describeRules(printed, "iptables");
    for (const part of [
      "iptables-save > /etc/iptables/rules.v4",
      "# to go back",
      "modules-load.d",
      "at now + 5 minutes",
    ])
      expect(text).toContain(part);
    const commands = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of commands) expect(line).toMatch(/^iptables (-t raw )?-[AIN] /);
    expect(describeRules(printed, "restore")).toMatch(
      /\*raw\n[^*]*COMMIT\n\*filter\n:tarpit - \[0:0\]\n[^*]*COMMIT\n/,
    );
    expect(describeRules(printed, "nft")).toMatch(
      /nftables has no tarpit statement[^]*iptables -A INPUT/,
    );
  });
});

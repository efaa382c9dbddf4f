import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileExtension, hostArch } from "../support/artifacts.ts";
import { kit, scratch, tool } from "../support/cli.ts";
import { expected, foundIn, keepFixture } from "../support/facts-fixtures.ts";
import { libraries } from "../support/lab-guest.ts";

/** Machines that need no guest: this one over ssh, a Debian root, a busybox root. */
const { dir, remove } = scratch("hosts");
afterAll(remove);
const at = (name: string): string => join(dir, name);
const codes = (stdout: string): string[] =>
  (JSON.parse(stdout) as { findings: { code: string }[] }).findings.map((one) => one.code);

describe("verify --host and stuck --host over a real ssh", () => {
  let daemon: ChildProcess | undefined;
  /** In a network namespace with nothing in it but loopback; the keys live as long as this test. */
  beforeAll(async () => {
    mkdirSync("/run/sshd", { recursive: true });
    for (const key of ["host", "user"])
      tool("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(key)]);
    writeFileSync(at("authorized"), readFileSync(at("user.pub")), { mode: 0o600 });
    writeFileSync(
      at("sshd_config"),
      [
        ...["ListenAddress 127.0.0.1:2222", `HostKey ${at("host")}`, "UsePAM no", "StrictModes no"],
        ...[`AuthorizedKeysFile ${at("authorized")}`, "PasswordAuthentication no", "PidFile none"],
        ...["PermitRootLogin yes", "LogLevel ERROR", ""],
      ].join("\n"),
    );
    const hostKey = readFileSync(at("host.pub"), "utf8");
    writeFileSync(at("known_hosts"), `[127.0.0.1]:2222 ${hostKey}`);
    writeFileSync(
      at("ssh_config"),
      [
        ...[
          "Host fw*",
          "HostName 127.0.0.1",
          "Port 2222",
          "User root",
          `IdentityFile ${at("user")}`,
        ],
        ...[`UserKnownHostsFile ${at("known_hosts")}`, "IdentitiesOnly yes", "BatchMode yes", ""],
      ].join("\n"),
    );
    // ssh reads the configuration of the user database's home, whatever HOME says: hence this one word more.
    mkdirSync(at("bin"));
    writeFileSync(at("bin/ssh"), `#!/bin/sh\nexec /usr/bin/ssh -F ${at("ssh_config")} "$@"\n`, {
      mode: 0o755,
    });
    daemon = spawn(
      "unshare",
      [
        "--net",
        "sh",
        "-c",
        `ip link set lo up && exec /usr/sbin/sshd -D -e -f ${at("sshd_config")}`,
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    for (let left = 50; left > 0 && ssh(["true"]).code !== 0; left -= 1)
      await new Promise((resolve) => setTimeout(resolve, 200));
  });
  afterAll(() => void daemon?.kill("SIGKILL"));

  /** The caller is in the daemon's namespace, too: nothing of this machine's network is used. */
  const inside = (args: readonly string[], path = `${at("bin")}:${process.env["PATH"]}`) => {
    const words = ["-t", String(daemon?.pid), "-n", "env", `PATH=${path}`, "NO_COLOR=1", ...args];
    try {
      return { code: 0, stdout: tool("nsenter", words), stderr: "" };
    } catch (error) {
      const text = (error as Error).message;
      return { code: Number(/exit (\d+)/.exec(text)?.[1] ?? -1), stdout: "", stderr: text };
    }
  };
  const ssh = (args: readonly string[]) => inside(["ssh", "fw", ...args]);
  const bin = join(process.cwd(), "dist/bin.js");
  const run = (...args: string[]) => inside([process.execPath, bin, ...args]);

  test("the machine there is judged as the same machine here", () => {
    const here = kit(["verify", "--json", "--no-rules"]);
    const there = run("verify", "--host", "fw", "--json", "--no-rules", "--fail-on", "error");
    const text = there.stdout === "" ? there.stderr : there.stdout;
    const json = text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
    const own = codes(here.stdout).toSorted();
    expect(codes(json).toSorted()).toEqual(own);
    expect(JSON.parse(json)).toMatchObject({
      subject: "fw",
      kernel: JSON.parse(here.stdout).kernel,
    });
  });

  test("nothing is left there: the script comes on stdin", () => {
    const before = tool("find", [
      "/tmp",
      "-maxdepth",
      "1",
      "-newer",
      at("ssh_config"),
      "-name",
      "*probe*",
    ]);
    run("verify", "--host", "root@fw", "--no-rules");
    expect(
      tool("find", ["/tmp", "-maxdepth", "1", "-newer", at("ssh_config"), "-name", "*probe*"]),
    ).toBe(before);
  });

  test("stuck --host: no table there is said, with what to do", () => {
    const ran = run("stuck", "--host", "fw");
    expect(ran.code).toBe(3);
    expect(ran.stderr).toMatch(/no table of held connections/);
  });

  test.each([
    "-oProxyCommand=touch${IFS}PWNED",
    "fw;touch PWNED",
    "$(touch PWNED)",
    "`touch PWNED`",
    "fw touch PWNED",
    "fw\ntouch PWNED",
    "'fw'",
  ])("a host named %j starts nothing", (name) => {
    for (const command of ["verify", "stuck"]) {
      const ran = run(command, `--host=${name}`);
      expect(ran.code).toBe(2);
    }
    expect(existsSync("PWNED")).toBe(false);
  });

  test("who cannot be reached, and who lets nobody in, is the environment's trouble", () => {
    writeFileSync(at("authorized"), "");
    const refused = run("verify", "--host", "fw");
    writeFileSync(at("authorized"), readFileSync(at("user.pub")), { mode: 0o600 });
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/next: +ssh fw true/);
  });

  test("a login that talks first does not spoil the facts", () => {
    writeFileSync(at("banner"), "Welcome\n@ end\n|=0\n\u001b[2J\n");
    writeFileSync(
      at("bin/ssh-talks"),
      `#!/bin/sh\ncat ${at("banner")}\nexec /usr/bin/ssh -F ${at("ssh_config")} "$@"\n`,
      { mode: 0o755 },
    );
    mkdirSync(at("bin2"), { recursive: true });
    tool("cp", [at("bin/ssh-talks"), at("bin2/ssh")]);
    const ran = inside(
      [
        process.execPath,
        bin,
        "verify",
        "--host",
        "fw",
        "--no-rules",
        "--fail-on",
        "error",
        "--json",
      ],
      `${at("bin2")}:${process.env["PATH"]}`,
    );
    const text = `${ran.stdout}${ran.stderr}`;
    expect(text).not.toContain("facts.cut");
  });
});

describe("trees that do not run", () => {
  const tree = at("debian");
  beforeAll(() => {
    tool("mmdebstrap", [
      ...["--quiet", "--variant=apt", "--include=iptables,kmod"],
      ...["bookworm", tree],
    ]);
  }, 10 * 60_000);

  const judge = (name: string) => {
    const ran = kit(["verify", "--root", name, "--json"]);
    return JSON.parse(ran.stdout) as {
      kernel?: string;
      iptables?: string;
      findings: { code: string; severity: string; evidence?: { file: string; line?: number } }[];
    };
  };
  const bad = (name: string): string[] =>
    [
      ...new Set(
        judge(name)
          .findings.filter((one) => one.severity !== "info")
          .map((one) => `${one.severity} ${one.code}`),
      ),
    ].toSorted();

  test("a Debian root: its iptables is read, its kernel and extension are missing", () => {
    expect(judge(tree).iptables).toMatch(/^1\.8\.9/);
    expect(bad(tree)).toEqual([
      "error facts.required",
      "error so.missing",
      "unchecked facts.unread",
    ]);
  });

  test("with an extension of ours, a ULOG rule and LOG before TARPIT", () => {
    const arch = hostArch();
    const [abi] = arch.abis;
    const place = join(tree, "usr/lib/x86_64-linux-gnu/xtables");
    mkdirSync(place, { recursive: true });
    compileExtension(abi as NonNullable<typeof abi>, join(place, "libxt_TARPIT.so"));
    tool("cp", [join(place, "libxt_TARPIT.so"), join(place, "libipt_TARPIT.so")]);
    mkdirSync(join(tree, "lib/modules/6.1.0-1-amd64"), { recursive: true });
    writeFileSync(join(tree, "lib/modules/6.1.0-1-amd64/modules.dep"), "");
    mkdirSync(join(tree, "etc/iptables"), { recursive: true });
    writeFileSync(
      join(tree, "etc/iptables/rules.v4"),
      "*filter\n:INPUT DROP [0:0]\n[9:9] -A INPUT -p tcp -j LOG\n-A INPUT -p udp -j ULOG\n-A INPUT -p tcp --dport 23 -j TARPIT\nCOMMIT\n",
    );
    const { findings } = judge(tree);
    expect(findings.map((one) => one.code)).not.toContain("so.missing");
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: "ulog.gone",
        evidence: expect.objectContaining({ file: "/etc/iptables/rules.v4", line: 4 }),
      }),
    );
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: "rule.log-flood",
        evidence: expect.objectContaining({ line: 3 }),
      }),
    );
    expect(findings.map((one) => one.code)).toContain("target.absent");
  });

  test("the same root running its own shell and utilities: the probe inside of it", () => {
    rmSync(join(tree, "etc/iptables/rules.v4"), { force: true });
    const text = inRoot(tree, "/bin/sh");
    keepFixture("debian-chroot", text);
    expect(foundIn(text)).toEqual(expected["debian-chroot"]);
  });

  test("a root of busybox alone", () => {
    const small = at("busybox");
    mkdirSync(join(small, "bin"), { recursive: true });
    // Of Debian's two packages one is linked dynamically.
    tool("cp", ["--parents", "-L", "/bin/busybox", ...libraries(["/bin/busybox"]), small]);
    tool("chroot", [small, "/bin/busybox", "--install", "-s", "/bin"]);
    const text = inRoot(small, "/bin/sh");
    keepFixture("busybox-root", text);
    expect(foundIn(text)).toEqual(expected["busybox-root"]);
  });

  /** The probe on a root's own programs, in a network and mount namespace of its own, with an empty /proc. */
  const inRoot = (to: string, shell: string): string => {
    tool("cp", [join(process.cwd(), "data/probe/probe.sh"), join(to, "probe.sh")]);
    const text = tool("unshare", ["--net", "chroot", to, shell, "/probe.sh"], {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    });
    rmSync(join(to, "probe.sh"));
    return text;
  };
});

test("this machine: what is found here is what its facts say", () => {
  const text = tool("sh", [join(process.cwd(), "data/probe/probe.sh")]);
  const ran = kit(["verify", "--json"]);
  expect(new Set(codes(ran.stdout).filter((code) => !code.startsWith("rule.")))).toEqual(
    new Set([...codesOf(text)].filter((code) => !code.startsWith("rule."))),
  );
});

function codesOf(text: string): Set<string> {
  const path = at("here.facts");
  writeFileSync(path, text);
  return new Set(codes(kit(["verify", "--facts", path, "--json"]).stdout));
}

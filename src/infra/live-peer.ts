import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Runs inside a throw-away network namespace (unshare(1) --net) as a process of its own: sets rules
 * there, calls a port that TARPIT holds, and prints what happened as one JSON object. The namespace and
 * all that is in it end with this process.
 */

interface Step {
  readonly name: string;
  readonly rule: string;
  readonly code: number;
  readonly said: string;
}

const port = 9;

function run(program: string, args: readonly string[]): { code: number; said: string } {
  const result = spawnSync(program, args, { encoding: "utf8", timeout: 20_000 });
  const said = `${result.stderr ?? ""}${result.stdout ?? ""}${result.error ? result.error.message : ""}`;
  return { code: result.status ?? 127, said: said.trim() };
}

function step(name: string, program: string, args: readonly string[]): Step {
  return { name, rule: [program, ...args].join(" "), ...run(program, args) };
}

const numberIn = (path: string): number | undefined => {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10);
  } catch {
    return undefined;
  }
};

const conntrack = (): number | undefined => numberIn("/proc/sys/net/netfilter/nf_conntrack_count");

/** State, send queue and timer of our socket, as proc(5) has them in /proc/net/tcp. */
function socketRow(file: string, local: number): { state: string; queue: number } | undefined {
  const wanted = local.toString(16).toUpperCase().padStart(4, "0");
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [, from = "", to = "", state = "", queues = ""] = line.trim().split(/\s+/);
    if (
      !from.endsWith(`:${wanted}`) ||
      !to.endsWith(`:${port.toString(16).padStart(4, "0").toUpperCase()}`)
    )
      continue;
    return { state, queue: Number.parseInt(queues.split(":")[0] ?? "0", 16) };
  }
  return undefined;
}

/** Connects, sends more than the window takes, closes: and looks at our own end of it after each. */
async function handshake(address: string, file: string) {
  const socket = connect({ host: address, port });
  socket.on("error", () => undefined);
  const connected = await Promise.race([
    new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    }),
    sleep(5000).then(() => false),
  ]);
  if (!connected) {
    socket.destroy();
    return { connected, blocked: false, kept: false };
  }
  const local = socket.localPort ?? 0;
  socket.write(Buffer.alloc(256));
  await sleep(1500);
  const sent = socketRow(file, local);
  socket.end();
  await sleep(1500);
  const closed = socketRow(file, local);
  const held = conntrack();
  socket.resetAndDestroy();
  // 01 ESTABLISHED with a full queue; after close 04 FIN_WAIT1: data and FIN are not acknowledged.
  return {
    connected,
    blocked: sent?.state === "01" && sent.queue > 0,
    kept: closed?.state === "04",
    held,
  };
}

// Whoever started this may be killed: nothing here outlives it by much, and the namespace ends with us.
setTimeout(() => process.exit(3), 60_000).unref();
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(3);
}, 200).unref();

const rule = ["-A", "INPUT", "-p", "tcp", "--dport", String(port)] as const;
const steps: Step[] = [step("lo", "ip", ["link", "set", "lo", "up"])];
if (steps[0]?.code !== 0) steps[0] = step("lo", "ifconfig", ["lo", "127.0.0.1", "up"]);
// Connection tracking begins with the first rule that asks for it; the figures below are to have it on.
steps.push(
  step("track", "iptables", [
    "-A",
    "INPUT",
    "-p",
    "udp",
    "-m",
    "conntrack",
    "--ctstate",
    "ESTABLISHED",
    "-j",
    "ACCEPT",
  ]),
);
const before = conntrack();
steps.push(step("tarpit", "iptables", [...rule, "-j", "TARPIT"]));
const ipv4 =
  steps.at(-1)?.code === 0 ? await handshake("127.0.0.1", "/proc/self/net/tcp") : undefined;
steps.push(
  step("limit", "iptables", [
    "-I",
    "INPUT",
    "-p",
    "udp",
    "-m",
    "limit",
    "--limit",
    "1/second",
    "-j",
    "ACCEPT",
  ]),
);
steps.push(
  step("nflog", "iptables", ["-I", "INPUT", "-p", "udp", "-j", "NFLOG", "--nflog-group", "1"]),
);
steps.push(step("tarpit6", "ip6tables", [...rule, "-j", "TARPIT"]));
const ipv6 = steps.at(-1)?.code === 0 ? await handshake("::1", "/proc/self/net/tcp6") : undefined;
process.stdout.write(
  `${JSON.stringify({ steps, ipv4, ipv6, conntrack: { before, after: conntrack() } })}\n`,
);

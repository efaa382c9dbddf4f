import { join } from "node:path";
import type { Checked, Finding } from "../../core/findings.ts";
import { Check } from "../../core/probe/check.ts";
import { causeOf } from "../../core/probe/messages.ts";
import type { Ports } from "../../ports.ts";

interface Step {
  readonly name: string;
  readonly rule: string;
  readonly code: number;
  readonly said: string;
}
interface Held {
  readonly connected: boolean;
  readonly blocked: boolean;
  readonly kept: boolean;
  /** Entries of connection tracking while it was held. */
  readonly held?: number;
}
interface Told {
  readonly steps: readonly Step[];
  readonly ipv4?: Held;
  readonly ipv6?: Held;
  readonly conntrack: { readonly before?: number; readonly after?: number };
}

const patienceMs = 120_000;

/** Tries the target where nothing can be hurt: in a network namespace that ends with the test. */
export async function liveTest(
  ports: Ports,
): Promise<{ readonly findings: readonly Finding[]; readonly checked: readonly Checked[] }> {
  const check = new Check();
  ports.log.stage("live", "rules and a handshake in a network namespace of their own");
  const before = await kernelLog(ports);
  const modules = await loadedModules(ports);
  const peer = join(ports.packageRoot, "dist/infra/live-peer.js");
  const result = await ports.processes.run(
    { program: "unshare", args: ["--net", process.execPath, peer] },
    { timeoutMs: patienceMs },
  );
  const told = parse(result.stdout);
  const left = await unload(modules, ports);
  if (left.length > 0) check.add("live.loaded", { modules: left }, { file: "/proc/modules" });
  if (told === undefined) {
    check.add("live.no-namespace", { said: firstLine(result.stderr) }, { file: "unshare --net" });
    return check;
  }
  for (const step of told.steps) judgeStep(step, check);
  judgeHeld("IPv4", told.ipv4, check);
  judgeHeld("IPv6", told.ipv6, check);
  judgeConntrack(told, check);
  const said = (await kernelLog(ports))
    .slice(before.length)
    .filter((line) => /tables|TARPIT|xt_|module/i.test(line) && !taints.test(line));
  for (const text of said.slice(0, 5))
    check.add("live.kernel-log", { text: text.slice(0, 200) }, { file: "dmesg" });
  return check;
}

/** What the kernel says of any module that is not its own, or not signed: it is loaded all the same. */
const taints = /taints kernel|tainting kernel/;

/** Modules of netfilter that came with the test: what the kernel loads by itself for a rule. */
const ofNetfilter =
  /^(x_tables|ip6?_tables|(ip6?t|xt|nft|nf|arpt|eb)_|ip6?tables?_|ip6?table_|nfnetlink)/;

async function loadedModules(ports: Ports): Promise<ReadonlyMap<string, number>> {
  const text = await ports.files.readText("/proc/modules").catch(() => "");
  const rows = text.split("\n").map((line) => line.split(" "));
  return new Map(rows.map(([name = "", , uses = "0"]) => [name, Number(uses)]));
}

/** The namespace goes a moment after its last process, and only then are its modules free. */
const tries = 10;

/** Takes out what the test brought in; gives what would not go. A module that was there before stays. */
async function unload(
  before: ReadonlyMap<string, number>,
  ports: Ports,
): Promise<readonly string[]> {
  for (let left = tries; ; left -= 1) {
    const now = await loadedModules(ports);
    const ours = [...now.keys()].filter((name) => !before.has(name) && ofNetfilter.test(name));
    if (ours.length === 0 || left === 0) return ours;
    for (const name of ours.filter((one) => now.get(one) === 0))
      await ports.processes.run({ program: "rmmod", args: [name] }, { timeoutMs: 10_000 });
    await ports.clock.sleep(100);
  }
}

function judgeConntrack(told: Told, check: Check): void {
  const { before: was, after: is } = told.conntrack;
  const during = told.ipv4?.held ?? told.ipv6?.held;
  if (was !== undefined && during !== undefined && is !== undefined)
    check.add("live.measured", { before: was, during, after: is }, { file: "nf_conntrack_count" });
  // The calling socket is in this namespace too, so each connection may have one entry of its own.
  const own = [told.ipv4, told.ipv6].filter((one) => one?.connected).length;
  if (was !== undefined && is !== undefined) {
    if (is > was + own)
      check.add("live.conntrack", { before: was, after: is }, { file: "nf_conntrack_count" });
    else check.passed("live.conntrack", "nf_conntrack_count");
  }
}

function parse(text: string): Told | undefined {
  try {
    return JSON.parse(text) as Told;
  } catch {
    return undefined;
  }
}

const firstLine = (text: string): string =>
  text
    .split("\n")
    .find((line) => line.trim() !== "")
    ?.slice(0, 200) ?? "no reason given";

function judgeStep({ name, rule, code, said }: Step, check: Check): void {
  const at = { file: "a network namespace", text: rule };
  if (code === 0) return check.passed(`live.${name}`, rule);
  if (name === "track") return check.unread("connection tracking during the test", firstLine(said));
  if (name === "lo") return check.add("live.no-namespace", { said: firstLine(said) }, at);
  if (name === "tarpit6" && /not found|ENOENT/.test(said))
    return check.unread("ip6tables", "there is none");
  const cause = name.startsWith("tarpit") ? causeOf(said) : "live.refused";
  return check.add(
    cause,
    { said: firstLine(said), rule },
    at,
    name === "tarpit6" ? "warning" : undefined,
  );
}

function judgeHeld(family: string, held: Held | undefined, check: Check): void {
  if (held === undefined) return;
  const at = { file: `a connection over ${family}` };
  if (!held.connected) check.add("live.not-held", { state: "no SYN-ACK came" }, at);
  else if (!held.blocked)
    check.add("live.not-held", { state: "the window stayed open, or the connection ended" }, at);
  else if (!held.kept) check.add("live.not-held", { state: "the FIN was answered" }, at);
  else check.passed("live.held", at.file);
}

const kernelLog = async (ports: Ports): Promise<readonly string[]> => {
  const result = await ports.processes.run({ program: "dmesg", args: [] }, { timeoutMs: 10_000 });
  return result.code === 0 ? result.stdout.split("\n").filter(Boolean) : [];
};

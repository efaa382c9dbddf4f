import { badInput, environment } from "../core/errors.ts";
import { counters } from "../core/probe/judge-state.ts";
import { hostFacts } from "../core/probe/host.ts";
import { rulesOf } from "../core/probe/judge-width.ts";
import { parseTable, tableVersion, versionOfTable, type HeldTable } from "../core/stuck/table.ts";
import type { Ports } from "../ports.ts";
import { readGiven } from "./given-file.ts";
import { collectFacts, sshCommand } from "./verify/facts.ts";

export interface StuckRequest {
  readonly file?: string;
  readonly host?: string;
}

/** What rule counters and connection tracking can tell where there is no table. */
export interface Estimate {
  readonly packets: number;
  readonly bytes: number;
  readonly rules: number;
  readonly tracked: number | undefined;
}

export interface Reading {
  readonly subject: string;
  readonly table: HeldTable | undefined;
  readonly counters: ReadonlyMap<string, number>;
  /** Only without a table. */
  readonly estimate?: Estimate;
}

const tablePath = "/proc/net/tarpit";
const statPath = "/proc/net/stat/tarpit";
const separator = "# stat";
/** The table ends with a line of ours, so that a cut one is told from a short one. */
const remote = `cat ${tablePath} || exit 3; echo; echo '${separator}'; cat ${statPath} 2>/dev/null; exit 0`;

/** Reads who is held: from a file, another machine, or this one. */
export async function readStuck({ file, host }: StuckRequest, ports: Ports): Promise<Reading> {
  if (file !== undefined) return fromFile(file, ports);
  return host === undefined ? fromHere(ports) : fromHost(host, ports);
}

async function fromFile(file: string, ports: Ports): Promise<Reading> {
  const text = (await readGiven(file, ports)).toString("latin1");
  return { subject: file, ...split(text, file) };
}

function split(text: string, where: string): Pick<Reading, "table" | "counters"> {
  const at = text.indexOf(`\n${separator}\n`);
  const table = at < 0 ? text : text.slice(0, at);
  return {
    table: checked(table, where),
    counters: counters(at < 0 ? [] : text.slice(at).split("\n")),
  };
}

function checked(text: string, where: string): HeldTable {
  const version = versionOfTable(text);
  if (version === undefined)
    throw badInput("stuck.table", {
      what: "this is no table of held connections",
      where,
      next: "give a copy of /proc/net/tarpit",
    });
  if (version === tableVersion) return parseTable(text);
  throw badInput("stuck.version", {
    what: `this table is of version ${version}, and this program reads version ${tableVersion}`,
    where,
    next: "use the tarpit-kit that built that kernel",
  });
}

async function fromHere(ports: Ports): Promise<Reading> {
  const subject = "this machine";
  const text = await ports.files.readText(tablePath).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EACCES" || error.code === "EPERM") throw forRoot(tablePath);
    return undefined;
  });
  if (text === undefined) return estimated(subject, undefined, ports);
  const stat = await ports.files.readText(statPath).catch(() => "");
  return { subject, table: checked(text, tablePath), counters: counters(stat.split("\n")) };
}

const forRoot = (where: string) =>
  environment("stuck.permission", {
    what: "the table is for root only",
    where,
    next: "sudo tarpit-kit stuck",
  });

async function fromHost(host: string, ports: Ports): Promise<Reading> {
  const result = await ports.processes.run(sshCommand(host, remote), { timeoutMs: 120_000 });
  if (result.code === 0) return { subject: host, ...split(result.stdout, host) };
  if (result.code === 255) throw noConnection(host, result.stderr);
  if (/ermission denied/.test(result.stderr)) throw forRoot(`${host}:${tablePath}`);
  return estimated(host, host, ports);
}

const noConnection = (host: string, said: string) =>
  environment("stuck.ssh", {
    what: "ssh could not run anything there",
    where: host,
    evidence: said
      .split("\n")
      .filter(Boolean)
      .slice(0, 3)
      .map((line) => line.slice(0, 200).replaceAll(/[\p{Cc}\p{Cf}]/gu, "?")),
    next: `ssh ${host} true`,
  });

/** The stock target and 2.4 without the table: the rules' counters, and how many connections are tracked. */
async function estimated(
  subject: string,
  host: string | undefined,
  ports: Ports,
): Promise<Reading> {
  const facts = await collectFacts(
    host === undefined ? { kind: "local" } : { kind: "host", host },
    true,
    ports,
  );
  const rules = rulesOf(hostFacts(facts));
  const found = rules.flatMap((one) =>
    one.set.tables.flatMap((table) =>
      [...table.chains.values()].flatMap((chain) =>
        chain.rules.filter((rule) => rule.jump === "TARPIT"),
      ),
    ),
  );
  if (found.length === 0)
    throw environment("stuck.none", {
      what: "there is no table of held connections here, and no rule that uses TARPIT could be read",
      where: `${subject}: ${tablePath}`,
      next: "tarpit-kit verify says what is missing",
    });
  const count = facts.records.find((one) => one.name === "conntrack count")?.data[1];
  return {
    subject,
    table: undefined,
    counters: new Map(),
    estimate: {
      rules: found.length,
      packets: found.reduce((sum, rule) => sum + (rule.packets ?? 0), 0),
      bytes: found.reduce((sum, rule) => sum + (rule.bytes ?? 0), 0),
      tracked: count === undefined ? undefined : Number(count),
    },
  };
}

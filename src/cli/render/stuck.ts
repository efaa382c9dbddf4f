import type { Estimate } from "../../app/stuck.ts";
import type { Bucket, Peer, Summary } from "../../core/stuck/summary.ts";
import { safe } from "./findings.ts";
import type { Style } from "./style.ts";
import { grouped, sized } from "./target-words-rules.ts";

/** 2d 4h, 3h 12m, 5m 10s */
export function lasting(seconds: number): string {
  const parts: readonly (readonly [number, string])[] = [
    [86_400, "d"],
    [3600, "h"],
    [60, "m"],
    [1, "s"],
  ];
  const first = parts.findIndex(([size]) => seconds >= size);
  if (first < 0) return "0s";
  const [size, unit] = parts[first] as readonly [number, string];
  const rest = parts[first + 1];
  const left = rest ? Math.floor((seconds % size) / rest[0]) : 0;
  return `${Math.floor(seconds / size)}${unit}${left > 0 && rest ? ` ${left}${rest[1]}` : ""}`;
}

const barWidth = 28;

export interface View {
  readonly subject: string;
  readonly summary: Summary;
  /** Peers shown at most. */
  readonly most: number;
  readonly columns: number;
  /** Bytes a second since the last look; the summary's own rate where there was none. */
  readonly rate?: number;
}

/** Totals, the top talkers, and how long the connections have been held. */
export function describeStuck(
  { subject, summary, most, columns, rate }: View,
  style: Style,
): string {
  const { held, heldPeers, letGo, room } = summary;
  const off = room === 0 ? "; the table is off (peers=0)" : "";
  const full = room !== undefined && room > 0 ? ` of ${grouped(room)}` : "";
  const lines = [
    `${style.bold(`${grouped(held)} ${held === 1 ? "connection" : "connections"} held`)}${full}, from ${grouped(heldPeers)} ${heldPeers === 1 ? "address" : "addresses"}  ${style.dim(safe(subject))}${off}`,
    `${grouped(letGo)} let go, ${grouped(summary.segments)} segments, ${sized(summary.bytes)} of replies, ${sized(Math.round(rate ?? summary.rate))}/s`,
  ];
  if (summary.strange > 0)
    lines.push(style.yellow(`${grouped(summary.strange)} lines are no rows of the table`));
  if (summary.peers.length > 0)
    lines.push("", ...peerTable(summary.peers.slice(0, most), columns, style));
  if (summary.peers.length > most)
    lines.push(style.dim(`and ${grouped(summary.peers.length - most)} more addresses`));
  if (summary.connections > 0) lines.push("", ...histogram(summary.histogram, style));
  return `${lines.join("\n")}\n`;
}

function peerTable(peers: readonly Peer[], columns: number, style: Style): string[] {
  const width = Math.max(15, ...peers.map((one) => one.address.length));
  const head = `${"address".padEnd(width)} ${"held".padStart(6)} ${"since".padStart(8)} ${"silent".padStart(8)} ${"probes".padStart(9)} ${"replies".padStart(9)}  ports`;
  const rows = peers.map((one) => {
    const line = `${one.address.padEnd(width)} ${grouped(one.held).padStart(6)} ${lasting(one.since).padStart(8)} ${lasting(one.silent).padStart(8)} ${grouped(one.segments).padStart(9)} ${sized(one.bytes).padStart(9)}  ${one.ports.slice(0, 8).join(",")}${one.ports.length > 8 ? ",…" : ""}`;
    return one.held > 0 ? line.slice(0, columns) : style.dim(line.slice(0, columns));
  });
  return [style.dim(head.slice(0, columns)), ...rows];
}

function histogram(buckets: readonly Bucket[], style: Style): string[] {
  const largest = Math.max(1, ...buckets.map((one) => one.count));
  const last = buckets.findLastIndex((one) => one.count > 0);
  return buckets.slice(0, last + 1).map(({ label, count }) => {
    const bar = "█".repeat(Math.round((count / largest) * barWidth)) || (count > 0 ? "▏" : "");
    return `held ${label.padEnd(12)} ${style.green(bar.padEnd(barWidth))} ${grouped(count).padStart(8)}`;
  });
}

export function describeEstimate(subject: string, one: Estimate, style: Style): string {
  return [
    `${style.yellow("estimate")}  ${safe(subject)} has no table of held connections (xtables-addons' target, or a kernel without it)`,
    `${grouped(one.packets)} packets, ${sized(one.bytes)} came to ${one.rules} ${one.rules === 1 ? "rule" : "rules"} with TARPIT`,
    `a held Linux peer probes every 120 s: about ${grouped(Math.round(one.packets / 30))} peer-hours so far`,
    ...(one.tracked === undefined
      ? []
      : [`${grouped(one.tracked)} connections are tracked, your own among them`]),
    "who they are cannot be told here: tarpit-kit build brings a target with the table",
    "",
  ].join("\n");
}

/** One line for syslog: key=value, nothing that a log reader would trip over. */
export const logLine = (what: "held" | "let-go", one: Peer): string =>
  `tarpit: ${what} peer=${one.address} ports=${one.ports.slice(0, 16).join(",")} connections=${one.connections} seconds=${one.since} segments=${one.segments} bytes=${one.bytes}`;

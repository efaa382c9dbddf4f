import type { Summary } from "./summary.ts";

/** Prometheus' text exposition format, version 0.0.4, for node_exporter's textfile collector. */
export function toPrometheus(summary: Summary, counters: ReadonlyMap<string, number>): string {
  const lines: string[] = [];
  const metric = (name: string, kind: "gauge" | "counter", help: string, value: number): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, `${name} ${value}`);
  };
  metric("tarpit_held_connections", "gauge", "Connections held now.", summary.held);
  metric(
    "tarpit_held_peers",
    "gauge",
    "Addresses with at least one connection held now.",
    summary.heldPeers,
  );
  metric(
    "tarpit_table_rows",
    "gauge",
    "Rows of the table, those that let go included.",
    summary.connections,
  );
  if (summary.room !== undefined)
    metric("tarpit_table_room", "gauge", "Rows the table has room for.", summary.room);
  const name = "tarpit_hold_seconds";
  lines.push(
    `# HELP ${name} How long the connections in the table have been held.`,
    `# TYPE ${name} histogram`,
  );
  for (const [at, { upTo }] of summary.histogram.entries()) {
    const sum = summary.histogram.slice(0, at + 1).reduce((total, one) => total + one.count, 0);
    lines.push(`${name}_bucket{le="${Number.isFinite(upTo) ? upTo : "+Inf"}"} ${sum}`);
  }
  lines.push(`${name}_sum ${summary.seconds}`, `${name}_count ${summary.connections}`);
  for (const [counter, value] of counters) {
    if (counter === "version" || !/^[a-z][a-z0-9_]{0,40}$/.test(counter)) continue;
    metric(`tarpit_${counter}_total`, "counter", `The target's own counter ${counter}.`, value);
  }
  return `${lines.join("\n")}\n`;
}

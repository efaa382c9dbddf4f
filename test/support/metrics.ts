/** What Prometheus' own checker would refuse or complain about in text metrics (exposition format 0.0.4). */
export function metricsTrouble(text: string): string[] {
  const found: string[] = [];
  const types = new Map<string, string>();
  const helped = new Set<string>();
  const seen = new Set<string>();
  if (!text.endsWith("\n")) found.push("no newline at the end");
  const family = (name: string): string => {
    const base = name.replace(/_(bucket|sum|count)$/, "");
    return types.get(base) === "histogram" ? base : name;
  };
  for (const line of text.trimEnd().split("\n")) {
    const [, word, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (word === "HELP") helped.add(name);
    else if (word === "TYPE") {
      if (types.has(name)) found.push(`${name}: two types`);
      if (!["gauge", "counter", "histogram"].includes(rest)) found.push(`${name}: type ${rest}`);
      if ((rest === "counter") !== name.endsWith("_total"))
        found.push(`${name}: _total is for counters`);
      types.set(name, rest);
    } else {
      const sample = /^([a-z_:][a-z0-9_:]*)(\{le="([^"]+)"\})? (-?[\d.e+]+|\+Inf|NaN)$/.exec(line);
      if (!sample) {
        found.push(`no sample: ${line}`);
        continue;
      }
      const [, metric = "", label = ""] = sample;
      if (seen.has(metric + label)) found.push(`${metric}${label} twice`);
      seen.add(metric + label);
      const type = types.get(family(metric));
      if (type === undefined || !helped.has(family(metric)))
        found.push(`${metric}: no TYPE or HELP in front`);
      if (label !== "" && type !== "histogram") found.push(`${metric}: le is for histograms`);
    }
  }
  for (const [name, type] of types) {
    if (type !== "histogram") continue;
    const buckets = [
      ...text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)$`, "gm")),
    ];
    const values = buckets.map((one) => Number(one[2]));
    if (buckets.at(-1)?.[1] !== "+Inf") found.push(`${name}: the last bucket is not +Inf`);
    if (values.some((value, at) => at > 0 && value < (values[at - 1] as number)))
      found.push(`${name}: buckets go down`);
    const count = new RegExp(`^${name}_count (\\d+)$`, "m").exec(text)?.[1];
    if (Number(count) !== values.at(-1)) found.push(`${name}: _count is not +Inf's`);
    if (!new RegExp(`^${name}_sum [\\d.]+$`, "m").test(text)) found.push(`${name}: no _sum`);
  }
  return found;
}

import type { Cleared } from "../../app/cache/clear.ts";
import type { Checked } from "../../app/cache.ts";
import type { CacheEntry } from "../../core/cache.ts";
import type { Style } from "./style.ts";

const size = (bytes: number): string =>
  bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.ceil(bytes / 2 ** 20)} MiB`;

const total = (entries: readonly CacheEntry[]): number =>
  entries.reduce((sum, entry) => sum + entry.bytes, 0);

/** `3 d`, `5 h`, `now`. */
function ago(then: Date, now: Date): string {
  const hours = (now.getTime() - then.getTime()) / 3_600_000;
  if (hours < 1) return "now";
  return hours < 48 ? `${Math.floor(hours)} h` : `${Math.floor(hours / 24)} d`;
}

/** A table of what is there, and how much it is. */
export function describeEntries(
  entries: readonly CacheEntry[],
  where: string,
  now: Date,
  style: Style,
): string {
  const rows = entries.map(
    (entry) =>
      `${entry.kind.padEnd(9)} ${size(entry.bytes).padStart(9)} ${ago(entry.lastUsed, now).padStart(6)}  ${entry.name}`,
  );
  const head = style.bold(`${"kind".padEnd(9)} ${"size".padStart(9)} ${"used".padStart(6)}  name`);
  const sum = `${"".padEnd(9)} ${size(total(entries)).padStart(9)} ${"".padStart(6)}  ${where}`;
  return `${[head, ...rows, sum].join("\n")}\n`;
}

export function describeCleared(result: Cleared, style: Style): string {
  const { removed, bytesBefore, bytesAfter, busy } = result;
  const what = removed.length === 0 ? "nothing to remove" : `removed ${removed.length} entries`;
  const rest = `${size(bytesBefore)} before, ${size(bytesAfter)} now`;
  const note = busy
    ? `${style.yellow("busy")}  other runs are using the cache: what they may need was left\n`
    : "";
  return `${note}${style.green("cache")} ${what}; ${rest}\n`;
}

/** A line for each entry; what is damaged stands out, and says what became of it. */
export function describeChecked(results: readonly Checked[], style: Style): string {
  const mark = { ok: style.green, damaged: style.red, unchecked: style.dim };
  const lines = results.map(({ state, name, detail, removed }) => {
    const end = state !== "damaged" ? "" : removed ? "; removed" : "; in use, left";
    return `${mark[state](state.padEnd(9))} ${name}: ${detail}${end}`;
  });
  const count = (state: Checked["state"]) => results.filter((one) => one.state === state).length;
  const sum = `${count("ok")} ok, ${count("damaged")} damaged, ${count("unchecked")} unchecked`;
  return `${[...lines, sum].join("\n")}\n`;
}

import type { DriftLine, DriftRow } from "../../app/matrix/drift-types.ts";
import type { Change } from "../../core/drift/explain.ts";
import type { Reported } from "./annotations.ts";
import { columns } from "./columns.ts";
import type { Style } from "./style.ts";

/** `skb_ensure_writable gained an argument`. */
export function describeChange(change: Change): string {
  const { name } = change;
  switch (change.kind) {
    case "argument-gained":
      return `${name} gained an argument`;
    case "argument-lost":
      return `${name} lost an argument`;
    case "argument-type":
      return `argument ${change.position} of ${name} has another type`;
    case "member-gone":
      return `${name} has no member ${change.member} any more`;
    case "gone":
      return `${name} is gone`;
    case "prototype":
      return `${name} has another prototype`;
    case "header-gone":
      return `the header ${name} is gone`;
    case "callback":
      return `${name} is to point to another type`;
    case "type-hidden":
      return `${name} is no longer defined where it was`;
    case "other":
      return name;
  }
}

/** The same of a release that is older than one that compiles: the change is still to come. */
function describeOlder(change: Change): string {
  const { name } = change;
  switch (change.kind) {
    case "argument-gained":
      return `${name} still wants more arguments`;
    case "argument-lost":
      return `${name} still takes fewer arguments`;
    case "member-gone":
      return `${name} has no member ${change.member} yet`;
    case "gone":
      return `${name} is not there yet`;
    case "header-gone":
      return `the header ${name} is not there yet`;
    default:
      return describeChange(change);
  }
}

const reason = (
  { change, trouble, state }: DriftRow,
  words: (change: Change) => string = describeChange,
): string => {
  if (state === "skipped") return "not tried: it comes after the first that fails";
  if (change) return words(change);
  const { what = "", evidence = [] } = trouble ?? {};
  return [what, evidence[0]].filter(Boolean).join(": ");
};

/** `breaks at 6.1.174: skb_ensure_writable gained an argument (6.1.172 is the last that compiles)`. */
function breakWords(
  { at, lastGood, change }: NonNullable<DriftLine["breaks"]>,
  releases: readonly DriftRow[],
): string {
  const row = releases.find(({ version }) => version === at);
  const why = change ? describeChange(change) : row ? reason(row) : "";
  const last = lastGood === undefined ? "" : ` (${lastGood} is the last that compiles)`;
  return `breaks at ${at}: ${why}${last}`;
}

/** `compiles from 6.1.164 on; 6.1.8: nf_ct_set_closing is not there yet`; undefined when nothing fails. */
function olderWords(releases: readonly DriftRow[]): string | undefined {
  const at = releases.findIndex(({ state }) => state === "failed");
  const failed = releases[at];
  if (!failed) return undefined;
  const since = releases.slice(0, at).findLast(({ state }) => state === "ok");
  return `compiles from ${since?.version} on; ${failed.version}: ${reason(failed, describeOlder)}`;
}

/** The line's verdict first, then every release. */
function describeLine(one: DriftLine, style: Style): string {
  const { line, arch, breaks, releases, verified, recorded } = one;
  const title = `Linux ${line} on ${arch}:`;
  const older = breaks ? undefined : olderWords(releases);
  const words = breaks ? describeChange : describeOlder;
  const verdict = breaks
    ? style.red(breakWords(breaks, releases))
    : older
      ? style.red(older)
      : style.green(
          `all ${releases.filter(({ state }) => state === "ok").length} releases compile`,
        );
  const paint = { ok: style.green, failed: style.red, skipped: style.dim, absent: style.yellow };
  const rows = columns(
    releases.map((row) => [
      row.version,
      row.state,
      row.seconds === undefined ? "" : `${row.seconds.toFixed(1)} s`,
      row.files === undefined ? "" : row.files < 0 ? "new tree" : `${row.files} files`,
      row.state === "ok" ? row.from : reason(row, words),
    ]),
  ).map((text, at) => `  ${paint[(releases[at] as DriftRow).state](text)}`);
  const list = `  verified: ${verified.join(", ")}${recorded ? " (written to patches/manifest.json)" : ""}`;
  return [`${style.bold(title)} ${verdict}`, ...rows, style.dim(list), ""].join("\n");
}

/** A line as one build among the reports for CI servers. */
export function reportedLine(one: DriftLine): Reported {
  const failed = one.releases.filter(({ state }) => state === "failed");
  const seconds = one.releases.reduce((sum, row) => sum + (row.seconds ?? 0), 0);
  const base = { title: `drift: Linux ${one.line} on ${one.arch}`, seconds, warnings: [] };
  if (failed.length === 0) return { ...base, state: "built", errors: [] };
  const words = one.breaks ? describeChange : describeOlder;
  const evidence = failed.map((row) => `${row.version}: ${reason(row, words)}`);
  const [newest] = failed;
  const what = one.breaks ? breakWords(one.breaks, one.releases) : (olderWords(one.releases) ?? "");
  const trouble = { code: "drift.breaks", what, evidence };
  return { ...base, state: "failed", errors: newest?.errors ?? [], trouble };
}

export const describeDrift = (lines: readonly DriftLine[], style: Style): string =>
  lines.map((line) => describeLine(line, style)).join("\n");

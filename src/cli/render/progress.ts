import type { Progress } from "../../ports.ts";
import type { Style } from "./style.ts";

/** Where a stage's progress began: what its rate is counted from. */
export interface Pace {
  readonly stage: string;
  readonly since: number;
  readonly from: number;
}

/** `1:05`, `1:02:03`. */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** `412/736 files 56%  3.1/s  1:44 left  net/ipv4/tcp.o`, cut to the terminal's width. */
export function progressLine(progress: Progress, pace: Pace, now: number, style: Style): string {
  const rate = (progress.done - pace.from) / Math.max(0.001, (now - pace.since) / 1000);
  const total =
    progress.total !== undefined && progress.total >= progress.done ? progress.total : undefined;
  const parts = [
    amount(progress, total),
    total === undefined ? "" : `${Math.floor((100 * progress.done) / Math.max(1, total))}%`,
    rate > 0 ? perSecond(rate, progress.unit) : "",
    total !== undefined && rate > 0 ? `${clockTime((total - progress.done) / rate)} left` : "",
    progress.item ?? "",
  ];
  const text = `     ${parts.filter((part) => part !== "").join("  ")}`;
  return style.dim(text.slice(0, Math.max(20, style.columns - 1)));
}

function amount(progress: Progress, total: number | undefined): string {
  if (progress.unit === "bytes") {
    const all = total === undefined ? "" : `/${mebi(total)}`;
    return `${mebi(progress.done)}${all} MiB`;
  }
  return `${progress.done}${total === undefined ? "" : `/${total}`} ${progress.unit}`;
}

const mebi = (bytes: number): string => (bytes / 1_048_576).toFixed(0);

const perSecond = (rate: number, unit: Progress["unit"]): string =>
  unit === "bytes" ? `${(rate / 1_048_576).toFixed(1)} MiB/s` : `${rate.toFixed(1)}/s`;

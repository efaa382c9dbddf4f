import type { MatrixRow, MatrixWatch } from "../../app/matrix.ts";
import { titleOf } from "../../core/matrix/jobs.ts";
import type { Combination } from "../../core/matrix/types.ts";
import type { Log, Progress } from "../../ports.ts";
import { headline } from "./matrix.ts";
import { clockTime, type Pace, progressLine } from "./progress.ts";
import type { Style } from "./style.ts";

interface Sink {
  write(text: string): unknown;
}

/** Milliseconds between two drawings, and between two that only move the clock. */
const redraw = 100;

/** Without a terminal: a line when a build begins, its own stage lines, a line when it ends. */
export class PlainWatch implements MatrixWatch {
  #all: readonly Combination[] = [];
  readonly #log: Log;
  constructor(log: Log) {
    this.#log = log;
  }
  begin(all: readonly Combination[]): void {
    this.#all = all;
  }
  started(index: number): Log {
    this.#log.stage("matrix", headline(index, this.#all));
    return this.#log;
  }
  done(index: number, row: MatrixRow): void {
    const reason = row.trouble ? `: ${row.trouble.what}` : "";
    this.#log.info(`${headline(index, this.#all)}: ${row.state}${reason}`);
  }
  end(): void {
    // Nothing was drawn.
  }
}

/** On a terminal: every build in one line of its own, drawn over as the work goes on. */
export class LiveWatch implements MatrixWatch {
  #all: readonly Combination[] = [];
  readonly #rows: (MatrixRow | undefined)[] = [];
  readonly #out: Sink;
  readonly #style: Style;
  readonly #height: number;
  #current = -1;
  #since = 0;
  #stage = "";
  #progress = "";
  #pace: Pace | undefined;
  #drawn = 0;
  #last = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(out: Sink, style: Style, height: number) {
    this.#out = out;
    this.#style = style;
    this.#height = Math.max(3, height - 2);
  }

  begin(all: readonly Combination[]): void {
    this.#all = all;
    this.#timer = setInterval(() => this.#draw(), 1000);
    this.#timer.unref();
    this.#draw();
  }

  started(index: number): Log {
    this.#current = index;
    this.#since = performance.now();
    this.#stage = "";
    this.#progress = "";
    this.#draw();
    return {
      stage: (name) => {
        this.#stage = name;
        this.#progress = "";
        this.#pace = undefined;
        this.#draw();
      },
      info: () => undefined,
      warn: (text) => this.#say(`${this.#style.yellow("warning:")} ${text}`),
      detail: () => undefined,
      progress: (progress) => this.#onProgress(progress),
    };
  }

  done(index: number, row: MatrixRow): void {
    this.#rows[index] = row;
    this.#draw();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  #onProgress(progress: Progress): void {
    const now = performance.now();
    if (this.#pace?.stage !== progress.stage)
      this.#pace = { stage: progress.stage, since: now, from: progress.done };
    if (now - this.#last < redraw) return;
    this.#progress = progressLine(progress, this.#pace, now, {
      ...this.#style,
      dim: (text) => text,
    }).trim();
    this.#draw();
  }

  #say(text: string): void {
    this.#erase();
    this.#out.write(`${text}\n`);
    this.#draw();
  }

  #erase(): void {
    if (this.#drawn > 0) this.#out.write(`\u001b[${this.#drawn}A\r\u001b[J`);
    this.#drawn = 0;
  }

  #draw(): void {
    this.#last = performance.now();
    const lines = this.#window().map((index) => this.#line(index));
    this.#erase();
    this.#out.write(lines.map((line) => `${line}\n`).join(""));
    this.#drawn = lines.length;
  }

  /** More builds than lines: those around the one at work. */
  #window(): readonly number[] {
    const count = Math.min(this.#all.length, this.#height);
    const middle = Math.max(0, this.#current) - Math.floor(count / 2);
    const first = Math.min(Math.max(0, middle), this.#all.length - count);
    return Array.from({ length: count }, (_, at) => first + at);
  }

  #line(index: number): string {
    const { green, red, dim, bold, columns } = this.#style;
    const row = this.#rows[index];
    const title = titleOf(this.#all[index] as Combination);
    const running = index === this.#current && !row;
    const seconds =
      row?.seconds ?? (running ? (performance.now() - this.#since) / 1000 : undefined);
    const state = row?.state ?? (running ? "building" : "waiting");
    const text = [
      state.padEnd(9),
      (seconds === undefined ? "" : clockTime(seconds)).padStart(7),
      title,
      running ? `${this.#stage}  ${this.#progress}` : (row?.trouble?.what ?? ""),
    ].join("  ");
    const paint = { built: green, unchanged: dim, failed: red, building: bold, waiting: dim }[
      state
    ];
    return paint(text.slice(0, Math.max(20, columns - 1)).trimEnd());
  }
}

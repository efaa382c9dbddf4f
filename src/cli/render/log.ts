import type { Log, Progress } from "../../ports.ts";
import { clockTime, progressLine, type Pace } from "./progress.ts";
import type { Style } from "./style.ts";

interface Sink {
  write(text: string): unknown;
}

/** Milliseconds between two drawings of the progress line. */
const redraw = 100;

/** Stage lines, and on a terminal one line of progress that is drawn over. */
export class TerminalLog implements Log {
  readonly #out: Sink;
  readonly #style: Style;
  readonly #quiet: boolean;
  readonly #verbose: boolean;
  readonly #started = performance.now();
  #drawn = false;
  #last = 0;
  #pace: Pace | undefined;

  constructor(
    out: Sink,
    style: Style,
    options: { readonly quiet: boolean; readonly verbose: boolean },
  ) {
    this.#out = out;
    this.#style = style;
    this.#quiet = options.quiet;
    this.#verbose = options.verbose;
  }

  stage(name: string, detail?: string): void {
    this.#pace = undefined;
    const time = this.#style.dim(clockTime((performance.now() - this.#started) / 1000));
    this.#line(`${time} ${this.#style.bold(name)}${detail === undefined ? "" : ` ${detail}`}`);
  }

  info(text: string): void {
    this.#line(`     ${text}`);
  }

  warn(text: string): void {
    this.#line(`${this.#style.yellow("warning:")} ${text}`, true);
  }

  detail(text: string): void {
    if (this.#verbose) this.#line(this.#style.dim(`     ${text}`));
  }

  progress(progress: Progress): void {
    if (this.#quiet || !this.#style.interactive) return;
    const now = performance.now();
    if (this.#pace?.stage !== progress.stage)
      this.#pace = { stage: progress.stage, since: now, from: progress.done };
    if (now - this.#last < redraw) return;
    this.#last = now;
    this.#out.write(`\r\u001b[K${progressLine(progress, this.#pace, now, this.#style)}`);
    this.#drawn = true;
  }

  /** Takes the progress line away; whatever comes next starts on a clean line. */
  end(): void {
    if (this.#drawn) this.#out.write("\r\u001b[K");
    this.#drawn = false;
  }

  #line(text: string, always = false): void {
    if (this.#quiet && !always) return;
    this.end();
    this.#out.write(`${text}\n`);
  }
}

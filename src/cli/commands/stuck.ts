import { badInput, Interrupted } from "../../core/errors.ts";
import { toPrometheus } from "../../core/stuck/prometheus.ts";
import { changes, summarize, type Summary } from "../../core/stuck/summary.ts";
import type { Ports } from "../../ports.ts";
import type { Reading, StuckRequest } from "../../app/stuck.ts";
import { type Define, type Globals, globalsOf, type Outcome } from "../command.ts";
import { describeEstimate, describeStuck, logLine } from "../render/stuck.ts";
import { makeStyle } from "../render/style.ts";
import { example, present, wholeNumber } from "./options.ts";

interface Options {
  readonly host?: string;
  readonly watch: boolean;
  readonly prometheus: boolean;
  readonly log: boolean;
  readonly interval: number;
  readonly top: number;
  readonly silence: number;
}

export const defineStuck: Define = (program, run) => {
  const command = program
    .command("stuck [file]")
    .option("--host <[user@]host>", "ask another machine, over your own ssh")
    .option("--watch", "a live view; Ctrl-C ends it", false)
    .option("--prometheus", "metrics for node_exporter's textfile collector", false)
    .option("--log", "one line for each newly held peer and one when it lets go", false)
    .option("--interval <seconds>", "between two looks, for --watch and --log", wholeNumber(1), 2)
    .option("--top <number>", "addresses shown", wholeNumber(1), 20)
    .option("--silence <seconds>", "silence that means a peer let go", wholeNumber(1), 600)
    .description(
      "who is held, since when, at what cost: /proc/net/tarpit of this machine, another, or a copy",
    )
    .addHelpText(
      "after",
      example(
        "tarpit-kit stuck --watch",
        "tarpit-kit stuck --host root@firewall",
        "tarpit-kit stuck --log | logger -t tarpit",
      ),
    );
  command.action(async (file: string | undefined, options: Options) => {
    const globals = globalsOf(command);
    await run("stuck", globals, async (ports) => {
      refuse(file, options, globals);
      const request = present({ file, host: options.host });
      if (options.watch) return watch(request, options, globals, ports);
      if (options.log) return follow(request, options, ports);
      return once(request, options, ports);
    });
  });
};

function refuse(file: string | undefined, options: Options, globals: Globals): void {
  const wrong = (what: string, next: string) =>
    badInput("usage", { what, where: "the command line", next });
  if (file !== undefined && options.host !== undefined)
    throw wrong("a file and --host cannot be read at once", "give one of them");
  const forms = [
    options.watch && "--watch",
    options.log && "--log",
    options.prometheus && "--prometheus",
    globals.json && "--json",
  ].filter(Boolean);
  if (forms.length > 1)
    throw wrong(`${forms.join(" and ")} cannot go together`, "give one of them");
  if (options.watch && !process.stdout.isTTY)
    throw wrong("--watch needs a terminal on stdout", "use --log for a file or a pipe");
}

async function once(request: StuckRequest, options: Options, ports: Ports): Promise<Outcome> {
  const reading = await read(request, ports);
  const { subject, table, estimate } = reading;
  if (table === undefined) {
    if (options.prometheus) throw noTable(subject);
    return {
      ok: true,
      json: { results: [{ subject, estimate }] },
      table: (style) => (estimate ? describeEstimate(subject, estimate, style) : ""),
    };
  }
  const summary = summarize(table, options.silence);
  if (options.prometheus)
    return { ok: true, json: {}, stdout: toPrometheus(summary, reading.counters) };
  const totals = {
    ...summary,
    histogram: summary.histogram.map(({ upTo, count }) => ({
      upTo: Number.isFinite(upTo) ? upTo : null,
      count,
    })),
  };
  return {
    ok: true,
    json: { results: [{ subject, ...totals, counters: Object.fromEntries(reading.counters) }] },
    table: (style) =>
      describeStuck(
        { subject, summary, most: options.top, columns: style.interactive ? style.columns : 200 },
        style,
      ),
  };
}

async function read(request: StuckRequest, ports: Ports): Promise<Reading> {
  const { readStuck } = await import("../../app/stuck.ts");
  return readStuck(request, ports);
}

const noTable = (subject: string) =>
  badInput("stuck.no-table", {
    what: "there is no table of held connections to follow",
    where: subject,
    next: "tarpit-kit stuck shows an estimate",
  });

/** Looks again and again until the user has seen enough; Ctrl-C is the way out, so it is no failure. */
async function everyInterval(
  request: StuckRequest,
  options: Options,
  ports: Ports,
  look: (reading: Reading, summary: Summary) => void,
): Promise<void> {
  try {
    for (;;) {
      const reading = await read(request, ports);
      if (reading.table === undefined) throw noTable(reading.subject);
      look(reading, summarize(reading.table, options.silence));
      if (request.file !== undefined && !options.watch) return;
      await ports.clock.sleep(options.interval * 1000);
    }
  } catch (error) {
    if (!(error instanceof Interrupted) && (error as Error).name !== "AbortError") throw error;
  }
}

async function follow(request: StuckRequest, options: Options, ports: Ports): Promise<Outcome> {
  let before: Summary | undefined;
  await everyInterval(request, options, ports, (_, summary) => {
    const { came, went } = changes(before, summary);
    const lines = [
      ...went.map((one) => logLine("let-go", one)),
      ...came.map((one) => logLine("held", one)),
    ];
    if (lines.length > 0) process.stdout.write(`${lines.join("\n")}\n`);
    before = summary;
  });
  return { ok: true, json: { results: [] } };
}

/** Alternate screen, cursor hidden (xterm's control sequences); both are put back whatever happens. */
const screen = {
  enter: "\u001b[?1049h\u001b[?25l",
  leave: "\u001b[?25h\u001b[?1049l",
  clear: "\u001b[2J",
  line: (row: number): string => `\u001b[${row};1H`,
  clearLine: "\u001b[K",
};

async function watch(
  request: StuckRequest,
  options: Options,
  globals: Globals,
  ports: Ports,
): Promise<Outcome> {
  const { stdout } = process;
  const style = makeStyle(stdout, process.env, globals.color);
  let draw = (): void => undefined;
  let last: { readonly at: number; readonly bytes: number } | undefined;
  const redraw = (): void => draw();
  const paint = painter((text) => stdout.write(text));
  stdout.write(screen.enter);
  stdout.on("resize", redraw);
  try {
    await everyInterval(request, options, ports, (reading, summary) => {
      const at = ports.clock.monotonic();
      const seconds = last === undefined ? 0 : (at - last.at) / 1000;
      // Rows that left the table take their bytes with them: no rate is below zero.
      const rate =
        last === undefined || seconds <= 0
          ? undefined
          : Math.max(0, summary.bytes - last.bytes) / seconds;
      last = { at, bytes: summary.bytes };
      draw = () => paint(frame(reading.subject, summary, rate, options, style), stdout);
      draw();
    });
  } finally {
    stdout.off("resize", redraw);
    stdout.write(screen.leave);
  }
  return { ok: true, json: { results: [] } };
}

/** Writes the lines that changed and no others: over ssh, and for who looks on. All of them after a resize. */
export function painter(write: (text: string) => void) {
  let shown: readonly string[] = [];
  let size = "";
  return (lines: readonly string[], { columns = 80, rows = 24 }: Size): void => {
    const now = `${columns}x${rows}`;
    let text = "";
    if (now !== size) [text, shown, size] = [screen.clear, [], now];
    for (let at = 0; at < Math.max(lines.length, shown.length); at += 1) {
      const line = lines[at] ?? "";
      if (line !== (shown[at] ?? "")) text += `${screen.line(at + 1)}${line}${screen.clearLine}`;
    }
    shown = lines;
    if (text !== "") write(text);
  };
}
interface Size {
  readonly columns?: number;
  readonly rows?: number;
}

/** One screenful: never a line more than there is room for, so that nothing scrolls. */
function frame(
  subject: string,
  summary: Summary,
  rate: number | undefined,
  options: Options,
  style: ReturnType<typeof makeStyle>,
): readonly string[] {
  const { columns = 80, rows = 24 } = process.stdout;
  const most = Math.max(1, Math.min(options.top, rows - 16));
  const text = describeStuck(
    { subject, summary, most, columns, ...(rate === undefined ? {} : { rate }) },
    style,
  );
  const lines = text
    .trimEnd()
    .split("\n")
    .slice(0, rows - 2);
  const foot = style.dim(`every ${options.interval} s, Ctrl-C ends`);
  return [...lines, "", foot].slice(0, rows);
}

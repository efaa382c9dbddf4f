import { badInput } from "../errors.ts";

/** Name without CONFIG_ -> `y`, `m`, `n`, a number, or a string with its quotes. */
export type Settings = ReadonlyMap<string, string>;

export interface Request {
  readonly symbol: string;
  readonly value: string;
  /** Who asked: `tarpit.config:12`, `--set`. */
  readonly origin: string;
  /** From a fragment of ours: a kernel line that has no such symbol goes without. */
  readonly own?: boolean;
}

const setLine = /^CONFIG_(\w+)=(.*)$/;
const unsetLine = /^# CONFIG_(\w+) is not set$/;

/**
 * The requests of a fragment or .config, in order (Documentation/kbuild/kconfig.rst:
 * `# CONFIG_X is not set` means n; other lines that start with # are comments).
 * Throws badInput naming file and line for anything else.
 */
export function parseFragment(text: string, origin: string): readonly Request[] {
  const requests: Request[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    const set = setLine.exec(line);
    const unset = unsetLine.exec(line);
    const where = `${origin}:${index + 1}`;
    if (set) requests.push({ symbol: set[1] ?? "", value: value(set[2] ?? ""), origin: where });
    else if (unset) requests.push({ symbol: unset[1] ?? "", value: "n", origin: where });
    else if (line !== "" && !line.startsWith("#")) throw notAFragment(line, where);
  }
  return requests;
}

/** `IP_NF_FILTER=y` or `CONFIG_IP_NF_FILTER=y`, as `--set` takes it. */
export function parseSet(text: string): Request {
  const match = /^(?:CONFIG_)?(\w+)=(.+)$/.exec(text);
  if (!match) {
    throw badInput("config.set", {
      what: `"${text}" is not SYMBOL=VALUE`,
      where: "--set",
      next: "write it like --set IP_NF_FILTER=y; values are y, m, n, a number, or text",
    });
  }
  const raw = match[2] ?? "";
  const plain = /^([ymn]|-?\d+|0x[0-9a-fA-F]+|".*")$/.test(raw);
  return {
    symbol: match[1] ?? "",
    value: plain ? value(raw) : JSON.stringify(raw),
    origin: "--set",
  };
}

const value = (text: string): string => (text === "" ? "n" : text);

function notAFragment(line: string, where: string) {
  return badInput("config.fragment", {
    what: `this line is no configuration: ${line.slice(0, 80)}`,
    where,
    next: "write CONFIG_SYMBOL=value or # CONFIG_SYMBOL is not set",
  });
}

/** The last request for a symbol wins, as in a .config. */
export function lastWins(requests: readonly Request[]): ReadonlyMap<string, Request> {
  const result = new Map<string, Request>();
  for (const request of requests) {
    result.delete(request.symbol);
    result.set(request.symbol, request);
  }
  return result;
}

export function parseDotconfig(text: string): Settings {
  const settings = new Map<string, string>();
  for (const line of text.split("\n")) {
    const set = setLine.exec(line);
    const unset = unsetLine.exec(line);
    if (set) settings.set(set[1] ?? "", set[2] ?? "");
    else if (unset) settings.set(unset[1] ?? "", "n");
  }
  return settings;
}

const line = (symbol: string, text: string): string =>
  text === "n" ? `# CONFIG_${symbol} is not set` : `CONFIG_${symbol}=${text}`;

/** A fragment as text, one line a request. */
export const renderFragment = (requests: Iterable<Request>): string =>
  [...requests].map((request) => `${line(request.symbol, request.value)}\n`).join("");

/**
 * A base .config with the requests in it. The base's own lines for those symbols go,
 * so that kconfig sees no symbol twice and warns of none.
 */
export function mergeInto(base: string, requests: ReadonlyMap<string, Request>): string {
  const kept = base.split("\n").filter((text) => {
    const symbol = setLine.exec(text)?.[1] ?? unsetLine.exec(text)?.[1];
    return symbol === undefined || !requests.has(symbol);
  });
  const head = kept.join("\n").replace(/\n*$/, "\n");
  return head + renderFragment(requests.values());
}

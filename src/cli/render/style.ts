/** Colour for one stream: the identity where there is none. */
export interface Style {
  readonly columns: number;
  readonly interactive: boolean;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Colour on a terminal unless NO_COLOR (no-color.org) is set, TERM is dumb, or --no-color was given. */
export function makeStyle(
  stream: Stream,
  env: Readonly<Record<string, string | undefined>>,
  wanted: boolean,
): Style {
  const interactive = stream.isTTY === true;
  const on = interactive && wanted && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const paint = (code: number) => (text: string) => (on ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    columns: stream.columns ?? 80,
    interactive,
    bold: paint(1),
    dim: paint(2),
    red: paint(31),
    green: paint(32),
    yellow: paint(33),
  };
}

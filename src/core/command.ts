/** A program to run, as data: no shell ever sees it. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Added to the environment of this process; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A word as a POSIX shell reads it back. */
const word = (text: string): string =>
  /^[\w@%+:,./=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The command as a line that can be given to a shell; what it changes in the environment comes first. */
export function showCommand({ program, args, cwd, env = {} }: Command): string {
  const variables = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${word(value)}`],
  );
  const line = [...variables, ...[program, ...args].map(word)].join(" ");
  return cwd === undefined ? line : `(cd ${word(cwd)} && ${line})`;
}

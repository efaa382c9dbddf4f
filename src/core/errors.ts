/**
 * The three ways a run can end badly. The number is the process's exit code
 * (docs/architecture.md): 1 the check or build found a failure, 2 bad usage or
 * bad input, 3 the environment lacks something.
 */
export type ExitClass = 1 | 2 | 3;

export interface Trouble {
  /** What was wrong, one line. */
  readonly what: string;
  /** File, line, host or option it was found at. */
  readonly where?: string;
  /** What to do next, a command where there is one. */
  readonly next?: string;
  /** Evidence worth showing below the message: compiler errors, packets. */
  readonly evidence?: readonly string[];
  /** The same facts for `--json`. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** An expected failure: rendered as one message, never with a stack. */
export class TarpitError extends Error {
  readonly exit: ExitClass;
  /** Stable, dotted, for machines: `fetch.checksum`, `config.dropped`. */
  readonly code: string;
  readonly trouble: Trouble;
  constructor(exit: ExitClass, code: string, trouble: Trouble) {
    super(trouble.what);
    this.name = "TarpitError";
    this.exit = exit;
    this.code = code;
    this.trouble = trouble;
  }
}

/** The check or build itself found a failure (exit 1). */
export const failure = (code: string, trouble: Trouble): TarpitError =>
  new TarpitError(1, code, trouble);

/** The user gave something unusable (exit 2). */
export const badInput = (code: string, trouble: Trouble): TarpitError =>
  new TarpitError(2, code, trouble);

/** A tool, the network or the disk is missing or refuses (exit 3). */
export const environment = (code: string, trouble: Trouble): TarpitError =>
  new TarpitError(3, code, trouble);

/** Thrown when the user pressed Ctrl-C or the process was asked to end (exit 130). */
export class Interrupted extends Error {
  constructor() {
    super("interrupted");
    this.name = "Interrupted";
  }
}

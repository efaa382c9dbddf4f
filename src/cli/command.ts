import type { Command } from "commander";
import type { Ports } from "../ports.ts";
import type { Style } from "./render/style.ts";

export interface Globals {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
}

/** What a command has to say, in every form it may be asked for. */
export interface Outcome {
  readonly ok: boolean;
  readonly exit?: number;
  /** `results`, `findings`: joined with version, command and ok for --json. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Results for other programs: paths. */
  readonly stdout?: string | Uint8Array;
  /** Results that are a table or a list for a person. */
  readonly table?: (style: Style) => string;
  /** Closing words, on stderr. */
  readonly human?: (style: Style) => string;
}

export type Work = (ports: Ports) => Promise<Outcome>;
/** Runs a command's work with the world opened, its errors rendered and its exit code kept. */
export type Run = (command: string, globals: Globals, work: Work) => Promise<void>;

/** Adds a command to the program; its options become a request, its `work` is loaded when it runs. */
export type Define = (program: Command, run: Run) => void;

export const globalsOf = (command: Command): Globals => {
  const { json, quiet, verbose, color } = command.optsWithGlobals<Globals>();
  return { json, quiet, verbose, color };
};

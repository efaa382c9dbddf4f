import type { Log, Ports } from "../ports.ts";

/** The ports, and how to end everything that runs through them. */
export interface World {
  readonly ports: Ports;
  interrupt(): Promise<void>;
  /** Milliseconds in which at least one child process ran. */
  busyMs(): number;
}

/** Built only when a command needs it: `--version` and `--help` load none of it. */
export type OpenWorld = (log: Log) => Promise<World>;

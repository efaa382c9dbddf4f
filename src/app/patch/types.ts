import type { OnRefusal, PlannedFile } from "../../core/patch/index.ts";
import type { Recovered } from "./journal.ts";
import type { ToldRefusal } from "./refusals.ts";

export interface PatchRequest {
  readonly tree: string;
  /** A name like `linux-6.1`, or the path of a series file; without one the tree's version decides. */
  readonly series?: string;
  /** Plan only: nothing is written, not even a lock. */
  readonly check: boolean;
  readonly reverse: boolean;
  /** The last patch to apply, or to take out. */
  readonly until?: string;
  /** Context lines that need not match. */
  readonly fuzz: number;
  /** What becomes of hunks that fit nowhere; by default the run ends and nothing is changed. */
  readonly onRefusal?: OnRefusal;
}

export type PatchOutcome =
  | "applied"
  | "already-applied"
  | "would-apply"
  | "reversed"
  | "would-reverse"
  | "not-applied"
  /** Hunks were rejected or left between markers, with --reject and --merge. */
  | "applied-in-part"
  | "would-apply-in-part";

export interface PatchResult {
  readonly tree: string;
  readonly series: string;
  readonly outcome: PatchOutcome;
  /** In the order they were applied or taken out. */
  readonly patches: readonly {
    readonly name: string;
    readonly state: PatchOutcome;
    readonly files: readonly PlannedFile[];
  }[];
  /** Files written or removed. */
  readonly written: number;
  /** Hunks that went to FILE.rej or are between conflict markers. */
  readonly unresolved?: readonly ToldRefusal[];
  /** What became of an earlier run that was cut off in this tree. */
  readonly recovered?: Recovered;
}

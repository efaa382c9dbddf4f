import type { PlannedFile } from "../../core/patch/index.ts";

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
}

export type PatchOutcome =
  | "applied"
  | "already-applied"
  | "would-apply"
  | "reversed"
  | "would-reverse"
  | "not-applied";

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
}

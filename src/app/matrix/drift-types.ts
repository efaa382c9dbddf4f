import type { Change } from "../../core/drift/explain.ts";
import type { Trouble } from "../../core/errors.ts";
import type { Located } from "../build/origins.ts";

export interface DriftRow {
  readonly version: string;
  readonly from: string;
  /** `skipped`: it lies after the first that failed. `absent`: it cannot be brought. */
  readonly state: "ok" | "failed" | "skipped" | "absent";
  readonly seconds?: number;
  /** Files that differ from the release before; -1 for a whole tree. */
  readonly files?: number;
  readonly change?: Change;
  readonly errors?: readonly Located[];
  readonly trouble?: Trouble & { readonly code: string };
}

export interface DriftLine {
  readonly line: string;
  readonly series: string;
  readonly arch: string;
  /** Newest first. */
  readonly releases: readonly DriftRow[];
  /** The first release that the series does not do for any more. */
  readonly breaks?: { readonly at: string; readonly lastGood?: string; readonly change?: Change };
  readonly verified: readonly string[];
  /** patches/manifest.json was written. */
  readonly recorded: boolean;
}

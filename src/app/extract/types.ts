import type { Entry } from "../../core/patch/index.ts";

export type ExtractRequest =
  | { readonly kind: "pom"; readonly from: string; readonly tree: string }
  | {
      readonly kind: "trees";
      readonly old: string;
      readonly tree: string;
      /** Only these, relative to both trees; empty: all that differ. */
      readonly files: readonly string[];
    }
  | {
      readonly kind: "module";
      readonly from: string;
      readonly tree: string;
      /** File with the Kconfig text; default: Kconfig in the module's directory. */
      readonly kconfig?: string;
      /** Directory in the tree; default: drivers/misc/NAME. */
      readonly into?: string;
    };

export interface ExtractResult {
  readonly files: readonly string[];
  /** The patch: description and diff, as bytes in latin1. */
  readonly patch: string;
}

/** What a source has to say: text to describe it, and what files become. */
export interface Extracted {
  readonly description: string;
  readonly before: ReadonlyMap<string, Entry>;
  readonly after: ReadonlyMap<string, Entry>;
}

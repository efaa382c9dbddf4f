import type { Dropped } from "../../core/kconfig/assert.ts";
import type { Request, Settings } from "../../core/kconfig/dotconfig.ts";
import type { Profile } from "../data.ts";
import type { LineNeeds } from "../line.ts";

export interface ConfigResult {
  readonly path: string;
  readonly base: string;
  readonly profile: string | undefined;
  /** Every symbol that was asked for and is in the result. */
  readonly asserted: number;
  /** Asked as a module, built in. */
  readonly raised: readonly Dropped[];
  readonly settings: Settings;
}

/** What a configuration is made from, chosen but not yet made. */
export interface ConfigPlan {
  readonly base: string;
  readonly profile: Profile | undefined;
  readonly requests: readonly Request[];
  /** Of the tree that is configured. */
  readonly line: LineNeeds;
}

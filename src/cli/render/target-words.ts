import type { TargetFindingArguments } from "../../core/target-findings.ts";
import type { Words } from "./words.ts";
import { hostWords } from "./target-words-host.ts";
import { liveWords } from "./target-words-live.ts";
import { rebootWords } from "./target-words-reboot.ts";
import { ruleWords } from "./target-words-rules.ts";

export type TargetWords = {
  readonly [C in keyof TargetFindingArguments]: (args: TargetFindingArguments[C]) => Words;
};

/** Words of what `verify` and `rules lint` find: what it is, why it matters, the command that puts it right. */
export const targetWords: TargetWords = {
  ...hostWords,
  ...liveWords,
  ...rebootWords,
  ...ruleWords,
};

import { Text } from "./text.ts";
import type { Entry } from "./types.ts";

export type FileEntry = Extract<Entry, { kind: "file" }>;

/** An entry whose lines are made when someone looks at them. */
export const fileEntry = (text: Text, mode: number | undefined): FileEntry => ({
  kind: "file",
  mode,
  text,
  get lines() {
    return text.lines;
  },
});

export const textOf = (entry: FileEntry): Text => entry.text ?? new Text(entry.lines.join(""));

import type { Text } from "./text.ts";

/** Lines that may still be compared or copied: a plan may cost no more than its input's size says. */
export interface Budget {
  left: number;
}

export const budgetFor = (lines: number): Budget => ({ left: 2_000_000 + 100 * lines });

/**
 * Where each line of a text is, made when a hunk is first not where it should be. Most
 * files never need it; with it a hunk that fits nowhere costs no walk through the file.
 */
export class LineIndex {
  readonly text: Text;
  readonly budget: Budget;
  #places: Map<string, number[]> | undefined;

  constructor(text: Text, budget = budgetFor(text.weight)) {
    this.text = text;
    this.budget = budget;
  }

  /** Ascending indexes, from 0, of the lines equal to `line`. */
  places(line: string): readonly number[] {
    this.#places ??= this.#read();
    return this.#places.get(line) ?? [];
  }

  #read(): Map<string, number[]> {
    const places = new Map<string, number[]>();
    for (const [index, line] of this.text.lines.entries()) {
      const known = places.get(line);
      if (known) known.push(index);
      else places.set(line, [index]);
    }
    return places;
  }
}

/** Index of the first element of ascending `values` that is not below `least`. */
export function lowerBound(values: readonly number[], least: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Where each line of a text is, made when a hunk is first not where it should be. Most
 * files never need it; with it a hunk that fits nowhere costs no walk through the file.
 */
export class LineIndex {
  readonly lines: readonly string[];
  /** Comparisons that are still allowed: a search may cost no more than the text's size says. */
  budget: number;
  #places: Map<string, number[]> | undefined;

  constructor(lines: readonly string[]) {
    this.lines = lines;
    this.budget = 10_000_000 + 100 * lines.length;
  }

  /** Ascending indexes, from 0, of the lines equal to `line`. */
  places(line: string): readonly number[] {
    this.#places ??= this.#read();
    return this.#places.get(line) ?? [];
  }

  #read(): Map<string, number[]> {
    const places = new Map<string, number[]>();
    for (const [index, line] of this.lines.entries()) {
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

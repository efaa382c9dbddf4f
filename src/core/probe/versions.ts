/** Compares dotted numbers: 1.4.0rc1 counts as 1.4.0; a missing number is 0. */
export function compareDotted(a: string, b: string): number {
  const numbers = (text: string): number[] =>
    (/^\d{1,6}(?:\.\d{1,9}){0,5}/.exec(text)?.[0] ?? "0").split(".").map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export const atLeast = (version: string, wanted: string): boolean =>
  compareDotted(version, wanted) >= 0;

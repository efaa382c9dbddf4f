/**
 * Which release to compile against next, by its place; undefined when enough is known. `outcomes` are
 * the releases, oldest first: true compiles, false does not, undefined was not tried.
 *
 * The newest comes first. When it compiles, so are all others tried, newest first. When it does not,
 * the first that does not is found by bisection between it and one that does (`hint`, which did when it
 * was last looked at, else the oldest); releases after that one are not tried, those before it are.
 */
export function nextProbe(
  outcomes: readonly (boolean | undefined)[],
  hint?: number,
): number | undefined {
  const newest = outcomes.length - 1;
  if (newest < 0 || outcomes[newest] === undefined) return newest < 0 ? undefined : newest;
  if (outcomes[newest]) return lastUntried(outcomes, newest);
  const good = outcomes.lastIndexOf(true);
  if (good < 0) {
    if (hint !== undefined && hint in outcomes && outcomes[hint] === undefined) return hint;
    return outcomes[0] === undefined ? 0 : lastUntried(outcomes, newest);
  }
  const bad = outcomes.indexOf(false, good);
  return bad - good > 1 ? good + Math.floor((bad - good) / 2) : lastUntried(outcomes, good);
}

function lastUntried(
  outcomes: readonly (boolean | undefined)[],
  before: number,
): number | undefined {
  const found = outcomes.slice(0, before).lastIndexOf(undefined);
  return found < 0 ? undefined : found;
}

/** The first release that the newest one's failure goes back to, once it is found. */
export function breaksAt(outcomes: readonly (boolean | undefined)[]): number | undefined {
  if (outcomes.at(-1) !== false) return undefined;
  const after = outcomes.lastIndexOf(true) + 1;
  return outcomes[after] === false ? after : undefined;
}

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { breaksAt, nextProbe } from "../../src/core/drift/probe.ts";

/** Asks until nothing more is wanted; `truth` says what compiles. */
function search(truth: readonly boolean[], hint?: number) {
  const outcomes: (boolean | undefined)[] = truth.map(() => undefined);
  const asked: number[] = [];
  for (let at = nextProbe(outcomes, hint); at !== undefined; at = nextProbe(outcomes, hint)) {
    expect(outcomes[at]).toBeUndefined();
    outcomes[at] = truth[at];
    asked.push(at);
    if (asked.length > truth.length) throw new Error("it does not end");
  }
  return { outcomes, asked };
}

const size = fc.integer({ min: 1, max: 200 });

describe("the search for the first release that breaks", () => {
  test("is right, and asks no more often than bisection does before it knows", () => {
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), (count, where, hintAt) => {
        const first = where % count;
        const truth = Array.from({ length: count }, (_, at) => at < first);
        const hint = hintAt % (count + 1);
        const { outcomes, asked } = search(truth, hint === count ? undefined : hint);
        expect(breaksAt(outcomes)).toBe(first);
        // Newest, hint, oldest, then halves.
        const known = asked.findIndex((_, at) => {
          const seen = new Set(asked.slice(0, at + 1));
          return seen.has(first) && (first === 0 || seen.has(first - 1));
        });
        if (first > 0) expect(known + 1).toBeLessThanOrEqual(3 + Math.ceil(Math.log2(count)) + 1);
        // Everything before it was tried.
        expect(outcomes.slice(0, first).every((one) => one === true)).toBe(true);
      }),
    );
  });

  test("tries everything, newest first, when the newest compiles", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (older) => {
        const truth = [...older, true];
        const { asked, outcomes } = search(truth);
        expect(asked).toEqual(truth.map((_, at) => truth.length - 1 - at));
        expect(outcomes).toEqual(truth);
        expect(breaksAt(outcomes)).toBeUndefined();
      }),
    );
  });

  test("ends, whatever compiles, and never calls a release the first that breaks that compiles", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 80 }), fc.nat(90), (truth, hint) => {
        const { outcomes } = search(truth, hint);
        const at = breaksAt(outcomes);
        if (truth.at(-1) === false) expect(at === undefined ? undefined : truth[at]).toBe(false);
        else expect(at).toBeUndefined();
      }),
    );
  });
});

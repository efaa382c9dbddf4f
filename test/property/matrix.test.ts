import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { partOf } from "../../src/core/matrix/shard.ts";

describe("shards", () => {
  test("cover everything once, in order, and differ by one build at most", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(), { maxLength: 300 }),
        fc.integer({ min: 1, max: 400 }),
        (items, of) => {
          const parts = Array.from({ length: of }, (_, at) => partOf(items, { index: at + 1, of }));
          expect(parts.flat()).toEqual(items);
          const sizes = parts.map((part) => part.length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { firstBehind } from "../../src/core/rules/chains.ts";
import { parseRules } from "../../src/core/rules/parse.ts";

const rule = [
  ...parseRules("*filter\n:INPUT ACCEPT\n-A INPUT -j DROP\nCOMMIT\n").tables.flatMap((table) => [
    ...table.chains.values(),
  ]),
].flatMap((chain) => chain.rules)[0];

test("the first one behind a place is what a look at each of them finds", () => {
  const places = fc.uniqueArray(fc.nat({ max: 40 }), { maxLength: 20 });
  fc.assert(
    fc.property(places, fc.integer({ min: -1, max: 41 }), (found, index) => {
      if (rule === undefined) throw new Error("no rule was read");
      const list = found.toSorted((a, b) => a - b).map((at) => ({ index: at, rule }));
      expect(firstBehind(list, index)).toBe(list.find((one) => one.index > index));
    }),
  );
});

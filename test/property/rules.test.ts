import * as fc from "fast-check";
import { expect, test } from "vitest";
import { firstBehind } from "../../src/core/rules/chains.ts";
import { lintRules } from "../../src/core/rules/lint.ts";
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

test("a reply gets out exactly where a port that is let out is one that is held", () => {
  /** Around both ends of what a port can be, where a range may be open. */
  const port = fc.oneof(fc.nat({ max: 2 }), fc.integer({ min: 65_533, max: 65_535 }));
  const range = fc
    .tuple(port, port)
    .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }))
    .chain(({ from, to }) =>
      fc.constantFrom(
        { from, to, text: `${from}:${to}` },
        { from, to: from, text: `${from}` },
        { from, to: 65_535, text: `${from}:` },
        { from: 0, to, text: `:${to}` },
      ),
    );
  const some = fc.array(range, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(some, some, (held, out) => {
      const text = (list: typeof held): string => list.map((one) => one.text).join(",");
      const rules = [
        "*filter\n:INPUT DROP\n:OUTPUT DROP",
        `-A INPUT -p tcp -m multiport --dports ${text(held)} -j TARPIT`,
        `-A OUTPUT -p tcp -m multiport --sports ${text(out)} -j ACCEPT`,
        "COMMIT\n",
      ].join("\n");
      const codes = lintRules(rules, { file: "rules", family: 4, hours: 1 }).findings.map(
        (one) => one.code,
      );
      const meets = held.some((a) => out.some((b) => a.from <= b.to && b.from <= a.to));
      expect(codes.includes("rule.reply-policy"), rules).toBe(!meets);
    }),
  );
});

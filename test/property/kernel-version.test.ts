import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareKernelVersions, satisfies } from "../../src/core/kernel-range.ts";
import { parseKernelRelease, parseKernelVersion } from "../../src/core/kernel-version.ts";

const small = fc.nat(400);
const text = fc.oneof(
  fc.tuple(small, small).map((parts) => parts.join(".")),
  fc.tuple(small, small, small).map((parts) => parts.join(".")),
  fc.tuple(small, small, small, small).map((parts) => parts.join(".")),
  fc
    .tuple(small, small, fc.integer({ min: 1, max: 20 }))
    .map(([major, minor, rc]) => `${major}.${minor}-rc${rc}`),
);
const version = text.map(
  (written) => parseKernelVersion(written) as NonNullable<ReturnType<typeof parseKernelVersion>>,
);

test("what is written is read, with and without a local part", () => {
  fc.assert(
    fc.property(text, fc.constantFrom("", "-tarpit", "-63.EL", "+", "-amd64"), (written, local) => {
      expect(parseKernelVersion(written)?.text).toBe(written);
      expect(parseKernelRelease(written + local)?.text).toBe(written);
    }),
  );
});

test("the order is one: numbers first, then the candidate before its release", () => {
  const tuple = (v: typeof version extends fc.Arbitrary<infer T> ? T : never) => [
    v.major,
    v.minor,
    v.patch ?? 0,
    v.extra ?? 0,
    v.rc ?? Infinity,
  ];
  fc.assert(
    fc.property(version, version, (a, b) => {
      const [one, two] = [tuple(a), tuple(b)];
      const at = one.findIndex((part, index) => part !== two[index]);
      const expected = at < 0 ? 0 : Math.sign((one[at] as number) - (two[at] as number) || 0);
      expect(Math.sign(compareKernelVersions(a, b))).toBe(expected);
      // Four numbers in a range mean what they mean in the order.
      if (b.patch !== undefined) {
        expect(satisfies(a, `<${b.text}`)).toBe(expected < 0);
        expect(satisfies(a, `>=${b.text}`)).toBe(expected >= 0);
      }
    }),
    { numRuns: 2000 },
  );
});

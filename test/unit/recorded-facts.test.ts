import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseFacts } from "../../src/core/probe/facts.ts";
import { expected, fixtureDir, foundIn, recorded } from "../support/facts-fixtures.ts";

describe("facts recorded from real systems", () => {
  const names = Object.keys(expected);
  const readme = readFileSync(join(fixtureDir, "README.md"), "utf8");

  test.each(names)("%s", (name) => {
    const facts = parseFacts(recorded(name));
    expect(facts).toMatchObject({ whole: true, strange: 0 });
    expect(foundIn(recorded(name))).toEqual(expected[name]);
  });

  test("each is described, and none lies there unused", () => {
    const files = readdirSync(fixtureDir).filter((name) => name.endsWith(".gz"));
    expect(files.map((name) => name.replace(".facts.gz", "")).toSorted()).toEqual(names.toSorted());
    for (const name of names) expect(readme).toMatch(new RegExp(`^\\| \`${name}\` +\\|`, "m"));
  });
});

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/artifacts.ts";

test(".ci/run is clean under shellcheck", () => {
  expect(execFileSync("shellcheck", [join(root, ".ci/run")], { encoding: "utf8" })).toBe("");
});

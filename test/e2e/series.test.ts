import { afterAll, beforeAll, describe } from "vitest";
import { kitOk, scratch } from "../support/cli.ts";
import { seriesCases } from "../support/series-cases.ts";

const { dir, remove } = scratch("series");
afterAll(remove);

describe.each([
  ["debian:6.1", "linux-6.1.series"],
  ["debian:6.12", "linux-6.12.series"],
])("%s and %s", (kernel, series) => {
  let source = "";
  beforeAll(() => {
    source = kitOk(["fetch", kernel]);
  });
  seriesCases(series, dir, () => source);
});

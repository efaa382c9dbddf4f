import { defineConfig } from "vitest/config";

/** Where the tests run is no input of theirs: a test of what a CI server gets says so itself. */
const nowhere = {
  CI: "",
  CI_PROJECT_DIR: "",
  GITHUB_ACTIONS: "",
  GITHUB_STEP_SUMMARY: "",
  GITHUB_WORKSPACE: "",
};

/** One project a level, so that `npm test` and `npm run test:e2e` choose by name. */
const project = (name: string, testTimeout: number) => ({
  name,
  include: [`test/${name}/**/*.test.ts`],
  testTimeout,
  hookTimeout: testTimeout,
  env: nowhere,
});
/** Files with tests that need the cross compilers as well: run once without and once with them. */
const alsoWithEveryCompiler = [
  "test/integration/{package,period-extension,verify-artifacts}.test.ts",
  "test/property/elf.test.ts",
  "test/unit/abi.test.ts",
];
const setUp = { globalSetup: ["test/support/setup.ts"] };

export default defineConfig({
  test: {
    projects: [
      { test: project("unit", 20_000) },
      { test: { ...project("property", 60_000), ...setUp } },
      { test: { ...project("integration", 120_000), ...setUp } },
      // Two at a time: a guest takes one processor, a compiler what is left.
      {
        test: {
          ...project("e2e", 45 * 60_000),
          globalSetup: ["test/support/setup-e2e.ts"],
          include: ["test/e2e/**/*.test.ts", ...alsoWithEveryCompiler],
          env: { ...nowhere, TARPIT_KIT_E2E: "1" },
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      // Figures, not tests: npm run bench:target.
      {
        test: {
          ...project("bench", 60 * 60_000),
          globalSetup: ["test/support/setup-e2e.ts"],
          include: ["bench/**/*.bench.ts"],
          disableConsoleIntercept: true,
        },
      },
    ],
  },
});

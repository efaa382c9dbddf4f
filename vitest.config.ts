import { defineConfig } from "vitest/config";

/** One project a level, so that `npm test` and `npm run test:e2e` choose by name. */
const project = (name: string, testTimeout: number) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", 10_000),
      project("property", 60_000),
      project("integration", 120_000),
      { test: { ...project("e2e", 45 * 60_000).test, fileParallelism: false } },
    ],
  },
});

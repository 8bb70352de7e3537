import { defineConfig } from "vitest/config";

/** What starts whole planes or real Envoys: one file at a time, after the rest, so that nothing else takes their two cores. */
const heavy = ["test/e2e/**/*.test.ts", "test/filter/envoy*.test.ts", "test/readme.test.ts", "test/chaos/chaos.test.ts"];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 100_000,
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["services/**/*.test.ts", "test/**/*.test.ts", "filter/**/*.test.ts", "client/**/*.test.ts"], exclude: heavy, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      { extends: true, test: { name: "plane", include: heavy, fileParallelism: false, sequence: { groupOrder: 1 } } },
    ],
  },
});

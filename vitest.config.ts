import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["services/**/*.test.ts", "test/**/*.test.ts", "filter/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

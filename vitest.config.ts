import { defineConfig } from "vitest/config";
import { compileCache } from "./services/launch/node.ts";

/** What starts whole planes or real Envoys and looks at times, or takes both cores: one file at a time, after the rest, so that nothing else takes their two cores. */
const alone = ["chaos/chaos", "e2e/clients", "e2e/delivery", "e2e/drain", "e2e/failure", "e2e/held-back", "e2e/moves", "e2e/ringway-client"].map((name) => `test/${name}.test.ts`);
/** The same with a platform's own engines, zones and identities: `npm run test:platform`, beside the suite, for its time. */
const platform = ["contract/postgres-places", "deploy/kubernetes", "e2e/another-key", "e2e/bad-registry", "e2e/consul", "e2e/consul-acl", "e2e/postgres-failover", "e2e/tls", "e2e/zone-drain", "e2e/zones"].map((name) => `test/${name}.test.ts`);
/** What starts them, and does not mind another one beside. */
const planes = ["test/e2e/**/*.test.ts", "test/browser/*.test.ts", "test/filter/envoy*.test.ts", "test/readme.test.ts"];

// For the many processes that the tests start.
Object.assign(process.env, compileCache);

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 100_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["services/**/*.test.ts", "test/**/*.test.ts", "filter/**/*.test.ts", "client/**/*.test.ts"],
          exclude: [...planes, ...alone, ...platform],
          // One more than the cores: some wait for times to pass.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: "planes", include: planes, exclude: [...alone, ...platform], maxWorkers: 2, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: "alone", include: alone, fileParallelism: false, sequence: { groupOrder: 2 } } },
      { extends: true, test: { name: "platform", include: platform, fileParallelism: false, sequence: { groupOrder: 3 } } },
    ],
  },
});

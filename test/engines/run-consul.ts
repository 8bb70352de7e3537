/** `npm run test:consul`: the registry's contract, the end-to-end suite and a cluster's fail-over on a real Consul. Arguments: test files, else all of them. */
import { buildConsul, findConsul } from "./consul.ts";
import { runTests } from "./run-tests.ts";

/** The launcher's own tests are of its processes, not of the registry. */
const suites = ["test/contract/registry.test.ts", ...["bad-input", "check-delivery", "clients", "consul", "consul-acl", "delivery", "drain", "failure", "held-back", "membership", "moves", "resume"].map((name) => `test/e2e/${name}.test.ts`)];

try {
  const bin = (await findConsul()) ?? (await buildConsul((line) => console.log(line)));
  process.exitCode = await runTests(process.argv.length > 2 ? process.argv.slice(2) : suites, { CONSUL_BIN: bin, RINGWAY_TEST_CONSUL: bin });
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

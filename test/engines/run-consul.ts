/** `npm run test:consul`: the registry's contract, the end-to-end suite and a cluster's fail-over on a real Consul. Arguments: test files, else all of them. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileCache } from "../../services/launch/node.ts";
import { buildConsul, findConsul } from "./consul.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** The launcher's own tests are of its processes, not of the registry. */
const suites = ["test/contract/registry.test.ts", ...["bad-input", "check-delivery", "clients", "consul", "delivery", "drain", "failure", "held-back", "membership", "moves", "resume"].map((name) => `test/e2e/${name}.test.ts`)];

try {
  const bin = (await findConsul()) ?? (await buildConsul((line) => console.log(line)));
  const files = process.argv.length > 2 ? process.argv.slice(2) : suites;
  const vitest = spawn(process.execPath, [join(root, "node_modules", "vitest", "vitest.mjs"), "run", ...files], { cwd: root, stdio: "inherit", env: { ...process.env, ...compileCache, CONSUL_BIN: bin, RINGWAY_TEST_CONSUL: bin } });
  vitest.on("close", (code) => (process.exitCode = code ?? 1));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

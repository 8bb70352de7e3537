/** `npm run test:postgres`: the stores' contracts and the end-to-end suite with every plane on PostgreSQL, each in a database of its own. Arguments: test files, else all of them. */
import { readdir } from "node:fs/promises";
import { findPostgres, startPostgres } from "./postgres.ts";
import { runTests } from "./run-tests.ts";

/** The end-to-end tests that say nothing of a plane on PostgreSQL. */
const leftOut: Readonly<Record<string, string>> = {
  consul: "it needs a real Consul: npm run test:consul",
  ports: "it starts no plane",
};
/** Planes that run at once, two, with four roles of which some have several processes, at 8 connections each. */
const connections = 300;

try {
  if (findPostgres() === undefined) throw new Error("PostgreSQL's binaries are missing (Debian: apt-get install postgresql; elsewhere set PG_BIN to their folder)");
  const names = (await readdir(new URL("../e2e", import.meta.url))).filter((name) => name.endsWith(".test.ts")).map((name) => name.slice(0, -".test.ts".length));
  const chosen = process.argv.slice(2);
  if (chosen.length === 0) for (const [name, why] of Object.entries(leftOut)) console.log(`Not run on PostgreSQL: test/e2e/${name}.test.ts: ${why}`);
  const suites = ["test/contract/postgres.test.ts", "test/contract/postgres-trouble.test.ts", "test/contract/store-copy.test.ts", ...names.filter((name) => !Object.hasOwn(leftOut, name)).map((name) => `test/e2e/${name}.test.ts`)];
  const server = await startPostgres({ connections });
  // Ctrl-C is Vitest's: it ends, and then all else does.
  process.on("SIGINT", () => undefined);
  try {
    process.exitCode = await runTests(chosen.length > 0 ? chosen : suites, { RINGWAY_TEST_POSTGRES: server.url });
  } finally {
    await server.stop();
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

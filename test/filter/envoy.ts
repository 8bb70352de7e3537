/** A real Envoy with the shipped configuration, for tests. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { envoyConfig, oneOfEach } from "../../services/launch/envoy-config.ts";
import { findEnvoy } from "../../services/launch/find-envoy.ts";
import { DEV_KEY } from "../../services/ring/key.ts";

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

/** `envoy.yaml` as the launcher writes it; the ports are 0, so that Envoy takes free ones. */
export async function launched(options: EnvoyOptions): Promise<{ text: string; edge: number; mesh: number; admin: number }> {
  const [edge, mesh, admin] = [0, 0, 0];
  const text = await envoyConfig(options.file ?? join(configs, "envoy.yaml"), {
    host: "127.0.0.1",
    ports: { edge, mesh, admin },
    upstreams: oneOfEach({ charm: options.charmPort, webapp: options.webappPort }, () => "127.0.0.1"),
    wasmFile: join(root, "build", "filter.wasm"),
    ringKey: DEV_KEY,
    zone: options.zone ?? "a",
  });
  return { text, edge, mesh, admin };
}

export class Envoy {
  #edge: string;
  #mesh: string;
  #admin: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  log = "";
  /** What went to its standard output: the access log, if one is configured. */
  printed = "";

  private constructor(child: ChildProcess, folder: string, ports: { edge: number; mesh: number; admin: number }) {
    this.#child = child;
    this.#folder = folder;
    this.#edge = `127.0.0.1:${ports.edge}`;
    this.#mesh = `127.0.0.1:${ports.mesh}`;
    this.#admin = `http://127.0.0.1:${ports.admin}`;
  }

  /** `ip:port` of the listener that faces clients. */
  get edge(): string {
    return this.#edge;
  }

  /** `ip:port` of the listener that faces the services. */
  get mesh(): string {
    return this.#mesh;
  }

  /** Starts Envoy with two workers and the shipped configuration, and waits until it is live. */
  static async start(options: EnvoyOptions): Promise<Envoy> {
    const { text, ...ports } = await launched(options);
    return Envoy.run(text, ports);
  }

  /**
   * Starts Envoy with a configuration and waits until it is live. Where a port in it is 0, which nobody else can have taken in the meantime, Envoy is
   * asked for the one that it got.
   * @param ports of the listeners `edge` and `mesh` where they have other names, and of admin where Envoy can't say
   */
  static async run(text: string, ports = { edge: 0, mesh: 0, admin: 0 }): Promise<Envoy> {
    const folder = await mkdtemp(join(tmpdir(), "ringway-envoy-"));
    const file = join(folder, "envoy.json");
    await writeFile(file, text);
    const args = ["-c", file, "--concurrency", "2", "--use-dynamic-base-id", "--file-flush-interval-msec", "50", "--admin-address-path", join(folder, "admin"), "-l", "warning"];
    const child = spawn(await envoyBinary(), args, { stdio: ["ignore", "pipe", "pipe"] });
    const envoy = new Envoy(child, folder, ports);
    child.stdout?.on("data", (chunk: Buffer) => (envoy.printed += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (envoy.log += chunk.toString()));
    await until(async () => {
      if (child.exitCode !== null) return true;
      envoy.#admin = `http://${await readFile(join(folder, "admin"), "utf8")}`;
      return (await fetch(`${envoy.#admin}/ready`)).ok;
    });
    if (child.exitCode !== null) throw new Error(`Envoy ended: ${envoy.log}`);
    envoy.#edge = (await envoy.#listener("edge")) ?? envoy.#edge;
    envoy.#mesh = (await envoy.#listener("mesh")) ?? envoy.#mesh;
    return envoy;
  }

  /** Where a listener listens, if there is one of this name. */
  async #listener(name: string): Promise<string | undefined> {
    const { listener_statuses } = (await (await fetch(`${this.#admin}/listeners?format=json`)).json()) as {
      listener_statuses: { name: string; local_address: { socket_address: { address: string; port_value: number } } }[];
    };
    const address = listener_statuses.find((status) => status.name === name)?.local_address.socket_address;
    return address && `${address.address}:${address.port_value}`;
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

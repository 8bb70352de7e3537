/**
 * The launcher behind `npm start`: brings a whole plane up as child processes (charm, channel, presence and gateway
 * servers, webapp, Envoy), shows what runs where, restarts what dies, and stops everything on SIGINT or SIGTERM.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readMaterial } from "../runtime/certificate.ts";
import { UsageError } from "../runtime/flags.ts";
import { ask } from "../runtime/request.ts";
import { Secret } from "../runtime/secret.ts";
import { takeIdentity, urlOf } from "../runtime/tls.ts";
import { buildPages } from "./build-pages.ts";
import { buildWasm } from "./build.ts";
import { Child, type ChildSpec } from "./child.ts";
import type { Config } from "./config.ts";
import { envoyConfig, oneOfEach } from "./envoy-config.ts";
import { writeSecretFiles, type SecretPlaces } from "./envoy-secrets.ts";
import { findEnvoy } from "./find-envoy.ts";
import { identityEnvironment, identityIn } from "./identities.ts";
import { compileCache, nodeArgs } from "./node.ts";
import { planPorts, takenPort, type Ports } from "./ports.ts";
import { pools, TOPOLOGY_KEY } from "../protocol/topology.ts";
import type { RegistryError } from "../registry/client.ts";
import { connectRegistry } from "../registry/consul.ts";
import { DEV_KEY } from "../ring/key.ts";
import type { StoreUnavailable } from "../store/log.ts";
import { checkStore } from "../store/open.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What `DATA/plane.json` holds while the plane runs. */
export interface PlaneFile {
  readonly url: string;
  readonly mesh: string;
  readonly charm: string;
  readonly pid: number;
  readonly processes: readonly { readonly name: string; readonly role: string; readonly address: string; readonly pid: number | null }[];
}

/** Somebody wanted it stopped before it was up; nothing is left running. */
export class StoppedEarly extends Error {
  override name = "StoppedEarly";
}

/** The plane could not start; the message is one line for people. */
export class LaunchError extends Error {
  override name = "LaunchError";
}

/** How long each part may take to become ready. */
const readyMs = 30_000;

/**
 * @param say prints one line for people
 * @param stopped resolves when the person wants it stopped, which may be while it starts
 * @throws LaunchError, BuildError, NoEnvoyError, UsageError, StoppedEarly
 */
export async function startPlane(config: Config, say: (line: string) => void, stopped: Promise<void>): Promise<Plane> {
  const data = resolve(config.data);
  const ports = planPorts(config.port, config);
  const ringKey = config.ringKey === "" ? DEV_KEY : config.ringKey;
  const operatorToken = config.operatorToken.current() === "" ? Secret.given(randomBytes(16).toString("hex")) : config.operatorToken;
  namingTls(() => takeIdentity(identityIn(config.tls, "operator"), "operator"));
  const services = [...serviceSpecs(config, ports, data, ringKey), consoleSpec(config, ports, data, ringKey, operatorToken)];
  if (config.tls !== "") namingTls(() => services.forEach(({ name, role }) => readMaterial(identityIn(config.tls, name), role)));
  await mkdir(join(data, "logs"), { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new LaunchError(`the folder ${data} cannot be made (${error.code}); choose another --data`);
  });
  await refuseSecondPlane(data);
  const taken = await takenPort(config.host, ports);
  if (taken !== undefined) throw new LaunchError(`port ${taken.port} on ${config.host} cannot be used (${taken.reason}); choose another --port: all ports derive from it`);
  await checkStore(config).catch((error: StoreUnavailable) => Promise.reject(new LaunchError(error.message)));
  if (config.registryUrl !== "") await connectRegistry(config.registryUrl, { token: config.registryToken }).get(TOPOLOGY_KEY).catch((error: RegistryError) => Promise.reject(new LaunchError(error.message)));
  const early = new AbortController();
  void stopped.then(() => early.abort());
  const unlessStopped = <T>(work: Promise<T>): Promise<T> => work.catch((error: unknown) => Promise.reject(early.signal.aborted ? new StoppedEarly() : error));
  await unlessStopped(buildWasm(say, early.signal));
  await unlessStopped(buildPages(say));
  const secrets = await envoySecrets(config, data);
  const envoy = await unlessStopped(findEnvoy(join(root, ".cache", "envoy"), say, early.signal));
  const wasmFile = join(root, "build", "filter.wasm");
  const envoyFile = join(data, "envoy.json");
  await writeFile(envoyFile, await envoyConfig(join(root, "envoy", "envoy.yaml"), { host: config.host, ports, upstreams: oneOfEach(ports, () => config.host), wasmFile, ringKey, zone: "local", secrets, ...(config.registryUrl === "" ? {} : { registry: hostAndPort(config.registryUrl) }) }));

  if (early.signal.aborted) throw new StoppedEarly();
  const plane = new Plane(data, config, ports, operatorToken, say);
  void stopped.then(() => plane.stop());
  try {
    await plane.start(services, envoySpec(envoy, envoyFile, config, data, ports));
  } catch (error) {
    await plane.stop();
    throw error;
  }
  return plane;
}

export class Plane {
  readonly #data: string;
  readonly #config: Config;
  readonly #ports: Ports;
  readonly #operatorToken: Secret;
  readonly #say: (line: string) => void;
  readonly #children: Child[] = [];
  #writing: Promise<void> = Promise.resolve();
  #stop: Promise<void> | undefined;

  constructor(data: string, config: Config, ports: Ports, operatorToken: Secret, say: (line: string) => void) {
    this.#data = data;
    this.#config = config;
    this.#ports = ports;
    this.#operatorToken = operatorToken;
    this.#say = say;
  }

  get url(): string {
    return this.#at("edge");
  }

  /** The console's page, with the token in the fragment, which a browser sends to nobody. */
  get consoleUrl(): string {
    return `${this.#at("console")}/console#token=${encodeURIComponent(this.#operatorToken.current())}`;
  }

  #at(part: "edge" | "mesh" | "admin" | "charm" | "console"): string {
    return urlOf(`${this.#config.host}:${this.#ports[part]}`);
  }

  async start(services: readonly ChildSpec[], envoy: ChildSpec): Promise<void> {
    const [charm, ...rest] = services as [ChildSpec, ...ChildSpec[]];
    this.#say("Starting charm (ring manager and registry)");
    this.#launch(charm);
    await this.#ready(charm);
    this.#say(`Starting ${rest.map((spec) => spec.name).join(", ")} and Envoy`);
    for (const spec of [...rest, envoy]) this.#launch(spec);
    for (const spec of rest) await this.#ready(spec);
    this.#say("Waiting for the ring to reach Envoy");
    // What clients see of TLS may be of a CA that this process does not know: then Envoy itself says that it listens.
    const edge = this.#config.tls === "" ? `${this.url}/api/api.test` : `http://${this.#config.host}:${this.#ports.admin}/ready`;
    await this.#until("Envoy's edge", async () => (await ask(edge, { timeoutMs: 1_000 })).status === 200);
    const mesh = this.#at("mesh");
    const topology = `${this.#at("charm")}/v1/charm/topology`;
    const inRing = rest.filter(({ role }) => pools.some((pool) => pool === role));
    await this.#until("the whole ring", async () => countServers((await ask(topology, { timeoutMs: 1_000 })).json) >= inRing.length);
    const status = `${this.#at("charm")}/v1/charm/status`;
    await this.#until("everybody's share of it", async () => ((await ask(status, { timeoutMs: 1_000 })).json as { rebalance?: unknown }).rebalance === null);
    await this.#until("the ring in Envoy", async () => (await ask(`${mesh}/v1/channels/C0GENERAL`, { timeoutMs: 1_000 })).status === 200);
    await this.#until("presence behind Envoy", async () => (await ask(`${mesh}/v1/presence/users/U0ADA`, { timeoutMs: 1_000 })).status === 200);
    await this.#writing;
  }

  /** The lines that a person sees when it is up. */
  table(): string[] {
    const rows = this.#children.map((child) => [child.spec.name, child.spec.address, String(child.pid ?? "-")] as const);
    const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
    return rows.map((row) => `  ${row[0].padEnd(width(0))}  ${row[1].padEnd(width(1))}  ${row[2]}`);
  }

  /** Gateways first (they say goodbye), then Envoy, the rest, charm last. */
  stop(): Promise<void> {
    return (this.#stop ??= this.#stopAll());
  }

  async #stopAll(): Promise<void> {
    for (const roles of [["gateway"], ["envoy"], ["webapp", "channel", "presence", "console"], ["charm"]]) {
      await Promise.all(this.#children.filter((child) => roles.includes(child.spec.role)).map((child) => child.stop(8_000)));
    }
    await this.#writing;
    await rm(join(this.#data, "plane.json"), { force: true });
  }

  #launch(spec: ChildSpec): void {
    const child = new Child(spec, (line) => {
      if (line !== undefined) this.#say(line);
      this.#writing = this.#writing.then(() => this.#write());
    });
    this.#children.push(child);
    child.start();
  }

  async #write(): Promise<void> {
    if (this.#stop !== undefined) return;
    const file: PlaneFile = {
      url: this.url,
      mesh: this.#at("mesh"),
      charm: this.#at("charm"),
      pid: process.pid,
      processes: this.#children.map(({ spec, pid }) => ({ name: spec.name, role: spec.role, address: spec.address, pid: pid ?? null })),
    };
    const path = join(this.#data, "plane.json");
    await writeFile(`${path}.new`, JSON.stringify(file, null, 1));
    await rename(`${path}.new`, path);
  }

  #ready(spec: ChildSpec): Promise<void> {
    return this.#until(spec.name, async () => (await ask(`${urlOf(spec.address)}/readyz`, { timeoutMs: 1_000 })).status === 200, spec.logFile);
  }

  async #until(what: string, holds: () => Promise<boolean>, logFile?: string): Promise<void> {
    const deadline = Date.now() + readyMs;
    while (!(await holds().catch(() => false))) {
      if (this.#stop !== undefined) throw new StoppedEarly();
      if (Date.now() > deadline) throw new LaunchError(`${what} was not ready within ${readyMs / 1_000} s; see ${logFile ?? join(this.#data, "logs")}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

/** Servers that the ring has and that are up; draining ones stay so over a restart. */
function countServers(topology: unknown): number {
  const all = (topology as { pools?: Record<string, { servers?: { state: string }[] }> } | undefined)?.pools ?? {};
  return Object.values(all).reduce((sum, pool) => sum + (pool.servers?.filter((server) => server.state !== "down").length ?? 0), 0);
}

/** Where a plane is that is not in one place. */
export interface Places {
  /** address of a process by its name */
  readonly hostOf: (name: string) => string;
  /** of a registry that is not charm's own */
  readonly registryUrl?: string;
  /** `host:port` of the mesh listener that a process speaks to, where there are several Envoys */
  readonly meshOf?: (name: string) => string;
  /** zone of a process */
  readonly zoneOf?: (name: string) => string;
}

export function serviceSpecs(config: Config, ports: Ports, data: string, ringKey: string, places: Places = { hostOf: () => config.host }): ChildSpec[] {
  const { hostOf, registryUrl = config.registryUrl || undefined, meshOf = () => `${hostOf("envoy")}:${ports.mesh}`, zoneOf } = places;
  const registry = ["--registry-url", registryUrl ?? urlOf(`${hostOf("charm")}:${ports.charm}`)];
  const mesh = (name: string): string[] => ["--mesh-url", urlOf(meshOf(name))];
  const store = ["--data", join(data, "store")];
  const level = ["--log-level", config.logLevel];
  const spec = (role: string, name: string, port: number, args: readonly string[]): ChildSpec => ({
    name,
    role,
    address: `${hostOf(name)}:${port}`,
    command: process.execPath,
    args: nodeArgs(role, ["--listen", `${hostOf(name)}:${port}`, ...args, ...level]),
    // Here and not in the arguments, which everybody sees: a key, and what may hold a password.
    env: { RINGWAY_RING_KEY: ringKey, RINGWAY_STORE: config.store, ...config.registryToken.environment("CONSUL_HTTP_TOKEN"), ...identityEnvironment(identityIn(config.tls, name)), ...compileCache },
    logFile: join(data, "logs", `${name}.log`),
  });
  const server = (role: string, name: string, port: number, more: readonly string[] = []): ChildSpec =>
    spec(role, name, port, ["--id", name, ...(zoneOf === undefined ? [] : ["--zone", zoneOf(name)]), ...registry, ...mesh(name), ...more]);
  return [
    spec("charm", "charm", ports.charm, ["--data", join(data, "charm"), ...(registryUrl === undefined ? [] : registry)]),
    spec("webapp", "webapp", ports.webapp, ["--dev", ...(config.chat === "on" ? ["--chat"] : []), ...registry, ...mesh("webapp"), ...store]),
    ...ports.channel.map((port, i) => server("channel", `cs-${i}`, port, store)),
    ...ports.presence.map((port, i) => server("presence", `ps-${i}`, port)),
    ...ports.gateway.map((port, i) => server("gateway", `gw-${i}`, port)),
  ];
}

/** A process's files have no flags of their own here. @throws UsageError that names --tls where `work` throws one that names theirs */
function namingTls(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(error.message.replace(/^--tls-[a-z-]+/, "--tls")) : error;
  }
}

/** Envoy's certificates and token, as it takes them: by files. */
async function envoySecrets(config: Config, data: string): Promise<SecretPlaces> {
  const tls = config.tls === "" ? {} : { tls: resolve(config.tls) };
  let token = config.registryToken.file;
  if (token === undefined && config.registryToken.current() !== "") {
    await writeFile((token = join(data, "registry-token")), config.registryToken.current(), { mode: 0o600 });
  }
  const places = { sds: join(data, "sds"), ...tls, ...(token === undefined ? {} : { registryToken: resolve(token) }) };
  await writeSecretFiles(places);
  return places;
}

function hostAndPort(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** Not among the others: benches and trials run without it. */
function consoleSpec(config: Config, ports: Ports, data: string, ringKey: string, operatorToken: Secret): ChildSpec {
  const at = (port: number): string => `${config.host}:${port}`;
  const address = at(ports.console);
  return {
    name: "console",
    role: "console",
    address,
    command: process.execPath,
    args: nodeArgs("console", ["--listen", address, "--charm-url", urlOf(at(ports.charm)), "--mesh-url", urlOf(at(ports.mesh)), "--envoy-admin-urls", `http://${at(ports.admin)}`, "--log-level", config.logLevel]),
    env: { RINGWAY_RING_KEY: ringKey, ...operatorToken.environment("RINGWAY_OPERATOR_TOKEN"), ...identityEnvironment(identityIn(config.tls, "console")), ...compileCache },
    logFile: join(data, "logs", "console.log"),
  };
}

function envoySpec(command: string, file: string, config: Config, data: string, ports: Ports): ChildSpec {
  return {
    name: "envoy",
    role: "envoy",
    address: `${config.host}:${ports.edge}`,
    command,
    // Hot restart shares memory between Envoys of one base ID: two planes on a machine would meet there.
    args: ["-c", file, "--disable-hot-restart", "--concurrency", String(config.concurrency), "--log-level", "warning"],
    logFile: join(data, "logs", "envoy.log"),
  };
}

async function refuseSecondPlane(data: string): Promise<void> {
  const text = await readFile(join(data, "plane.json"), "utf8").catch(() => undefined);
  if (text === undefined) return;
  let pid: number | undefined;
  try {
    pid = (JSON.parse(text) as PlaneFile).pid;
    process.kill(pid, 0);
  } catch {
    return; // left by a launcher that was killed
  }
  throw new UsageError(`a plane already runs with --data ${data} (pid ${pid}); choose another folder, or stop it`);
}

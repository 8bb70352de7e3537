/** A plane of several sites, each with an Envoy of its own; its processes can be hurt one by one, and with a network of their own whole sites be cut off. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildWasm } from "../../services/launch/build.ts";
import { readConfig } from "../../services/launch/config.ts";
import { envoyConfig, oneOfEach } from "../../services/launch/envoy-config.ts";
import { findEnvoy } from "../../services/launch/find-envoy.ts";
import { serviceSpecs } from "../../services/launch/plane.ts";
import { planPorts, type Ports } from "../../services/launch/ports.ts";
import { pools, type Topology } from "../../services/protocol/topology.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import { ask } from "../../services/runtime/request.ts";
import { Net } from "../chaos/net.ts";
import { Proc } from "../chaos/proc.ts";
import { freePorts } from "../e2e/ports.ts";
import { until } from "../e2e/wait.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const readyMs = 60_000;
/** Where each site's Envoy has its ports, from the plane's first one. */
const envoyPorts = { from: 30, each: 3 };

export interface Site {
  /** the zone of its servers and of its Envoy */
  readonly zone: string;
  /** what is there besides Envoy: `charm`, `webapp`, `cs-N`, `ps-N`, `gw-N` */
  readonly names: readonly string[];
}

export interface HostsOptions {
  /** folder for stores and logs */
  readonly data: string;
  readonly sites: readonly Site[];
  /** each process in a network namespace of its own; sites are joined by cables, or by whoever calls */
  readonly network: "one" | "cabled" | "apart";
  /** joins sites that are apart, before anything starts */
  readonly join?: () => Promise<void>;
  /** for every process */
  readonly env?: Readonly<Record<string, string>>;
  say(line: string): void;
}

export class HostsPlane {
  readonly #options: HostsOptions;
  readonly #procs = new Map<string, Proc>();
  readonly #siteOf: ReadonlyMap<string, Site>;
  readonly #ports: Ports;
  #net: Net | undefined;

  private constructor(options: HostsOptions, ports: Ports, net: Net | undefined) {
    this.#options = options;
    this.#siteOf = new Map(options.sites.flatMap((site) => [...site.names, envoyOf(site)].map((name) => [name, site] as const)));
    this.#ports = ports;
    this.#net = net;
  }

  /** @throws where it was not whole in time; nothing is left running then */
  static async start(options: HostsOptions): Promise<HostsPlane> {
    const all = options.sites.flatMap(({ names }) => names);
    const count = (prefix: string): number => all.filter((name) => name.startsWith(prefix)).length;
    const sizes = { channels: count("cs-"), presences: count("ps-"), gateways: count("gw-") };
    const net = options.network === "one" ? undefined : await Net.create(options.sites.map((site) => [...site.names, envoyOf(site)]), options.network === "cabled");
    const plane = new HostsPlane(options, planPorts(await freePorts(envoyPorts.from + envoyPorts.each * options.sites.length), sizes), net);
    try {
      await plane.#start(sizes);
    } catch (error) {
      options.say(await plane.logs(20));
      await plane.stop();
      throw error;
    }
    return plane;
  }

  get net(): Net {
    if (this.#net === undefined) throw new Error("the processes of this plane share one network");
    return this.#net;
  }

  /** The edge of a zone's Envoy. */
  url(zone: string): string {
    return `http://${this.#hostOf(`envoy-${zone}`)}:${this.#envoyPort(zone)}`;
  }

  get charm(): string {
    return `http://${this.#hostOf("charm")}:${this.#ports.charm}`;
  }

  proc(name: string): Proc {
    const proc = this.#procs.get(name);
    if (proc === undefined) throw new Error(`there is no ${name}`);
    return proc;
  }

  gateways(zone: string): string[] {
    return [...this.#siteOf].filter(([name, site]) => site.zone === zone && name.startsWith("gw-")).map(([name]) => name);
  }

  async topology(): Promise<Topology> {
    return (await ask(`${this.charm}/v1/charm/topology`, { timeoutMs: 1_000 })).json as Topology;
  }

  /** Asks a process's own door. */
  async status(name: string): Promise<Readonly<Record<string, unknown>>> {
    return (await ask(`http://${this.proc(name).spec.address}/v1/status`, { timeoutMs: 1_000 })).json as Readonly<Record<string, unknown>>;
  }

  /** Waits until all processes are ready, all servers are up in the ring and no slot is on its way. @throws Error naming what is missing */
  async whole(withinMs = readyMs): Promise<void> {
    let missing = "";
    await until("the plane to be whole", async () => (missing = await this.#missing()) === "", withinMs, 50).catch((error: Error) => {
      throw new Error(`the plane was not whole within ${withinMs / 1_000} s: ${missing || String(error.cause)}`);
    });
  }

  async stop(): Promise<void> {
    const rank = (name: string): number => ["gw-", "envoy-", "webapp", "cs-", "ps-", "charm"].findIndex((prefix) => name.startsWith(prefix));
    for (const group of Map.groupBy([...this.#procs.keys()].sort((a, b) => rank(a) - rank(b)), rank).values()) await Promise.all(group.map((name) => this.proc(name).stop(5_000)));
    await this.#net?.stop();
  }

  /** The last lines of every log. */
  async logs(lines: number): Promise<string> {
    return (await Promise.all([...this.#procs.values()].map((proc) => proc.tail(lines)))).join("\n");
  }

  async #start(sizes: { readonly channels: number; readonly presences: number; readonly gateways: number }): Promise<void> {
    const { data, sites, say, env, join: joinSites } = this.#options;
    await joinSites?.();
    await mkdir(join(data, "logs"), { recursive: true });
    await buildWasm(say);
    const envoy = await findEnvoy(join(root, ".cache", "envoy"), say);
    const flags = Object.entries({ port: this.#ports.edge, data, chat: "off", ...sizes }).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const places = { hostOf: (name: string) => this.#hostOf(name), zoneOf: (name: string) => this.#site(name).zone, meshOf: (name: string) => this.#meshOf(this.#site(name)) };
    for (const spec of serviceSpecs(readConfig(flags), this.#ports, data, DEV_KEY, places)) this.#procs.set(spec.name, this.#placed(new Proc({ ...spec, env: { ...spec.env, ...env } })));
    for (const site of sites) this.#procs.set(envoyOf(site), await this.#envoy(site, envoy));
    this.proc("charm").start();
    await until("charm to be ready", () => this.proc("charm").isReady(), readyMs, 50);
    for (const [name, proc] of this.#procs) if (name !== "charm") proc.start();
    await this.whole();
  }

  #placed(proc: Proc): Proc {
    if (this.#net === undefined) return proc;
    const [command, args] = this.#net.wrap(proc.spec.name, proc.spec.command, proc.spec.args);
    return new Proc({ ...proc.spec, command, args });
  }

  async #envoy(site: Site, command: string): Promise<Proc> {
    const { data } = this.#options;
    const name = envoyOf(site);
    const edge = this.#envoyPort(site.zone);
    const ports = { ...this.#ports, edge, mesh: edge + 1, admin: edge + 2 };
    const file = join(data, `${name}.json`);
    await writeFile(file, await envoyConfig(join(root, "envoy", "envoy.yaml"), { host: this.#hostOf(name), ports, wasmFile: join(root, "build", "filter.wasm"), ringKey: DEV_KEY, zone: site.zone, upstreams: oneOfEach(ports, (one) => this.#hostOf(one)) }));
    const args = ["-c", file, "--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"];
    return this.#placed(new Proc({ name, role: "envoy", address: `${this.#hostOf(name)}:${edge}`, command, args, logFile: join(data, "logs", `${name}.log`) }));
  }

  #hostOf(name: string): string {
    return this.#net?.hostOf(name) ?? "127.0.0.1";
  }

  #site(name: string): Site {
    const site = this.#siteOf.get(name);
    if (site === undefined) throw new Error(`${name} is at no site`);
    return site;
  }

  #envoyPort(zone: string): number {
    return this.#ports.edge + envoyPorts.from + envoyPorts.each * this.#options.sites.findIndex((site) => site.zone === zone);
  }

  #meshOf(site: Site): string {
    return `${this.#hostOf(envoyOf(site))}:${this.#envoyPort(site.zone) + 1}`;
  }

  /** @returns what is not as it should be; "" for nothing */
  async #missing(): Promise<string> {
    for (const [name, proc] of this.#procs) {
      if (!proc.isRunning) return `${name} does not run`;
      if (!name.startsWith("envoy-") && !(await proc.isReady().catch(() => false))) return `${name} is not ready`;
    }
    const topology = await this.topology();
    const servers = pools.flatMap((pool) => topology.pools[pool].servers);
    for (const name of this.#procs.keys()) {
      if (!/^(cs|ps|gw)-/.test(name)) continue;
      const server = servers.find(({ id }) => id === name);
      if (server?.state !== "up" || server.weight !== 100) return `${name} is ${server?.state ?? "not"} in the ring, weight ${server?.weight ?? 0}`;
    }
    const { rebalance } = (await ask(`${this.charm}/v1/charm/status`, { timeoutMs: 1_000 })).json as { readonly rebalance: unknown };
    if (rebalance !== null) return "slots are on their way";
    for (const site of this.#options.sites) {
      for (const url of [`${this.url(site.zone)}/api/api.test`, `http://${this.#meshOf(site)}/v1/channels/C0GENERAL`, `http://${this.#meshOf(site)}/v1/presence/users/U0ADA`]) {
        const answer = await ask(url, { timeoutMs: 2_000 }).catch(() => undefined);
        if (answer?.status !== 200) return `${url} does not answer`;
      }
    }
    return "";
  }
}

function envoyOf({ zone }: Site): string {
  return `envoy-${zone}`;
}

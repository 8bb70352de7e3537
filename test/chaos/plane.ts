/** A whole plane whose processes can be hurt one by one: the launcher's own, with nobody who starts them again, and with the registry outside of charm. */
import { mkdir, open, rm, statfs, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { buildWasm } from "../../services/launch/build.ts";
import type { ChildSpec } from "../../services/launch/child.ts";
import { readConfig } from "../../services/launch/config.ts";
import { envoyConfig, oneOfEach } from "../../services/launch/envoy-config.ts";
import { findEnvoy } from "../../services/launch/find-envoy.ts";
import { serviceSpecs } from "../../services/launch/plane.ts";
import { planPorts, type Ports } from "../../services/launch/ports.ts";
import type { Topology } from "../../services/protocol/topology.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import { ask } from "../../services/runtime/request.ts";
import { openDirectory } from "../../services/store/open.ts";
import { issueToken } from "../../services/webapp/tokens.ts";
import { freePorts } from "../e2e/ports.ts";
import { until } from "../e2e/wait.ts";
import type { Attendee } from "./attendance.ts";
import { isInside } from "./namespaces.ts";
import { Net } from "./net.ts";
import { Proc } from "./proc.ts";

const exec = promisify(execFile);
export const root = fileURLToPath(new URL("../../", import.meta.url));
const sizes = { channels: 3, gateways: 2, presences: 2 };
const names = { channel: ["cs-0", "cs-1", "cs-2"], presence: ["ps-0", "ps-1"], gateway: ["gw-0", "gw-1"] } as const;
const readyMs = 60_000;
/** Its port, from the edge's; services/launch/ports.ts leaves it free. */
const registryOffset = 5;
/** Envoys of one base ID know each other; it also names what they share in /dev/shm. */
const baseId = String(process.pid);

export interface PlaneOptions {
  readonly data: string;
  readonly store: string;
  /** each process in a network namespace of its own */
  readonly cuttable: boolean;
  /** the store's folder on a disk in memory, that can be filled: its size, MiB */
  readonly diskMiB: number | undefined;
  /** names of users that it has besides those of development */
  readonly people: readonly string[];
  say(line: string): void;
}

export class ChaosPlane {
  readonly #options: PlaneOptions;
  readonly #procs = new Map<string, Proc>();
  /** `PlaneOptions.people`, once it is started */
  people: readonly Attendee[] = [];
  #net: Net | undefined;
  #ports!: Ports;
  #envoy!: { readonly spec: ChildSpec; epoch: number; readonly retired: Proc[] };

  constructor(options: PlaneOptions) {
    this.#options = options;
  }

  static readonly names = names;

  get net(): Net {
    if (this.#net === undefined) throw new Error("the processes of this plane share one network");
    return this.#net;
  }

  get url(): string {
    return `http://${this.#hostOf("envoy")}:${this.#ports.edge}`;
  }

  async start(): Promise<void> {
    const { data, store, say } = this.#options;
    await mkdir(join(data, "logs"), { recursive: true });
    await mkdir(join(data, "store"), { recursive: true });
    await mkdir(join(data, "skew"), { recursive: true });
    if (this.#options.diskMiB !== undefined) await exec("mount", ["-t", "tmpfs", "-o", `size=${this.#options.diskMiB}m`, "tmpfs", join(data, "store")]);
    this.people = await this.#invite(this.#options.people);
    const all = ["envoy", "registry", "charm", "webapp", ...Object.values(names).flat()];
    if (this.#options.cuttable) this.#net = await Net.create([all]);
    const port = isInside ? 8080 : await freePorts(40);
    const config = readConfig(["--port", String(port), "--data", data, "--store", store, "--channels", String(sizes.channels), "--gateways", String(sizes.gateways), "--presences", String(sizes.presences)]);
    this.#ports = planPorts(port, sizes);
    await buildWasm(say);
    const envoy = await findEnvoy(join(root, ".cache", "envoy"), say);
    const registry = this.#registrySpec(config.port + registryOffset);
    const services = serviceSpecs(config, this.#ports, data, DEV_KEY, { hostOf: (name) => this.#hostOf(name), registryUrl: `http://${registry.address}` });
    for (const spec of [registry, ...services]) this.#procs.set(spec.name, new Proc(this.#placed(this.#skewed(spec))));
    const file = join(data, "envoy.json");
    await writeFile(file, await this.#envoyConfig(config.port + registryOffset));
    const args = ["-c", file, "--base-id", baseId, "--concurrency", "2", "--log-level", "warning", "--drain-time-s", "2", "--parent-shutdown-time-s", "3", "--drain-strategy", "immediate"];
    const spec = this.#placed({ name: "envoy", role: "envoy", address: `${this.#hostOf("envoy")}:${this.#ports.edge}`, command: envoy, args, logFile: join(data, "logs", "envoy.log") });
    this.#envoy = { spec, epoch: 0, retired: [] };
    for (const first of ["registry", "charm"]) {
      this.proc(first).start();
      await this.#ready(first);
    }
    for (const [name, proc] of this.#procs) if (name !== "registry" && name !== "charm") proc.start();
    this.#startEnvoy();
    await this.whole(readyMs);
  }

  proc(name: string): Proc {
    const proc = this.#procs.get(name);
    if (proc === undefined) throw new Error(`there is no ${name}`);
    return proc;
  }

  /** Takes a server out of the ring, and waits until it owns nothing there. */
  async drained(server: string): Promise<void> {
    await this.drain(server, true);
    await until(`${server} to be drained`, async () => {
      const { pools } = await this.topology();
      return [...pools.channel.servers, ...pools.gateway.servers].some(({ id, state }) => id === server && state === "draining");
    }, readyMs);
  }

  /** Starts what was ended. */
  startAgain(name: string): void {
    this.proc(name).start();
  }

  /** A new Envoy takes the listeners over from the old one, which drains and ends. */
  async hotRestart(): Promise<void> {
    const old = this.proc("envoy");
    this.#envoy.retired.push(old);
    this.#envoy.epoch++;
    this.#startEnvoy();
    await old.ended();
  }

  /** processes that ended though nobody ended them, so far */
  endedByThemselves = 0;

  async drain(server: string, on: boolean): Promise<void> {
    const answer = await ask(`${this.#charm}/v1/charm/servers/${server}`, { method: "PUT", body: { drain: on } });
    if (answer.status !== 200) throw new Error(`charm refused to drain ${server}: ${answer.status} ${answer.bytes.toString("utf8")}`);
  }

  /** @param ms how far a process's wall clock is off from now on */
  async setClock(server: string, ms: number): Promise<void> {
    await writeFile(join(this.#options.data, "skew", server), String(ms));
  }

  /**
   * Has the kernel refuse every further page to those who share the embedded store (EFBIG), or takes that back. Their logs are pipes. The first two
   * pages may be written: a commit that fails between its pages and the one that makes them count is more than a store that is down.
   */
  async refuseWrites(on: boolean): Promise<void> {
    for (const name of ["webapp", ...names.channel]) {
      // lmdb's native part may end a process whose write failed (docs/decisions/0013).
      if (!this.proc(name).isRunning) {
        this.#options.say(`${name} had ended by itself, and is started again`);
        this.endedByThemselves++;
        this.startAgain(name);
      } else await exec("prlimit", ["--pid", String(this.proc(name).pid), `--fsize=${on ? 8_192 : "unlimited"}:unlimited`]);
    }
  }

  /** Fills the store's disk to the last byte. */
  async fillDisk(): Promise<void> {
    const { bavail, bsize } = await statfs(join(this.#options.data, "store"));
    const chunk = Buffer.alloc(Math.min(bavail * bsize, 16 * 1024 * 1024));
    const file = await open(this.#ballast, "w");
    try {
      for (;;) await file.writeFile(chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      await file.close();
    }
  }

  async freeDisk(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  /**
   * Waits until nothing is under repair: all processes answer, all servers are up in the ring with all of their weight, and the ring has come to rest.
   * @throws Error naming what is missing
   */
  async whole(withinMs: number): Promise<void> {
    let missing = "";
    const isWhole = async (): Promise<boolean> => (missing = await this.#missing()) === "";
    let epoch = -1;
    let since = 0;
    await until("the plane to be whole", async () => {
      if (!(await isWhole())) {
        since = 0;
        return false;
      }
      const now = (await this.topology()).epoch;
      if (since === 0 || now !== epoch) [epoch, since] = [now, performance.now()];
      // Steps of one rebalance follow each other faster than this.
      return performance.now() - since > 300;
    }, withinMs, 50).catch(() => {
      throw new Error(`the plane was not whole within ${withinMs / 1_000} s: ${missing || "its ring did not come to rest"}`);
    });
  }

  async topology(): Promise<Topology> {
    return (await ask(`${this.#charm}/v1/charm/topology`, { timeoutMs: 1_000 })).json as Topology;
  }

  async stop(): Promise<void> {
    const order = [...names.gateway, "envoy", "webapp", ...names.channel, ...names.presence, "charm", "registry"];
    for (const proc of this.#envoy?.retired ?? []) await proc.stop(2_000);
    for (const name of order) await this.#procs.get(name)?.stop(5_000);
    await this.#net?.stop();
    if (!isInside) await rm(`/dev/shm/envoy_shared_memory_${baseId}0`, { force: true });
    if (this.#options.diskMiB !== undefined) await exec("umount", ["-l", join(this.#options.data, "store")]);
  }

  /** Before anybody else has the store's folder. */
  async #invite(names: readonly string[]): Promise<Attendee[]> {
    const directory = openDirectory({ store: this.#options.store, data: join(this.#options.data, "store"), storeConnections: 3, storeStuckKillMs: 0 });
    try {
      const people: Attendee[] = [];
      for (const name of names) {
        const { token, user } = await issueToken(directory, { name }, Date.now());
        people.push({ token, user: user.id });
      }
      return people;
    } finally {
      await directory.close();
    }
  }

  get #charm(): string {
    return `http://${this.#hostOf("charm")}:${this.#ports.charm}`;
  }

  get #ballast(): string {
    return join(this.#options.data, "store", "ballast");
  }

  #hostOf(name: string): string {
    return this.#net?.hostOf(name) ?? "127.0.0.1";
  }

  #startEnvoy(): void {
    const proc = new Proc(this.#envoy.spec);
    this.#procs.set("envoy", proc);
    proc.start([...this.#envoy.spec.args, "--restart-epoch", String(this.#envoy.epoch)]);
  }

  #skewed(spec: ChildSpec): ChildSpec {
    return { ...spec, args: ["--import", fileURLToPath(new URL("skew.ts", import.meta.url)), ...spec.args], env: { ...spec.env, RINGWAY_CHAOS_SKEW: join(this.#options.data, "skew", spec.name) } };
  }

  #registrySpec(port: number): ChildSpec {
    const { data } = this.#options;
    const address = `${this.#hostOf("registry")}:${port}`;
    return { name: "registry", role: "registry", address, command: process.execPath, args: [fileURLToPath(new URL("registry.ts", import.meta.url)), "--listen", address, "--data", join(data, "charm")], logFile: join(data, "logs", "registry.log") };
  }

  #placed(spec: ChildSpec): ChildSpec {
    if (this.#net === undefined) return spec;
    const [command, args] = this.#net.wrap(spec.name, spec.command, spec.args);
    return { ...spec, command, args };
  }

  #envoyConfig(registryPort: number): Promise<string> {
    const registry = { host: this.#hostOf("registry"), port: registryPort };
    return envoyConfig(join(root, "envoy", "envoy.yaml"), { host: this.#hostOf("envoy"), ports: this.#ports, wasmFile: join(root, "build", "filter.wasm"), ringKey: DEV_KEY, zone: "local", upstreams: oneOfEach(this.#ports, (name) => this.#hostOf(name)), registry });
  }

  async #ready(name: string): Promise<void> {
    await until(`${name} to be ready`, () => this.proc(name).isReady(), readyMs, 50);
  }

  /** @returns what is not as it should be; "" for nothing */
  async #missing(): Promise<string> {
    for (const [name, proc] of this.#procs) {
      if (!proc.isRunning) return `${name} does not run`;
      if (name !== "envoy" && !(await proc.isReady().catch(() => false))) return `${name} is not ready`;
    }
    const status = (await ask(`${this.#charm}/v1/charm/status`, { timeoutMs: 1_000 })).json as { readonly pools: Record<string, { readonly passing: number }> };
    const topology = await this.topology();
    for (const [pool, members] of Object.entries(names)) {
      if (status.pools[pool]?.passing !== members.length) return `${pool}: ${status.pools[pool]?.passing} pass their checks`;
      for (const id of members) {
        const server = topology.pools[pool as keyof typeof names].servers.find((one) => one.id === id);
        if (server?.state !== "up" || server.weight !== 100) return `${id} is ${server?.state ?? "not"} in the ring, weight ${server?.weight ?? 0}`;
      }
    }
    if ((await ask(`${this.url}/api/api.test`, { timeoutMs: 1_000 })).status !== 200) return "Envoy's edge does not answer";
    return "";
  }

  /** The last lines of every log. */
  async logs(lines: number): Promise<string> {
    const tails = [...this.#procs.values()].map((proc) => proc.tail(lines));
    return (await Promise.all(tails)).join("\n");
  }
}

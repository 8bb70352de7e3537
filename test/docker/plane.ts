/** The plane of compose.yaml under a project name of its own, and means to hurt it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pools, type Pool } from "../../services/protocol/topology.ts";
import { ask } from "../../services/runtime/request.ts";
import type { CharmStatus } from "../e2e/operate.ts";
import { freePorts } from "../e2e/ports.ts";
import { until } from "../e2e/wait.ts";
import { composeCommand, containersOf, docker, must, run } from "./docker.ts";
import type { Images } from "./images.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const upMs = 180_000;
const stopSeconds = 15;

/** Servers of each pool in compose.yaml. */
export const members: Readonly<Record<Pool, readonly string[]>> = { channel: ["cs-0", "cs-1", "cs-2"], presence: ["ps-0", "ps-1"], gateway: ["gw-0", "gw-1", "gw-2", "gw-3"] };
export const charms = ["charm-0", "charm-1"] as const;

interface Container {
  readonly id: string;
  readonly address: string;
  readonly running: boolean;
  readonly exitCode: number;
  readonly health: string;
}

export interface Stopped {
  readonly code: number;
  readonly ms: number;
}

export class ComposePlane {
  readonly project: string;
  /** edge of zone a's Envoy, as its clients reach it */
  readonly url: string;
  readonly #compose: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #secrets: string;
  #ids: ReadonlyMap<string, string> = new Map();
  readonly #cut = new Map<string, string>();

  private constructor(compose: readonly string[], project: string, env: Readonly<Record<string, string>>, secrets: string, port: number) {
    this.project = project;
    this.#compose = [...compose, "--project-name", project, "--project-directory", root, "--file", join(root, "compose.yaml"), "--file", join(root, "test", "docker", "subnet.yaml")];
    this.#env = env;
    this.#secrets = secrets;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Brings it up, with demo users, and waits until all of it is healthy. @throws Error with what its containers said where it is not in time; nothing is left then */
  static async up(images: Images, say: (line: string) => void): Promise<ComposePlane> {
    const secrets = await mkdtemp(join(tmpdir(), "ringway-secrets-"));
    await must([join(root, "docker", "make-secrets.sh"), secrets]);
    const port = await freePorts(2);
    const env = { ...images, RINGWAY_SECRETS: secrets, RINGWAY_EDGE_A: `127.0.0.1:${port}`, RINGWAY_EDGE_B: `127.0.0.1:${port + 1}`, RINGWAY_WEBAPP_FLAGS: "--dev" };
    const compose = await composeCommand();
    const plane = new ComposePlane(compose, `ringway-test-${process.pid}`, env, secrets, port);
    try {
      say(`${compose.join(" ")} up, as ${plane.project}`);
      await must([...plane.#compose, "up", ...(compose.length > 1 ? ["--wait"] : ["-d"])], env);
      plane.#ids = await containersOf(plane.project);
      await plane.whole(upMs);
      return plane;
    } catch (error) {
      say(await plane.logs(15));
      await plane.down();
      throw error;
    }
  }

  /** Names of all its containers. */
  get names(): readonly string[] {
    return [...this.#ids.keys()];
  }

  id(name: string): string {
    const id = this.#ids.get(name);
    if (id === undefined) throw new Error(`there is no container ${name}`);
    return id;
  }

  /** `ip:port` inside, of a container as it is now. */
  async addressOf(name: string, port: number): Promise<string> {
    return `${(await this.#inspect(name)).address}:${port}`;
  }

  kill(name: string): Promise<unknown> {
    return docker("kill", this.id(name));
  }

  /** As `docker stop` ends it: SIGTERM, and SIGKILL after a grace. */
  async stop(name: string): Promise<Stopped> {
    const from = performance.now();
    await docker("stop", "--time", String(stopSeconds), this.id(name));
    const ms = performance.now() - from;
    return { code: (await this.#inspect(name)).exitCode, ms };
  }

  start(name: string): Promise<unknown> {
    return docker("start", this.id(name));
  }

  /** A command in a container. @throws Error where it fails */
  exec(name: string, ...command: readonly string[]): Promise<string> {
    return docker("exec", this.id(name), ...command);
  }

  /** Takes a container off its network, its address with it. */
  async cut(name: string): Promise<void> {
    this.#cut.set(name, (await this.#inspect(name)).address);
    await docker("network", "disconnect", this.#network, this.id(name));
  }

  /** Back to the network under the address that it had, on which its server listens still. */
  async rejoin(name: string): Promise<void> {
    await docker("network", "connect", "--ip", this.#cut.get(name)!, "--alias", name, this.#network, this.id(name));
    this.#cut.delete(name);
  }

  /** The charm that leads; undefined while none does. */
  async leader(): Promise<string | undefined> {
    for (const name of charms) {
      const status = await this.#ask(name, "/v1/status").catch(() => undefined);
      if ((status as { leading?: boolean } | undefined)?.leading === true) return name;
    }
    return undefined;
  }

  /** Waits until every container is healthy, every server in its ring, and nothing is to move. */
  async whole(timeoutMs: number): Promise<void> {
    let why = "";
    await until("the plane to be whole", async () => (why = await this.#missing()) === "", timeoutMs, 500).catch((error: Error) => {
      throw new Error(`${error.message}: ${why}`);
    });
  }

  async logs(lines: number): Promise<string> {
    const { out } = await run([...this.#compose, "logs", "--no-color", `--tail=${lines}`], this.#env);
    return out;
  }

  /** Removes all that it consists of; the images stay. */
  async down(): Promise<void> {
    await must([...this.#compose, "down", "--volumes", "--remove-orphans", "--timeout", "5"], this.#env);
    await rm(this.#secrets, { recursive: true, force: true });
  }

  get #network(): string {
    return `${this.project}_inside`;
  }

  async #inspect(name: string): Promise<Container> {
    const [found] = JSON.parse(await docker("inspect", this.id(name))) as [{ Id: string; State: { Running: boolean; ExitCode: number; Health?: { Status: string } }; NetworkSettings: { Networks: Record<string, { IPAddress: string }> } }];
    const { State: state, NetworkSettings: settings } = found;
    return { id: found.Id, address: settings.Networks[this.#network]?.IPAddress ?? "", running: state.Running, exitCode: state.ExitCode, health: state.Health?.Status ?? "" };
  }

  async #ask(charm: string, path: string): Promise<unknown> {
    const answer = await ask(`http://${await this.addressOf(charm, 8083)}${path}`, { timeoutMs: 2_000 });
    if (answer.status !== 200) throw new Error(`${charm} answers ${answer.status} to ${path}`);
    return answer.json;
  }

  /** What is not as it should be; "" for nothing. */
  async #missing(): Promise<string> {
    const ill = (await Promise.all(this.names.map(async (name) => [name, await this.#inspect(name)] as const))).filter(([, { running, health }]) => !running || health !== "healthy");
    if (ill.length > 0) return `not healthy: ${ill.map(([name]) => name).join(", ")}`;
    const leader = await this.leader();
    if (leader === undefined) return "no charm leads";
    const { pools: counts, rebalance } = (await this.#ask(leader, "/v1/charm/status")) as CharmStatus;
    const short = pools.filter((pool) => counts[pool].up !== members[pool].length || counts[pool].passing !== members[pool].length);
    if (short.length > 0) return `not all ${short.join(", ")} servers are up`;
    return rebalance === null ? "" : "slots are still to move";
  }
}

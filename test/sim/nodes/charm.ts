/** charm: its process with the embedded registry, and what runs the effects of its real state (services/charm/server.ts). */
import { noIntents, withServer, type ServerIntent } from "../../../services/charm/intents.ts";
import { readMembers } from "../../../services/charm/member.ts";
import { Charm as CharmState, type Effect, type Event } from "../../../services/charm/state.ts";
import { pools, type Pool, type Topology } from "../../../services/protocol/topology.ts";
import type { Instance } from "../../../services/registry/client.ts";
import type { Process, Timer } from "../process.ts";
import { Registry, type Disk } from "../registry.ts";
import type { World } from "../world.ts";

/** charm's own defaults (services/charm/config.ts). */
const timing = { settleMs: 500, lingerMs: 2_000, bootGraceMs: 3_000, guardWindowMs: 5_000, warmWithinMs: 5_000 };
const warmEveryMs = 100;
const warmAnswerMs = 500;

export function emptyDisk(): Disk {
  return { topology: undefined, view: undefined, intents: noIntents };
}

export class Charm {
  readonly process: Process;
  readonly registry: Registry;
  readonly #world: World;
  readonly #state: CharmState;
  #timer: Timer | undefined;
  /** the epoch at which servers are asked whether they are warm */
  #asking = 0;

  constructor(world: World, process: Process, disk: Disk) {
    this.#world = world;
    this.process = process;
    const now = this.#now();
    this.#state = new CharmState({ topology: disk.topology, intents: disk.intents, firstEpoch: 1 }, { ...timing, stepShare: world.stepShare }, now);
    this.registry = new Registry(process, () => Math.floor(world.clock("charm")), disk, (pool, instances) => this.#members(pool, instances));
    process.after(world.random.between(5, 500), () => this.#step({ type: "leading", leading: true }));
    this.#step({ type: "tick" });
  }

  endpoints(pool: Pool): readonly string[] {
    return this.#state.endpoints(pool);
  }

  /** An operator's wish. */
  wish(server: string, intent: ServerIntent): void {
    const { disk } = this.registry;
    disk.intents = withServer(disk.intents, server, intent);
    this.#world.trace.line(() => `operator → charm  ${server} ${JSON.stringify(intent)}`);
    this.#step({ type: "intents", intents: disk.intents });
  }

  /** Lets go of what the churn guard holds, as an operator would. */
  release(): void {
    this.#step({ type: "release", pool: undefined });
  }

  get held(): readonly string[] {
    return pools.flatMap((pool) => this.#state.held(pool));
  }

  #now(): number {
    return Math.floor(this.#world.steadyClock("charm"));
  }

  #members(pool: Pool, instances: readonly Instance[]): void {
    this.#step({ type: "members", pool, members: [...readMembers(pool, instances).members.values()] });
  }

  #step(event: Event): void {
    if (this.#timer !== undefined) this.#timer.run = undefined;
    for (const effect of this.#state.step(event, this.#now())) this.#run(effect);
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case "publish": {
        const { disk } = this.registry;
        const { epoch, pools: draft } = effect.draft;
        const stored = disk.topology;
        // Sealing and the disk take a while; the write is a compare-and-set.
        return void this.process.after(this.#world.random.between(1, 20), () => {
          if (disk.topology !== stored) return this.#step({ type: "unpublished" });
          const sealed = Object.fromEntries(pools.map((pool) => [pool, { ...draft[pool], tableDigest: "0".repeat(16) }])) as Topology["pools"];
          const topology: Topology = { v: 1, epoch, keyId: this.#world.ring.keyId, pools: sealed };
          this.#world.trace.line(() => `charm  publishes topology ${epoch}: ${describe(topology)}`);
          this.registry.publish(topology, this.#world.view(topology));
          this.#step({ type: "topology", topology });
        });
      }
      case "wake":
        this.#timer = this.process.after(Math.max(1, Math.min(effect.at - this.#now(), 60_000)), () => this.#step({ type: "tick" }));
        return;
      case "held":
        this.#world.trace.line(() => (effect.servers.length === 0 ? undefined : `charm  holds ${effect.pool}: ${effect.servers.join(" ")} turned critical at once`));
        return;
      case "endpoints":
        return; // Envoy asks
      case "askWarm":
        this.#asking = effect.epoch;
        for (const { id, addr } of effect.servers) this.#askWarm(effect.epoch, id, addr);
        return;
      default:
        return effect satisfies never;
    }
  }

  /** As services/charm/warm.ts does. */
  #askWarm(epoch: number, server: string, addr: string): void {
    if (this.#asking !== epoch) return;
    const { net, doors, placeOf } = this.#world;
    const handle = (reply: (warm: number) => void): void => reply(doors.get(addr)?.warm ?? 0);
    net.call<number>(this.process, ["charm", placeOf(addr)], () => doors.get(addr)?.process, handle, { timeoutMs: warmAnswerMs }, (outcome) => {
      const settled = outcome.type === "ok" ? outcome.value >= epoch : outcome.type !== "timeout";
      if (settled) this.#step({ type: "warm", server, epoch });
      else this.process.after(warmEveryMs, () => this.#askWarm(epoch, server, addr));
    });
  }
}

function describe(topology: Topology): string {
  return pools
    .map((pool) => topology.pools[pool].servers.map(({ id, state, weight }) => `${id}${state === "up" ? "" : `(${state})`}${weight === 100 ? "" : `*${weight}`}`).join(" "))
    .filter((text) => text !== "")
    .join(", ");
}

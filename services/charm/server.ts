/** charm's one door (registry, Envoy's endpoints, operators) and what carries out the effects of `state.ts`. */
import { hostname } from "node:os";
import { limits } from "../protocol/limits.ts";
import { problem, ProtocolError } from "../protocol/problems.ts";
import { type Pool, pools, TOPOLOGY_BINARY_KEY, TOPOLOGY_KEY, type Topology } from "../protocol/topology.ts";
import { type Instance, type KvEntry, RegistryError, type Registry } from "../registry/client.ts";
import { connectRegistry } from "../registry/consul.ts";
import { openEmbedded } from "../registry/embedded.ts";
import { kvLimits } from "../registry/kv.ts";
import { startEnds } from "../registry/refusal.ts";
import { Waiters } from "../registry/waiters.ts";
import { watch } from "../registry/watch.ts";
import { loadRingModule, type RingModule } from "../ring/ring.ts";
import { systemClock } from "../runtime/clock.ts";
import { UsageError } from "../runtime/flags.ts";
import { createHttp, problemReply, type Routes } from "../runtime/http.ts";
import type { Running } from "../runtime/lifecycle.ts";
import type { Log } from "../runtime/log.ts";
import { urlOf } from "../runtime/tls.ts";
import type { Config } from "./config.ts";
import { answerEndpoints, holdMs } from "./eds.ts";
import { type Intents, INTENTS_KEY, intentsOf, noIntents, readIntents } from "./intents.ts";
import { lead } from "./leader.ts";
import { readMembers } from "./member.ts";
import { charmMetrics } from "./metrics.ts";
import { operatorRoutes } from "./operator.ts";
import { Publisher, sameDocument } from "./publisher.ts";
import { Charm, type Effect, type Event } from "./state.ts";
import { Turns } from "./turns.ts";
import { awaitWarm } from "./warm.ts";

/** Between tries at a registry that does not answer yet: doubling from the first to the longest. */
const BOOT_RETRY_MS = { first: 250, longest: 2_000 };
/** Attempts at changing the intents while others change them, too. */
const CAS_TRIES = 5;

/** Monotonic, in ms since the epoch: a system clock that is set back must not keep servers out of the ring. */
const monotonicMs = (): number => performance.timeOrigin + performance.now();

/** @throws UsageError where the topology in the registry belongs to another cluster key; RegistryError where that goes on refusing its token or is none; Error where address or data folder is unusable */
export async function start(config: Config, log: Log): Promise<Running> {
  const module = await loadRingModule(config.ringKey);
  const embedded = config.registryUrl === "" ? await openEmbedded({ data: config.data, clock: systemClock, log }) : undefined;
  const runner = new Runner(config, module, log);
  const door = createHttp({ ...(embedded?.routes ?? {}), ...runner.routes() }, log, { bodyBytes: kvLimits.valueBytes });
  const address = await door.listen(config.listen);
  const stop = async (): Promise<void> => {
    await runner.stop();
    const closed = door.close();
    await embedded?.close();
    await closed;
  };
  try {
    await runner.run(connectRegistry(embedded === undefined ? config.registryUrl : urlOf(address), { token: config.registryToken }), address);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, stop };
}

class Runner {
  readonly #config: Config;
  readonly #module: RingModule;
  readonly #log: Log;
  readonly #stopped = new AbortController();
  /** those that wait for other endpoints; one too many is answered at once */
  readonly #envoys = new Waiters(limits.endpointWaiters);
  readonly #ignored: Record<Pool, ReadonlyMap<string, string>> = { channel: new Map(), presence: new Map(), gateway: new Map() };
  /** another charm's changes are met by compare-and-set, this one's own by their turns */
  readonly #intentTurns = new Turns(limits.intentChanges);
  readonly #counters = { published: 0, unpublished: 0, endpoints: 0, heldChanges: 0 };
  readonly #metrics = charmMetrics({
    leading: () => this.#charm?.leading === true,
    epoch: () => this.#topology?.epoch ?? 0,
    rebalanceLeft: () => this.#charm?.rebalance(monotonicMs())?.left ?? 0,
    servers: () => {
      const count = { up: 0, draining: 0, down: 0 };
      for (const pool of pools) for (const { state } of this.#topology?.pools[pool].servers ?? []) count[state]++;
      return count;
    },
    held: (pool) => this.#charm?.held(pool).length ?? 0,
    counters: this.#counters,
  });
  #registry!: Registry;
  #publisher!: Publisher;
  #charm: Charm | undefined;
  #topology: Topology | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #askingWarm = new AbortController();

  constructor(config: Config, module: RingModule, log: Log) {
    this.#config = config;
    this.#module = module;
    this.#log = log;
  }

  routes(): Routes {
    return {
      "GET /livez": () => ({ status: 200, body: { ok: true } }),
      "GET /readyz": () => (this.#charm === undefined ? problemReply(problem("unavailable", "the registry has not answered yet")) : { status: 200, body: { ok: true } }),
      "GET /v1/status": () => ({ status: 200, body: { service: "charm", leading: this.#charm?.leading ?? false, epoch: this.#topology?.epoch ?? null, ...this.#counters } }),
      "GET /metrics": (request) => this.#metrics.answer(request),
      "POST /v3/discovery:endpoints": (request) => {
        const charm = this.#ready();
        const addressesOf = (cluster: string): readonly string[] => {
          const pool = pools.find((each) => each === cluster);
          return pool === undefined ? [] : charm.endpoints(pool);
        };
        return answerEndpoints(request, addressesOf, (signal) => (this.#envoys.full ? Promise.resolve() : this.#envoys.wait("endpoints", holdMs(request.headers), signal)));
      },
      ...operatorRoutes({
        module: this.#module,
        charm: () => this.#ready(),
        rebalance: () => this.#ready().rebalance(monotonicMs()),
        topology: () => this.#topology,
        ignored: () => new Map(pools.flatMap((pool) => [...this.#ignored[pool]])),
        counters: () => this.#counters,
        changeIntents: (change) => this.#intentTurns.run(() => this.#changeIntents(change)),
        release: (pool) => this.#step({ type: "release", pool }),
      }),
    };
  }

  /** Reads what was, then follows the registry. Resolves when charm is ready. */
  async run(registry: Registry, address: string): Promise<void> {
    const { signal } = this.#stopped;
    this.#registry = registry;
    this.#publisher = new Publisher({ registry, module: this.#module, clock: systemClock, log: this.#log, signal });
    const boot = await this.#load();
    if (boot === undefined) return;
    const { settleMs, lingerMs, bootGraceMs, guardWindowMs, sessionTtlMs, stepPercent, warmWithinMs } = this.#config;
    this.#topology = boot.topology;
    this.#charm = new Charm({ ...boot, firstEpoch: Math.floor(Date.now() / 1000) }, { settleMs, lingerMs, bootGraceMs, guardWindowMs, stepShare: stepPercent / 100, warmWithinMs }, monotonicMs());
    const common = { clock: systemClock, log: this.#log, signal };
    this.#running = Promise.all([
      ...pools.map((pool) =>
        watch({
          ...common,
          what: pool,
          ask: (blocking) => registry.instances(`ringway-${pool}`, blocking),
          take: ({ instances }) => this.#takeInstances(pool, instances),
          lost: () => this.#step({ type: "lost", pool }),
        }),
      ),
      watch({ ...common, what: "intents", ask: (blocking) => registry.get(INTENTS_KEY, blocking), take: ({ entry }) => this.#takeIntents(entry) }),
      watch({ ...common, what: "topology", ask: (blocking) => registry.get(TOPOLOGY_KEY, blocking), take: ({ entry }) => this.#takeTopology(entry) }),
      watch({ ...common, what: "binary topology", ask: (blocking) => registry.get(TOPOLOGY_BINARY_KEY, blocking), take: () => this.#keepBinary() }),
      lead({ ...common, registry, name: `${hostname()}/${address}`, ttlMs: sessionTtlMs, onChange: (leading) => this.#onLead(leading) }),
    ]);
    this.#step({ type: "tick" });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#envoys.close();
    this.#askingWarm.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #ready(): Charm {
    if (this.#charm === undefined) throw new ProtocolError("unavailable", "the registry has not answered yet");
    return this.#charm;
  }

  /** The last topology and the intents, as soon as the registry answers; undefined where stopped before. */
  async #load(): Promise<{ topology: Topology | undefined; intents: Intents } | undefined> {
    const isEnd = startEnds(systemClock);
    let trouble = "";
    for (let pauseMs = BOOT_RETRY_MS.first; !this.#stopped.signal.aborted; pauseMs = Math.min(2 * pauseMs, BOOT_RETRY_MS.longest)) {
      try {
        const { topology } = await this.#publisher.load();
        if (topology !== undefined && topology.keyId !== this.#module.keyId) {
          throw new UsageError(`--ring-key: the registry holds a topology of another cluster key (${topology.keyId}, this one is ${this.#module.keyId}); a cluster keeps its key for life`);
        }
        const { entry } = await this.#registry.get(INTENTS_KEY);
        return { topology, intents: entry === undefined ? noIntents : (this.#parseIntents(entry) ?? intentsOf(topology)) };
      } catch (error) {
        if (!(error instanceof RegistryError) || isEnd(error)) throw error;
        if (error.message !== trouble) this.#log.warn({ err: error }, "the registry does not answer yet, or takes no token; trying on");
        trouble = error.message;
        await systemClock.sleep(pauseMs, this.#stopped.signal);
      }
    }
    return undefined;
  }

  #step(event: Event): void {
    const charm = this.#charm;
    if (charm === undefined || this.#stopped.signal.aborted) return;
    clearTimeout(this.#timer);
    for (const effect of charm.step(event, monotonicMs())) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "publish":
        void this.#publish(effect.draft);
        break;
      case "endpoints":
        this.#counters.endpoints++;
        this.#envoys.wake("endpoints");
        this.#log.info({ pool: effect.pool, addresses: effect.addresses.length }, "endpoints changed");
        break;
      case "wake":
        this.#timer = setTimeout(() => this.#step({ type: "tick" }), Math.max(1, Math.min(effect.at - monotonicMs(), 60_000)));
        break;
      case "askWarm":
        this.#askingWarm.abort();
        this.#askingWarm = new AbortController();
        void awaitWarm({ ...effect, clock: systemClock, signal: this.#askingWarm.signal, onWarm: (server) => this.#step({ type: "warm", server, epoch: effect.epoch }) });
        break;
      case "held":
        this.#counters.heldChanges++;
        if (effect.servers.length > 0) this.#log.error({ pool: effect.pool, servers: effect.servers }, "more than half of the pool turned critical at once: its topology is held (POST /v1/charm/release lets go)");
        else this.#log.info({ pool: effect.pool }, "the pool's topology is not held");
        break;
    }
  }

  async #publish(draft: Extract<Effect, { type: "publish" }>["draft"]): Promise<void> {
    const result = await this.#publisher.publish(draft);
    if (result === "failed") {
      this.#counters.unpublished++;
      this.#step({ type: "unpublished" });
      return;
    }
    this.#counters.published++;
    this.#log.info({ epoch: result.epoch }, "topology published");
    this.#accept(result);
  }

  #accept(topology: Topology | undefined): void {
    if (topology !== undefined) this.#topology = topology;
    if (topology !== undefined) this.#keepBinary();
    this.#step({ type: "topology", topology });
  }

  /** The leading charm keeps the filter's document that of the topology, whoever wrote over it: an Envoy that starts has no last good one. */
  #keepBinary(): void {
    const topology = this.#topology;
    if (topology === undefined || this.#charm?.leading !== true) return;
    void this.#publisher.writeBinary(topology, () => this.#topology === topology);
  }

  #onLead(leading: boolean): void {
    this.#step({ type: "leading", leading });
    // A charm that died between the two writes left the older binary.
    this.#keepBinary();
  }

  async #takeTopology(entry: KvEntry | undefined): Promise<void> {
    if (sameDocument(this.#publisher.read(entry), this.#topology)) return;
    // This may be the echo of our own write, or an answer from before it.
    const now = await this.#publisher.loadInTurn();
    if (sameDocument(now, this.#topology)) return;
    const known = this.#topology?.epoch;
    if (now !== undefined && (known === undefined || now.epoch > known)) {
      this.#log.info({ epoch: now.epoch }, "another charm published");
      return this.#accept(now);
    }
    this.#log.error({ epoch: now?.epoch ?? null, known }, "the topology in the registry was lost, taken back or written over; it is published anew");
    this.#step({ type: "topology", topology: undefined });
  }

  #takeInstances(pool: Pool, instances: readonly Instance[]): void {
    const { members, ignored } = readMembers(pool, instances);
    const fresh = [...ignored.keys()].filter((id) => !this.#ignored[pool].has(id));
    if (fresh.length > 0) this.#log.warn({ pool, servers: fresh.slice(0, 20) }, "registrations that can't be members are ignored");
    this.#ignored[pool] = ignored;
    this.#step({ type: "members", pool, members: [...members.values()] });
  }

  #takeIntents(entry: KvEntry | undefined): void {
    const intents = entry === undefined ? noIntents : this.#parseIntents(entry);
    if (intents !== undefined) this.#step({ type: "intents", intents });
  }

  #parseIntents(entry: KvEntry): Intents | undefined {
    try {
      return readIntents(JSON.parse(Buffer.from(entry.value).toString("utf8")));
    } catch (error) {
      this.#log.error({ err: error }, "the intents in the registry are damaged; the last good ones hold");
      return undefined;
    }
  }

  async #changeIntents(change: (intents: Intents) => Intents): Promise<void> {
    const charm = this.#ready();
    try {
      for (let tries = 0; tries < CAS_TRIES; tries++) {
        const { entry } = await this.#registry.get(INTENTS_KEY);
        const before = entry === undefined ? noIntents : (this.#parseIntents(entry) ?? charm.intents);
        const intents = change(before);
        if (await this.#registry.put(INTENTS_KEY, Buffer.from(JSON.stringify(intents)), entry?.modifyIndex ?? 0)) {
          return this.#step({ type: "intents", intents });
        }
      }
    } catch (error) {
      if (error instanceof RegistryError) throw new ProtocolError("unavailable", error.message);
      throw error;
    }
    throw new ProtocolError("unavailable", "others change the intents all the time");
  }
}

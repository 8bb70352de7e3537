/** A channel server: sockets, timers and the store around its pure core (state.ts). */
import { limits } from "../protocol/limits.ts";
import { ProtocolError, type Reason } from "../protocol/problems.ts";
import { connectRegistry } from "../registry/consul.ts";
import { kvReader, registerServer } from "../registry/server.ts";
import { followTopology } from "../ring/follow.ts";
import { loadRingModule } from "../ring/ring.ts";
import { systemClock as clock, wallMs } from "../runtime/clock.ts";
import { createHttp } from "../runtime/http.ts";
import { ask } from "../runtime/request.ts";
import type { Running } from "../runtime/lifecycle.ts";
import type { Log } from "../runtime/log.ts";
import { Times } from "../runtime/times.ts";
import { acceptSockets } from "../runtime/socket.ts";
import { urlOf } from "../runtime/tls.ts";
import { startTracer, type Tracer } from "../runtime/tracing.ts";
import { StoreUnavailable, type LogStore } from "../store/log.ts";
import { openLog } from "../store/open.ts";
import type { Config } from "./config.ts";
import type { Ask, Effect, Event, Released, Reply, RingView } from "./events.ts";
import { followHealth } from "./health.ts";
import { LinkSockets } from "./link-sockets.ts";
import { isGone } from "./probe.ts";
import { answerRead, batchOf } from "./reads.ts";
import { channelMetrics } from "./metrics.ts";
import { keepSweeping, sweeperOf } from "./retention.ts";
import { channelRoutes } from "./routes.ts";
import { ChannelState } from "./state.ts";
import { runAtStore } from "./store-effects.ts";

/** How long a stopping server waits for its appends, ms. */
const drainMs = 6_000;
/** How long the registry has to take the farewell, ms. */
const deregisterMs = 2_000;
/** How long a starting server waits for the topology before it opens its port, ms. */
const topologyMs = 2_000;
/** How long gateways have to close their links after `moved`, ms. */
const closeMs = 500;
/** How long the next owner of slots has to claim and load them, ms; then everybody is sent there all the same. */
const handOverMs = 250;

/**
 * Starts a channel server: opens the store, follows the topology, listens and registers.
 * @param store another store than the configured one; it is closed at the end, too
 * @throws StoreUnavailable, KeyError, or the listener's error
 */
export async function start(config: Config, log: Log, store: LogStore = openLog(config, log)): Promise<Running> {
  const module = await loadRingModule(config.ringKey);
  const tracer = await startTracer("channel", config.id, log);
  const server = new ChannelServer(config, module.slotOf, store, log, tracer);
  const registry = connectRegistry(config.registryUrl, { token: config.registryToken });
  let registered = false;

  const status = (): object => ({ ...server.state.status(), ...server.links.counters, topology: follower.counters });
  const door = createHttp(channelRoutes({ ask: server.ask, released: server.released, store, ready: () => registered && server.state.epoch > 0, status, metrics: (request) => metrics.answer(request) }), log);
  acceptSockets(door.server, limits.linkMessageBytes, ({ path }) => {
    const wanted = /^\/v1\/links\/channel\/([^/]+)$/.exec(path)?.[1];
    if (wanted === undefined) throw new ProtocolError("not_found");
    if (wanted !== config.id) throw new ProtocolError("misdirected", `this is ${config.id}`);
    return server.links.attach;
  });
  let heard = (): void => {};
  const answered = new Promise<void>((resolve) => (heard = resolve));
  const read = kvReader(registry);
  let view: RingView | undefined;
  const follower = followTopology({
    kvGet: async (key, blocking) => {
      const answer = await read(key, blocking);
      if (answer.value === undefined) heard();
      return answer;
    },
    module,
    onView: (ring) => {
      view = ring;
      server.take({ type: "topology", ring });
      heard();
    },
    onError: (error) => log.warn({ err: error }, "no new topology"),
    onUnconfirmed: (error) => log.error({ err: error }, "the topology in use has other tables here than at charm: is this another build?"),
    clock,
  });
  const metrics = channelMetrics(server.state, server.links, server.appends, follower.counters);
  // A server that knows no ring says no to everybody, and as long as its port answers nobody takes its place.
  const late = new AbortController();
  await Promise.race([answered, clock.sleep(topologyMs, late.signal)]);
  late.abort();
  const address = await door.listen(config.listen).catch(async (error: unknown) => {
    await follower.stop();
    throw error;
  });
  const registering = registerServer(registry, "ringway-channel", config, address, clock, log);
  void registering.registered.then(() => (registered = true));
  const ended = new AbortController();
  const health = followHealth({ registry, clock, log, signal: ended.signal, onChange: (critical) => server.take({ type: "health", critical }) });
  const monotonic = (): number => performance.now();
  const sweeping = keepSweeping({ store, days: config.retainDays, isMine: () => sweeperOf(view) === config.id, clock, monotonic, log, signal: ended.signal });

  return {
    address,
    failed: registering.failed,
    async stop() {
      registered = false;
      // First out of the topology and off the port, so that everybody asks the next server; then hand over.
      await Promise.race([registering.stop(), clock.sleep(deregisterMs)]);
      const closed = door.close(drainMs);
      await server.drain();
      ended.abort();
      await Promise.all([follower.stop(), health, sweeping]);
      server.links.closeAll();
      await clock.sleep(server.links.size > 0 ? closeMs : 0);
      server.links.destroyAll();
      await closed;
      await store.close();
      await tracer?.stop();
    },
  };
}

/** Feeds the core with events and runs its effects. */
class ChannelServer {
  readonly state: ChannelState;
  readonly links: LinkSockets;
  /** how long the store takes */
  readonly appends = new Times();
  readonly #id: string;
  readonly #store: LogStore;
  readonly #log: Log;
  readonly #tracer: Tracer | undefined;
  readonly #requests = new Map<number, (reply: Reply) => void>();
  readonly #drained: Promise<void>;
  #onDrained!: () => void;
  #lastRequest = 0;
  #lastFailure = "";
  #timer: NodeJS.Timeout | undefined;

  constructor({ id, channelMessagesPerSecond, channelTypingPerSecond, burstSeconds }: Config, slotOf: (id: string) => number, store: LogStore, log: Log, tracer: Tracer | undefined) {
    this.#tracer = tracer;
    this.#id = id;
    this.#store = store;
    this.#log = log;
    this.state = new ChannelState({ server: id, slotOf, channelMessagesPerSecond, channelTypingPerSecond, burstSeconds });
    this.links = new LinkSockets(this.take, clock);
    this.#drained = new Promise((resolve) => (this.#onDrained = resolve));
  }

  /** Said once per cause: a store that is down fails every request. */
  readonly #storeFailed = (cause: StoreUnavailable): void => {
    if (cause.message === this.#lastFailure) return;
    this.#lastFailure = cause.message;
    this.#log.error({ err: cause }, "the store does not answer");
  };

  readonly take = (event: Event): void => {
    for (const effect of this.state.step(event, wallMs(), performance.now())) this.#run(effect);
  };

  readonly ask = (channel: string, epoch: number, ask: Ask): Promise<Reply> => this.#asked((req) => ({ type: "request", req, channel, epoch, ask }));

  readonly released = (epoch: number, slots: readonly Released[]): Promise<Reply> => this.#asked((req) => ({ type: "released", req, epoch, slots }));

  #asked(event: (req: number) => Event): Promise<Reply> {
    return new Promise((resolve) => {
      const req = ++this.#lastRequest;
      this.#requests.set(req, resolve);
      this.take(event(req));
    });
  }

  /** Refuses new work and resolves when nothing is on its way to the store, or after `drainMs`. */
  async drain(): Promise<void> {
    this.take({ type: "stop" });
    const late = new AbortController();
    await Promise.race([this.#drained, clock.sleep(drainMs, late.signal)]);
    late.abort();
    clearTimeout(this.#timer);
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case "claim":
      case "check":
      case "load":
      case "lookup":
        return this.#later(runAtStore(effect, this.#store, this.#id, this.#storeFailed));
      case "append": {
        const from = performance.now();
        return this.#later(runAtStore(effect, this.#store, this.#id, this.#storeFailed).finally(() => this.appends.observe(performance.now() - from)));
      }
      case "probe":
        return this.#later(isGone(effect.addr).then((gone) => ({ type: "probed", server: effect.server, gone })));
      case "handOver": {
        const { release, addr, epoch, slots } = effect;
        const told = ask(`${urlOf(addr)}/v1/releases`, { method: "POST", body: { epoch, slots }, timeoutMs: handOverMs });
        return this.#later(told.catch((error: unknown) => this.#log.warn({ err: error, addr }, "slots were handed over to a server that does not answer")).then(() => ({ type: "handedOver", release })));
      }
      case "replay":
        return void this.#replay(effect);
      case "read":
        return void this.#read(effect);
      case "answer": {
        this.#requests.get(effect.req)?.(effect.reply);
        return void this.#requests.delete(effect.req);
      }
      case "send":
        return this.links.send(effect.link, effect.frame);
      case "traced": {
        const { channel, slot, offset, trace, received, stored } = effect;
        const attributes = { "messaging.system": "ringway", "ringway.server": this.#id, "ringway.channel": channel, "ringway.slot": slot, "ringway.offset": offset };
        return this.#tracer?.record("append", "consumer", trace, received / 1_000, stored / 1_000, attributes);
      }
      case "close":
        return this.links.close(effect.link, effect.code, effect.reason);
      case "wake":
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.take({ type: "tick" }), Math.max(0, effect.at - performance.now()));
        return;
      case "drained":
        return this.#onDrained();
    }
  }

  /** An effect that fails in another way than its event can say is a programmer's fault: it ends the process. */
  #later(event: Promise<Event | undefined>): void {
    void event.then((happened) => happened === undefined || this.take(happened));
  }

  #replay({ link, sub, channel, after, limit }: Extract<Effect, { type: "replay" }>): Promise<void> {
    return this.links.inTurn(link, "replay", async () => {
      if (!this.state.wants(channel, sub)) return;
      const entries = await this.#orUndefined(this.#store.after(channel, after, limit));
      this.take({ type: "replayed", channel, sub, entries: entries === undefined ? undefined : batchOf(entries) });
    });
  }

  async #read({ link, ...read }: Extract<Effect, { type: "read" }>): Promise<void> {
    const refuse = (reason: Reason, retryAfterMs: number): void => this.links.send(link, { type: "refused", req: read.req, reason, detail: "", retryAfterMs });
    if (this.links.reads(link) >= limits.linkPendingReads) return refuse("rate_limited", limits.queueFullMs);
    return this.links.inTurn(link, "read", async () => {
      const answer = await this.#orUndefined(answerRead(read, this.#store, clock.now()));
      if (answer === undefined) refuse("store_unavailable", 0);
      else this.links.send(link, answer);
    });
  }

  async #orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      this.#log.error({ err: error }, "the store is unavailable");
      return undefined;
    }
  }
}

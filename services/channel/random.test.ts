/**
 * Three channel servers over one store, under a seeded clock: delays, refusals, lost answers, crashes, links that break
 * and topologies that change, each by chance. Whatever happens, nothing acked is lost or doubled, and every gateway
 * sees one order without a hole. A failing run prints its seed; `SEED=n` runs that one alone, `SEEDS=n` so many.
 */
import { describe, expect, it } from "vitest";
import { eventKinds } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { Message, Publish } from "../protocol/mesh.ts";
import type { LogStore } from "../store/log.ts";
import { openMemoryLog } from "../store/memory-log.ts";
import type { RingView } from "./events.ts";
import { logKey } from "./log-key.ts";
import { ChannelState, type Effect, type Event } from "./state.ts";
import { runAtStore } from "./store-effects.ts";

const servers = ["cs-0", "cs-1", "cs-2"];
const channel = "C1";
const startMs = 1_700_000_000_000;
const chaosMs = 20_000;
const publications = 120;
/** Bytes that one publication brings at most: a few of them fill a server. */
const mostBytes = limits.pendingAppendBytes / 2;

function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Node {
  readonly id: string;
  /** counts restarts: what was meant for an earlier life is dropped */
  life: number;
  alive: boolean;
  state: ChannelState;
  /** when the store takes the next of its operations, so that they keep their order */
  storeAt: number;
}

/** Subscribes wherever it is let, and follows. */
interface Gateway {
  readonly link: number;
  node: Node | undefined;
  chan: number;
  last: number;
}

class World {
  readonly store: LogStore = openMemoryLog();
  readonly acked = new Map<string, number>();
  readonly gateways: Gateway[];
  readonly #random: () => number;
  readonly #nodes: Node[];
  readonly #queue: { at: number; order: number; run: () => void | Promise<void> }[] = [];
  readonly #asked = new Map<number, Publish>();
  readonly #offers = new Map<number, () => void>();
  now = startMs;
  #order = 0;
  #ids = 0;
  #epoch = 0;
  #preference = servers;

  constructor(seed: number) {
    this.#random = random(seed);
    this.#nodes = servers.map((id) => ({ id, life: 0, alive: true, storeAt: 0, state: new ChannelState({ server: id, slotOf: () => 7 }) }));
    this.gateways = [1, 2].map((link) => ({ link, node: undefined, chan: 0, last: 0 }));
  }

  /** Bytes of publications that servers say to hold for somebody. */
  get pendingBytes(): number {
    return this.#nodes.reduce((sum, { state }) => sum + (state.status() as { pendingBytes: number }).pendingBytes, 0);
  }

  get calm(): boolean {
    return this.now > startMs + chaosMs;
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  later(mostMs: number, run: () => void | Promise<void>): void {
    this.#queue.push({ at: this.now + this.#random() * mostMs, order: this.#order++, run });
  }

  async run(done: () => Promise<boolean>): Promise<void> {
    this.#reshuffle();
    this.#chaos();
    for (const gateway of this.gateways) this.#subscribe(gateway);
    for (let steps = 0; this.#queue.length > 0 && steps < 200_000; steps++) {
      this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = this.#queue.shift()!;
      this.now = Math.max(this.now, next.at);
      await next.run();
      if (this.calm && steps % 50 === 0 && (await done())) return;
    }
    if (await done()) return;
    throw new Error(`not done at ${Math.round(this.now)} ms; acked ${this.acked.size}, gateways at ${this.gateways.map(({ last }) => last).join(", ")}`);
  }

  /** Asks any server until one has taken it. */
  publish(publish: Publish): void {
    const node = this.calm ? this.#nodes.find(({ id }) => id === this.#preference[0])! : this.pick(this.#nodes);
    const req = ++this.#ids;
    this.#asked.set(req, publish);
    if (node.alive) this.#step(node, { type: "request", req, channel, epoch: 0, ask: { type: "publish", publish, bytes: Math.floor(this.#random() * mostBytes), trace: "" } });
    // No answer (a crash): again, with the same key.
    this.later(2_000, () => this.#again(req));
  }

  #again(req: number): void {
    const publish = this.#asked.get(req);
    if (publish === undefined) return;
    this.#asked.delete(req);
    this.publish(publish);
  }

  #step(node: Node, event: Event): void {
    if (!node.alive) return;
    for (const effect of node.state.step(event, this.now)) this.#apply(node, effect);
  }

  #apply(node: Node, effect: Effect): void {
    const { life } = node;
    const tell = (event: Event): void => {
      if (node.life === life) this.#step(node, event);
    };
    switch (effect.type) {
      case "claim":
      case "check":
      case "load":
      case "lookup":
      case "append": {
        node.storeAt = Math.max(node.storeAt, this.now + this.#random() * 5);
        this.#queue.push({
          at: node.storeAt,
          order: this.#order++,
          run: async () => {
            const refused = !this.calm && this.chance(0.03);
            const silent = !this.calm && this.chance(0.03);
            const answer = refused ? undefined : await runAtStore(effect, this.store, node.id, () => {});
            // Given up, and carried out after all.
            if (refused && this.chance(0.5)) this.later(500, async () => void (await runAtStore(effect, this.store, node.id, () => {})));
            const failed = await runAtStore(effect, unavailable, node.id, () => {});
            this.later(20, () => tell(answer === undefined || silent ? failed : answer));
          },
        });
        return;
      }
      case "probe":
        return this.later(10, () => tell({ type: "probed", server: effect.server, gone: !this.#nodes.find(({ id }) => id === effect.server)!.alive }));
      case "handOver": {
        const told = this.#nodes.find(({ id }) => id === effect.addr)!;
        const settled = (): void => this.later(10, () => tell({ type: "handedOver", release: effect.release }));
        const req = ++this.#ids;
        this.#offers.set(req, settled);
        if (told.alive && this.chance(0.9)) this.later(10, () => this.#step(told, { type: "released", req, epoch: effect.epoch, slots: effect.slots }));
        return this.later(300, settled);
      }
      case "replay":
        return this.later(10, async () => {
          const entries = await this.store.after(effect.channel, effect.after, this.pick([1, 3, effect.limit]));
          this.later(10, () => tell({ type: "replayed", channel: effect.channel, sub: effect.sub, entries }));
        });
      case "wake":
        this.#queue.push({ at: effect.at, order: this.#order++, run: () => tell({ type: "tick" }) });
        return;
      case "answer":
        return this.#answered(effect);
      case "send":
        return this.#received(node, effect);
      case "close":
      case "read":
      case "traced":
      case "drained":
        return;
      default:
        return effect satisfies never;
    }
  }

  #answered({ req, reply }: Extract<Effect, { type: "answer" }>): void {
    this.#offers.get(req)?.();
    const publish = this.#asked.get(req);
    if (reply.type === "refused") {
      if (reply.reason === "already_reacted") throw new Error("a reaction was applied without its key being known");
      return this.later(200, () => this.#again(req));
    }
    if (reply.type !== "published" || publish === undefined) return;
    this.#asked.delete(req);
    const key = logKey(publish);
    expect(this.acked.get(key) ?? reply.published.offset).toBe(reply.published.offset);
    this.acked.set(key, reply.published.offset);
  }

  #subscribe(gateway: Gateway): void {
    const node = this.calm ? this.#nodes.find(({ id }) => id === this.#preference[0])! : this.pick(this.#nodes);
    if (!node.alive) return this.later(100, () => this.#subscribe(gateway));
    if (gateway.node !== node) {
      if (gateway.node !== undefined) this.#step(gateway.node, { type: "linkClosed", link: gateway.link });
      this.#step(node, { type: "linkOpened", link: gateway.link });
    }
    gateway.node = node;
    gateway.chan = ++this.#ids;
    this.#step(node, { type: "linkFrame", link: gateway.link, frame: { type: "subscribe", chan: gateway.chan, after: gateway.last, id: channel } });
  }

  #received(node: Node, { link, frame }: Extract<Effect, { type: "send" }>): void {
    const gateway = this.gateways.find((one) => one.link === link)!;
    if (gateway.node !== node || !("chan" in frame) || frame.chan !== gateway.chan) return;
    if (frame.type === "event") {
      expect(frame.offset).toBe(gateway.last + 1);
      gateway.last = frame.offset;
    } else if (frame.type === "moved") this.later(100, () => this.#subscribe(gateway));
  }

  /** One trouble after the other until the calm. */
  #chaos(): void {
    if (this.calm) {
      this.#reshuffle();
      for (const gateway of this.gateways) this.#subscribe(gateway);
      return;
    }
    const trouble = this.#random();
    if (trouble < 0.35) this.#reshuffle();
    else if (trouble < 0.7) this.#crash(this.pick(this.#nodes));
    else this.#subscribe(this.pick(this.gateways));
    this.later(600, () => this.#chaos());
  }

  #reshuffle(): void {
    const rest = [...servers];
    this.#preference = servers.map(() => rest.splice(Math.floor(this.#random() * rest.length), 1)[0]!);
    const list = this.#preference;
    const ring: RingView = { epoch: ++this.#epoch, preferenceOfSlot: () => list.map((id) => ({ id, addr: id })) };
    for (const node of this.#nodes) this.later(this.calm ? 50 : 1_500, () => this.#adopt(node, ring));
  }

  #adopt(node: Node, ring: RingView): void {
    if (ring.epoch > node.state.epoch) this.#step(node, { type: "topology", ring });
  }

  #crash(node: Node): void {
    if (!node.alive) return;
    node.alive = false;
    node.life++;
    for (const gateway of this.gateways) {
      if (gateway.node !== node) continue;
      gateway.node = undefined;
      this.later(100, () => this.#subscribe(gateway));
    }
    this.later(1_000, () => {
      node.alive = true;
      node.state = new ChannelState({ server: node.id, slotOf: () => 7 });
      const list = this.#preference;
      this.#adopt(node, { epoch: this.#epoch, preferenceOfSlot: () => list.map((id) => ({ id, addr: id })) });
    });
  }
}

/** A store that never answers well; effects whose answer is lost get what it says. */
const unavailable = new Proxy({} as LogStore, {
  get: () => async () => {
    const { StoreUnavailable } = await import("../store/log.ts");
    throw new StoreUnavailable("by chance");
  },
});

async function live(seed: number): Promise<void> {
  const world = new World(seed);
  world.publish({ kind: "message", user: "U0", key: "target", draft: { text: "target" } });
  const reactions = new Set<string>();
  for (let i = 0; i < publications; i++) {
    const key = `k${i}`;
    world.later(chaosMs, async () => {
      const target = await world.store.byKey(channel, "U0:target");
      if (target === undefined || world.chance(0.6)) return world.publish({ kind: "message", user: "U0", key, draft: { text: key } });
      reactions.add(key);
      return world.publish({ kind: "react", user: `U${i}`, key, ts: target.ts, name: "wave" });
    });
  }
  await world.run(async () => {
    const { head } = await world.store.head(channel);
    return world.acked.size === publications + 1 && world.gateways.every(({ last }) => last === head) && world.pendingBytes === 0;
  });

  const entries = await world.store.after(channel, 0, 10_000);
  expect(entries.map(({ offset }) => offset)).toEqual(entries.map((_, i) => i + 1));
  expect(entries.map(({ ts }) => ts)).toEqual(entries.map(({ ts }) => ts).toSorted());
  expect(new Set(entries.map(({ ts }) => ts)).size).toBe(entries.length);
  expect(new Map(entries.map(({ key, offset }) => [key, offset]))).toEqual(world.acked);
  expect(entries.length).toBe(world.acked.size);
  expect(entries.every(({ kind }) => kind === eventKinds.client)).toBe(true);
  const target = entries.find(({ key }) => key === "U0:target")!;
  const message = JSON.parse(Buffer.from((await world.store.message(channel, target.ts))!).toString()) as Message & { reactions?: { users: string[] }[] };
  expect(new Set(message.reactions?.[0]?.users.map((user) => `k${user.slice(1)}`))).toEqual(reactions);
}

describe("three servers over one store, by chance", () => {
  const only = process.env["SEED"];
  const count = Number(process.env["SEEDS"] ?? 40);
  const seeds = only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)];
  it("lose nothing, double nothing and keep one order", async () => {
    for (const seed of seeds) {
      try {
        await live(seed);
      } catch (error) {
        throw new Error(`SEED=${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
});

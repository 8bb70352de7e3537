/**
 * The two bounds of docs/protocol.md, "Presence", over random faults of gateways, their links, the ring and the server itself: a user
 * with a live socket is not called away before the grace period is over, nor while their gateway can be heard; nobody is called active
 * for longer than TTL + grace after they were last heard of.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { LINK_VERSION, type LinkFrame } from "../protocol/link.ts";
import type { Effect, Event } from "./events.ts";
import { Presence } from "./state.ts";

const options = { id: "ps-0", graceMs: 5_000, settleMs: 2_000, linkSilenceMs: 3_000, maxUsers: 10, maxWatches: 10 };
const pingMs = 1_000;
const epochMs = 150;
/** A gateway whose link broke has a new one after this time at most; it is less than the server waits for it. */
const relinkMs = 1_500;
const user = "UADA";
const gateways = ["gw-0", "gw-1", "gw-2"] as const;
const watcher = 2;

type Fault =
  | { readonly type: "come"; readonly gateway: number }
  | { readonly type: "go"; readonly gateway: number }
  /** its link breaks, or it falls silent for a while, as a paused process does */
  | { readonly type: "cut"; readonly gateway: number; readonly ms: number }
  | { readonly type: "pause"; readonly gateway: number; readonly ms: number }
  | { readonly type: "epoch"; readonly moves: boolean }
  /** a rebalance of channels: many epochs that move no user */
  | { readonly type: "rebalance"; readonly ms: number }
  | { readonly type: "restart" };

interface Gateway {
  live: boolean;
  /** what it has said on its link */
  online: boolean;
  epoch: number;
  /** undefined: no link */
  link: number | undefined;
  /** until when it says nothing, or has no link */
  awayUntil: number;
}

/** One presence server that owns the user, and three gateways, of which one is watched through. */
class World {
  now = 0;
  told: boolean | undefined;
  /** when the user was last announced by a gateway that the server could hear */
  reachedAt = -Infinity;
  /** when the server last had to wait for the gateways */
  unsettledAt = 0;
  readonly faults: string[] = [];
  #state = new Presence(options);
  readonly #gateways: Gateway[] = gateways.map(() => ({ live: false, online: false, epoch: 0, link: undefined, awayUntil: 0 }));
  #links = 0;
  #epoch = 1;
  #rebalancedUntil = 0;
  #placement = 1;

  constructor() {
    this.#topology();
  }

  strike(fault: Fault): void {
    if (fault.type === "restart") {
      this.#state = new Presence(options);
      this.unsettledAt = this.now;
      for (const [i, gateway] of this.#gateways.entries()) this.#unlink(gateway, this.now + ((i + this.#links) * 577) % relinkMs);
      return this.#topology();
    }
    if (fault.type === "epoch") {
      this.#epoch++;
      if (fault.moves) this.#placement++;
      if (fault.moves) this.unsettledAt = this.now;
      return this.#topology();
    }
    if (fault.type === "rebalance") return void (this.#rebalancedUntil = this.now + fault.ms);
    const gateway = this.#gateways[fault.gateway]!;
    if (fault.type === "come") gateway.live = true;
    else if (fault.type === "go") gateway.live = false;
    else if (fault.type === "pause") gateway.awayUntil = this.now + fault.ms;
    else if (gateway.link !== undefined) {
      const { link } = gateway;
      this.#unlink(gateway, this.now + Math.min(fault.ms, relinkMs));
      this.#tell({ type: "linkClosed", link });
    }
  }

  wait(ms: number): void {
    const step = 50;
    for (const end = this.now + ms; this.now < end; ) {
      this.now += step;
      if (this.now < this.#rebalancedUntil && this.now % epochMs === 0) this.strike({ type: "epoch", moves: false });
      this.#tell({ type: "tick" });
      for (const gateway of this.#gateways) {
        if (gateway.awayUntil > this.now) continue;
        this.#sync(gateway);
        if (this.now % pingMs === 0) this.#say(gateway, { type: "ping", at: 0 });
      }
      if (this.#gateways.some((gateway) => gateway.live && this.#hears(gateway))) this.reachedAt = this.now;
      this.#check();
    }
  }

  #check(): void {
    if (!this.#hears(this.#gateways[watcher]!)) return; // nobody could tell it
    const { graceMs, linkSilenceMs, settleMs } = options;
    if (this.told === false && this.reachedAt === this.now) this.faults.push(`at ${this.now} a user is away who is there`);
    const bound = Math.max(this.reachedAt + linkSilenceMs + graceMs, this.unsettledAt + settleMs);
    if (this.told === true && this.now > bound + 100) this.faults.push(`at ${this.now} a user is active who was reached at ${this.reachedAt}`);
  }

  #hears(gateway: Gateway): boolean {
    return gateway.link !== undefined && gateway.awayUntil <= this.now;
  }

  #unlink(gateway: Gateway, until: number): void {
    gateway.link = undefined;
    gateway.awayUntil = Math.max(gateway.awayUntil, until);
  }

  /** It has a link, and has said all there. */
  #sync(gateway: Gateway): void {
    if (gateway.link === undefined) {
      gateway.link = ++this.#links;
      gateway.online = false;
      gateway.epoch = 0;
      const index = this.#gateways.indexOf(gateway);
      this.#tell({ type: "linkOpened", link: gateway.link });
      this.#say(gateway, { type: "hello", v: LINK_VERSION, server: gateways[index]!, epoch: this.#epoch });
      if (index === watcher) this.#say(gateway, { type: "watch", user });
    }
    if (gateway.live !== gateway.online) this.#say(gateway, gateway.live ? { type: "online", user, manualAway: 0, at: 0 } : { type: "offline", user });
    gateway.online = gateway.live;
    if (gateway.epoch < this.#epoch) this.#say(gateway, { type: "announced", epoch: (gateway.epoch = this.#epoch) });
  }

  #topology(): void {
    const [epoch, placement] = [this.#epoch, String(this.#placement)];
    const ring = { epoch, placement: () => placement, owner: () => ({ id: "ps-0" }), servers: () => gateways.map((id) => ({ id, state: "up" as const })) };
    this.#tell({ type: "topology", ring });
  }

  #say(gateway: Gateway, frame: LinkFrame): void {
    if (gateway.link !== undefined) this.#tell({ type: "linkFrames", link: gateway.link, frames: [frame] });
  }

  #tell(event: Event): void {
    for (const effect of this.#state.step(event, this.now)) this.#do(effect);
  }

  #do(effect: Effect): void {
    if (effect.type === "close") for (const gateway of this.#gateways) if (gateway.link === effect.link) gateway.link = undefined;
    if (effect.type === "send" && effect.frame.type === "presence" && effect.link === this.#gateways[watcher]!.link) {
      this.told = effect.frame.active === 1;
      if (this.told || !this.#gateways.some((gateway) => gateway.live)) return;
      // A server that is new to the user has never heard the gateway, and waits less for it.
      const patienceMs = this.unsettledAt >= this.reachedAt ? options.settleMs : options.graceMs;
      if (this.now - this.reachedAt < patienceMs) this.faults.push(`at ${this.now} a user is called away who was reached at ${this.reachedAt}`);
    }
  }
}

const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ type: fc.constantFrom("come", "go"), gateway: fc.nat(2) }),
  fc.record({ type: fc.constantFrom("cut", "pause"), gateway: fc.nat(2), ms: fc.oneof(fc.nat(2_000), fc.nat(12_000)) }),
  fc.record({ type: fc.constant("epoch" as const), moves: fc.boolean() }),
  fc.record({ type: fc.constant("rebalance" as const), ms: fc.nat(12_000) }),
  fc.constant({ type: "restart" as const }),
);

test("no live user is called away before the grace period is over, no dead one active after TTL + grace", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fault, fc.oneof(fc.nat(6), fc.nat(60)).map((n) => n * 50)), { maxLength: 60 }), (faults) => {
      const world = new World();
      for (const [fault, ms] of faults) {
        world.strike(fault);
        world.wait(ms);
      }
      world.wait(20_000);
      expect(world.faults).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});

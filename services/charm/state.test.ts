import { describe, expect, test } from "vitest";
import { limits } from "../protocol/limits.ts";
import { type Pool, pools, type Server, type Topology } from "../protocol/topology.ts";
import { type Intents, noIntents, withPins, withServer } from "./intents.ts";
import type { Member } from "./member.ts";
import { type Boot, Charm, type Effect, type Event } from "./state.ts";

/** Rebalances at once, where a test is not about steps. */
const timing = { settleMs: 400, lingerMs: 2_000, bootGraceMs: 3_000, guardWindowMs: 5_000, stepShare: 1, warmWithinMs: 5_000 };

/** charm under a hand-made clock: effects are carried out as server.ts does, and written down. */
class Trace {
  readonly lines: string[] = [];
  readonly charm: Charm;
  now = 0;
  #stored: Topology | undefined;
  #wakeAt = Infinity;
  /** members of the pool `channel`, as the registry has them */
  readonly #members = new Map<string, Member>();
  #intents: Intents;
  unwritable = false;

  /** who was asked last whether they are warm, and at which epoch */
  asked: { readonly epoch: number; readonly servers: readonly { readonly id: string }[] } = { epoch: 0, servers: [] };

  constructor(boot: Partial<Boot> = {}, leading = true, stepShare = 1) {
    this.#stored = boot.topology;
    this.#intents = boot.intents ?? noIntents;
    this.charm = new Charm({ topology: undefined, intents: noIntents, firstEpoch: 1, ...boot }, { ...timing, stepShare }, 0);
    if (leading) this.send({ type: "leading", leading: true });
  }

  get stored(): Topology {
    return this.#stored!;
  }
  get intents(): Intents {
    return this.#intents;
  }

  send(event: Event): void {
    this.#wakeAt = Infinity;
    for (const effect of this.charm.step(event, this.now)) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    const say = (what: string): unknown => this.lines.push(`${this.now} ${what}`);
    switch (effect.type) {
      case "wake":
        this.#wakeAt = effect.at;
        break;
      case "endpoints":
        say(`endpoints ${effect.pool}: ${effect.addresses.map((addr) => addr.slice(addr.indexOf(":"))).join(" ") || "none"}`);
        break;
      case "askWarm":
        this.asked = effect;
        say(`warm at ${effect.epoch}? ${effect.servers.map(({ id }) => id).join(" ")}`);
        break;
      case "held":
        say(`held ${effect.pool}: ${effect.servers.join(" ") || "none"}`);
        break;
      case "publish":
        say(`publish ${effect.draft.epoch} ${describeDraft(effect.draft.pools.channel)}${this.unwritable ? " (fails)" : ""}`);
        if (this.unwritable) return this.send({ type: "unpublished" });
        this.#stored = document(effect.draft.epoch, effect.draft.pools.channel.servers, effect.draft.pools.channel.pins);
        this.send({ type: "topology", topology: this.#stored });
        break;
    }
  }

  /** Lets time pass, waking charm when it asked for it. */
  pass(ms: number): this {
    const end = this.now + ms;
    while (this.#wakeAt <= end) {
      this.now = Math.max(this.now + 1, this.#wakeAt);
      this.send({ type: "tick" });
    }
    this.now = end;
    return this;
  }

  /** The registry's view of `channel` changes: `up`, `critical`, `gone`, or a new address. */
  members(changes: Record<string, "up" | "critical" | "gone" | { port: number }>): this {
    for (const [id, change] of Object.entries(changes)) {
      const before = this.#members.get(id) ?? member(id);
      if (change === "gone") this.#members.delete(id);
      else if (typeof change === "object") this.#members.set(id, { ...before, addr: `10.0.0.1:${change.port}`, passing: true });
      else this.#members.set(id, { ...before, passing: change === "up" });
    }
    this.send({ type: "members", pool: "channel", members: [...this.#members.values()] });
    return this;
  }

  /** These servers, or all that were asked, say that they are warm, 10 ms later. */
  warm(...ids: string[]): this {
    this.pass(10);
    const { epoch, servers } = this.asked;
    for (const server of ids.length > 0 ? ids : servers.map(({ id }) => id)) this.send({ type: "warm", server, epoch });
    return this;
  }

  intend(change: (intents: Intents) => Intents): this {
    this.#intents = change(this.#intents);
    this.send({ type: "intents", intents: this.#intents });
    return this;
  }

  get text(): string {
    return `\n${this.lines.splice(0).join("\n")}\n`;
  }
}

function member(id: string): Member {
  return { id, addr: `10.0.0.1:700${id.slice(-1)}`, zone: "a", weight: 100, passing: true };
}

function describeDraft({ servers, pins }: { servers: readonly Server[]; pins: readonly (readonly [number, string])[] }): string {
  const list = servers.map((s) => `${s.id}=${s.state}${s.weight === 100 ? "" : `*${s.weight}`}${s.addr === member(s.id).addr ? "" : `@${s.addr.slice(s.addr.indexOf(":"))}`}`);
  return (list.join(" ") || "empty") + pins.map(([slot, id]) => ` pin ${slot}→${id}`).join("");
}

function document(epoch: number, servers: readonly Server[], pins: readonly (readonly [number, string])[] = []): Topology {
  const empty = { servers: [], pins: [], tableDigest: "0".repeat(16) };
  return { v: 1, epoch, keyId: "0".repeat(8), pools: { ...(Object.fromEntries(pools.map((pool) => [pool, empty])) as unknown as Record<Pool, typeof empty>), channel: { servers, pins, tableDigest: "0".repeat(16) } } as Topology["pools"] };
}

const up = (...ids: string[]): Server[] => ids.map((id) => ({ id, addr: member(id).addr, zone: "a", weight: 100, state: "up" as const }));
const running = (...ids: string[]): Trace => runningBy(1, ...ids);
const runningBy = (stepShare: number, ...ids: string[]): Trace => {
  const trace = new Trace({ topology: document(10, up(...ids)) }, true, stepShare).members(Object.fromEntries(ids.map((id) => [id, "up" as const]))).pass(60_000);
  expect(trace.text).toBe("\n\n");
  return trace;
};

describe("charm's decisions", () => {
  const texts = (trace: Trace): string => `\n${trace.charm.decisions(0).map(({ at, epoch, kind, text }) => `${at} ${epoch} ${kind}: ${text}`).join("\n")}\n`;

  test("name who joined, fell, was held and left, and why", () => {
    const trace = running("cs-0", "cs-1", "cs-2", "cs-3");
    trace.members({ "cs-4": "up" }).pass(1_000).members({ "cs-4": "critical" }).pass(10_000);
    trace.members({ "cs-0": "critical", "cs-1": "critical", "cs-2": "critical" }).pass(10).members({ "cs-0": "up", "cs-1": "up", "cs-2": "up", "cs-4": "up" }).pass(1_000).members({ "cs-3": "gone" }).pass(1_000);
    expect(texts(trace)).toMatchInlineSnapshot(`
      "
      0 10 lead: took the lead
      60400 11 member: cs-4 joined in a, at 10.0.0.1:7004
      60400 11 published: epoch 11 is published
      61000 12 member: cs-4 is down: its check is critical
      61000 12 published: epoch 12 is published
      71000 12 held: held in channel: churn guard, 3 of 4 servers critical at once
      71010 12 held: channel is not held any more
      71010 13 member: cs-4 is back: its check passes
      71010 13 published: epoch 13 is published
      72010 14 member: cs-3 left: it is not registered any more
      72010 14 published: epoch 14 is published
      "
    `);
  });

  test("count the steps of a drain: what each moves, from whom to whom, and what is left", () => {
    const trace = runningBy(0.25, "cs-0", "cs-1", "cs-2");
    trace.intend((intents) => withServer(intents, "cs-1", { drain: true })).warm().warm().pass(10_000);
    trace.intend((intents) => withPins(intents, "channel", [[7, "cs-0"]])).pass(10);
    expect(texts(trace)).toMatchInlineSnapshot(`
      "
      0 10 lead: took the lead
      60000 10 operator: drain of cs-1 by the operator
      60000 11 step: step 1: 24.2 % of the slots move from cs-1 to cs-0, cs-2; 9.1 % are left
      60000 11 published: epoch 11 is published
      60010 12 member: cs-1 is drained: it owns nothing
      60010 12 step: step 2: 9.1 % of the slots move from cs-1 to cs-0, cs-2; 0 % are left
      60010 12 published: epoch 12 is published
      60020 12 step: all slots are where they belong, after 2 steps
      70020 12 operator: slot 7 pinned to cs-0 by the operator
      70020 13 published: epoch 13 is published
      "
    `);
  });

  test("of writes that fail for a minute, and of a registry that comes and goes, are told once; a step counts when it is published", () => {
    const trace = runningBy(0.25, "cs-0", "cs-1", "cs-2");
    trace.unwritable = true;
    trace.intend((intents) => withServer(intents, "cs-1", { drain: true }));
    for (let i = 0; i < 60; i++) {
      for (const pool of pools) trace.send({ type: "lost", pool });
      trace.members({}).pass(1_000);
    }
    trace.unwritable = false;
    trace.pass(1_000).warm().warm();
    expect(texts(trace)).toMatchInlineSnapshot(`
      "
      0 10 lead: took the lead
      60000 10 operator: drain of cs-1 by the operator
      60000 10 registry: epoch 11 could not be written; it is tried again
      60000 10 registry: the registry does not answer for channel servers: those that are in the ring stay
      60000 10 registry: the registry does not answer for presence servers: those that are in the ring stay
      60000 10 registry: the registry does not answer for gateway servers: those that are in the ring stay
      120500 11 step: step 1: 24.2 % of the slots move from cs-1 to cs-0, cs-2; 9.1 % are left
      120500 11 published: epoch 11 is published
      121010 12 member: cs-1 is drained: it owns nothing
      121010 12 step: step 2: 9.1 % of the slots move from cs-1 to cs-0, cs-2; 0 % are left
      121010 12 published: epoch 12 is published
      121020 12 step: all slots are where they belong, after 2 steps
      "
    `);
  });

  test("are the last 500, and their numbers go on rising when charm starts anew", () => {
    const trace = running("cs-0");
    for (let i = 0; i < 600; i++) trace.intend((intents) => withServer(intents, "cs-0", { drain: i % 2 === 0 }));
    const kept = trace.charm.decisions(0);
    expect(kept).toHaveLength(limits.charmDecisions);
    expect(kept.at(-1)!.n - kept[0]!.n).toBe(limits.charmDecisions - 1);
    expect(trace.charm.decisions(kept.at(-2)!.n)).toEqual([kept.at(-1)]);
    const next = new Charm({ topology: undefined, intents: noIntents, firstEpoch: 1 }, timing, kept.at(-1)!.n + 1);
    next.step({ type: "leading", leading: true }, kept.at(-1)!.n + 1);
    expect(next.decisions(kept.at(-1)!.n)).toMatchObject([{ text: "took the lead" }]);
  });
});

describe("charm's state", () => {
  test("at the first boot, tells Envoy of each server at once, and rings those that start together in one epoch", () => {
    const trace = new Trace();
    trace.members({ "cs-0": "up" }).pass(150).members({ "cs-1": "up" }).pass(150).members({ "cs-2": "up" }).pass(10_000);
    expect(trace.text).toMatchInlineSnapshot(`
      "
      0 endpoints channel: :7000
      150 endpoints channel: :7000 :7001
      300 endpoints channel: :7000 :7001 :7002
      700 publish 1 cs-0=up cs-1=up cs-2=up
      "
    `);
  });

  test("servers that trickle in don't keep the first one waiting for more than twice the settle time", () => {
    const trace = new Trace();
    for (let i = 0; i < 5; i++) trace.members({ [`cs-${i}`]: "up" }).pass(300);
    expect(trace.pass(10_000).text).toMatchInlineSnapshot(`
      "
      0 endpoints channel: :7000
      300 endpoints channel: :7000 :7001
      600 endpoints channel: :7000 :7001 :7002
      800 publish 1 cs-0=up cs-1=up
      900 endpoints channel: :7000 :7001 :7002 :7003
      1200 endpoints channel: :7000 :7001 :7002 :7003 :7004
      1400 publish 2 cs-0=up cs-1=up cs-2=up cs-3=up
      1600 publish 3 cs-0=up cs-1=up cs-2=up cs-3=up cs-4=up
      "
    `);
  });

  test("a server joins: endpoint first, ring when it has settled", () => {
    expect(running("cs-0", "cs-1").members({ "cs-2": "up" }).pass(10_000).text).toMatchInlineSnapshot(`
      "
      60000 endpoints channel: :7000 :7001 :7002
      60400 publish 11 cs-0=up cs-1=up cs-2=up
      "
    `);
  });

  test("a server leaves: ring at once, endpoint later", () => {
    expect(running("cs-0", "cs-1", "cs-2").members({ "cs-1": "gone" }).pass(10_000).text).toMatchInlineSnapshot(`
      "
      60000 publish 11 cs-0=up cs-2=up
      62000 endpoints channel: :7000 :7002
      "
    `);
  });

  test("a server turns critical and comes back at once, since its address is known", () => {
    const trace = running("cs-0", "cs-1", "cs-2").members({ "cs-1": "critical" }).pass(2_000).members({ "cs-1": "up" }).pass(10_000);
    expect(trace.text).toMatchInlineSnapshot(`
      "
      60000 publish 11 cs-0=up cs-1=down cs-2=up
      62000 publish 12 cs-0=up cs-1=up cs-2=up
      "
    `);
  });

  test("a server that comes back at another address keeps its old record until Envoy knows the new one", () => {
    expect(running("cs-0", "cs-1", "cs-2").members({ "cs-1": { port: 9009 } }).pass(10_000).text).toMatchInlineSnapshot(`
      "
      60000 endpoints channel: :7000 :7001 :7002 :9009
      60400 publish 11 cs-0=up cs-1=up@:9009 cs-2=up
      62400 endpoints channel: :7000 :7002 :9009
      "
    `);
  });

  test("a server that registers as critical and never passed does not enter", () => {
    expect(running("cs-0").members({ "cs-1": "critical" }).pass(10_000).text).toMatchInlineSnapshot(`
      "
      60000 endpoints channel: :7000 :7001
      "
    `);
  });

  test("drain, weight and pins are the operator's; a pin to an absent server waits", () => {
    const trace = running("cs-0", "cs-1");
    trace.intend((intents) => withServer(intents, "cs-1", { drain: true })).pass(10);
    trace.intend((intents) => withServer(intents, "cs-0", { weight: 50 })).pass(10);
    trace.intend((intents) => withPins(intents, "channel", [[7, "cs-0"], [9, "cs-2"]])).pass(10);
    trace.members({ "cs-2": "up" }).pass(1_000);
    trace.intend((intents) => withServer(intents, "cs-1", { drain: false })).pass(10);
    trace.intend((intents) => withServer(intents, "cs-0", { weight: null })).pass(10_000);
    expect(trace.text).toMatchInlineSnapshot(`
      "
      60000 publish 11 cs-0=up cs-1=draining
      60010 publish 12 cs-0=up*50 cs-1=draining
      60020 publish 13 cs-0=up*50 cs-1=draining pin 7→cs-0
      60030 endpoints channel: :7000 :7001 :7002
      60430 publish 14 cs-0=up*50 cs-1=draining cs-2=up pin 7→cs-0 pin 9→cs-2
      61030 publish 15 cs-0=up*50 cs-1=up cs-2=up pin 7→cs-0 pin 9→cs-2
      61040 publish 16 cs-0=up cs-1=up cs-2=up pin 7→cs-0 pin 9→cs-2
      "
    `);
  });

  test("a drained server that restarts is still drained", () => {
    const trace = running("cs-0", "cs-1").intend((intents) => withServer(intents, "cs-1", { drain: true }));
    trace.members({ "cs-1": "gone" }).pass(100).members({ "cs-1": "up" }).pass(10_000);
    expect(trace.text).toMatchInlineSnapshot(`
      "
      60000 publish 11 cs-0=up cs-1=draining
      60000 publish 12 cs-0=up
      60100 publish 13 cs-0=up cs-1=draining
      "
    `);
  });

  describe("a rebalance", () => {
    const drain = (trace: Trace, id: string): Trace => trace.intend((intents) => withServer(intents, id, { drain: true }));

    test("goes by steps, each when all servers have taken the one before", () => {
      const trace = drain(runningBy(0.1, "cs-0", "cs-1", "cs-2"), "cs-1").pass(1_000);
      expect(trace.charm.rebalance(trace.now)).toEqual({ left: expect.closeTo(0.2395, 3), waitingFor: ["cs-0", "cs-1", "cs-2"] });
      trace.warm("cs-0", "cs-2").pass(1_000);
      expect(trace.charm.rebalance(trace.now)).toMatchObject({ waitingFor: ["cs-1"] });
      trace.warm().warm().warm().pass(1_000).warm().pass(60_000);
      expect(trace.text).toMatchInlineSnapshot(`
        "
        60000 publish 11 cs-0=up cs-1=up*63 cs-2=up
        60000 warm at 11? cs-0 cs-1 cs-2
        62020 publish 12 cs-0=up cs-1=up*34 cs-2=up
        62020 warm at 12? cs-0 cs-1 cs-2
        62030 publish 13 cs-0=up cs-1=up*11 cs-2=up
        62030 warm at 13? cs-0 cs-1 cs-2
        62040 publish 14 cs-0=up cs-1=draining cs-2=up
        62040 warm at 14? cs-0 cs-1 cs-2
        "
      `);
      expect(trace.charm.rebalance(trace.now)).toBeUndefined();
    });

    test("waits for nobody longer than it should", () => {
      const trace = drain(runningBy(0.2, "cs-0", "cs-1", "cs-2"), "cs-1").pass(60_000);
      expect(trace.text).toMatchInlineSnapshot(`
        "
        60000 publish 11 cs-0=up cs-1=up*33 cs-2=up
        60000 warm at 11? cs-0 cs-1 cs-2
        65000 publish 12 cs-0=up cs-1=draining cs-2=up
        65000 warm at 12? cs-0 cs-1 cs-2
        "
      `);
    });

    test("holds no failure up, nor a failure it; what comes back comes by steps", () => {
      const trace = drain(runningBy(0.1, "cs-0", "cs-1", "cs-2", "cs-3"), "cs-1").pass(100);
      trace.members({ "cs-3": "critical" }).pass(100).warm("cs-0", "cs-1", "cs-2").warm().warm();
      trace.members({ "cs-3": "up" }).pass(10);
      for (let i = 0; i < 5; i++) trace.warm();
      expect(trace.text).toMatchInlineSnapshot(`
        "
        60000 publish 11 cs-0=up cs-1=up*55 cs-2=up cs-3=up
        60000 warm at 11? cs-0 cs-1 cs-2 cs-3
        60100 publish 12 cs-0=up cs-1=up*55 cs-2=up cs-3=down
        60210 publish 13 cs-0=up cs-1=up*28 cs-2=up cs-3=down
        60210 warm at 13? cs-0 cs-1 cs-2
        60220 publish 14 cs-0=up cs-1=up*6 cs-2=up cs-3=down
        60220 warm at 14? cs-0 cs-1 cs-2
        60230 publish 15 cs-0=up cs-1=draining cs-2=up cs-3=down
        60230 warm at 15? cs-0 cs-1 cs-2
        60250 publish 16 cs-0=up cs-1=draining cs-2=up cs-3=up*21
        60250 warm at 16? cs-0 cs-1 cs-2 cs-3
        60260 publish 17 cs-0=up cs-1=draining cs-2=up cs-3=up*47
        60260 warm at 17? cs-0 cs-1 cs-2 cs-3
        60270 publish 18 cs-0=up cs-1=draining cs-2=up cs-3=up*80
        60270 warm at 18? cs-0 cs-1 cs-2 cs-3
        60280 publish 19 cs-0=up cs-1=draining cs-2=up cs-3=up
        60280 warm at 19? cs-0 cs-1 cs-2 cs-3
        "
      `);
    });

    test("turns back where it is when the operator does", () => {
      const trace = drain(runningBy(0.1, "cs-0", "cs-1", "cs-2"), "cs-1").warm();
      trace.intend((intents) => withServer(intents, "cs-1", { drain: false })).warm().warm().warm();
      expect(trace.text).toMatchInlineSnapshot(`
        "
        60000 publish 11 cs-0=up cs-1=up*63 cs-2=up
        60000 warm at 11? cs-0 cs-1 cs-2
        60010 publish 12 cs-0=up cs-1=up*34 cs-2=up
        60010 warm at 12? cs-0 cs-1 cs-2
        60020 publish 13 cs-0=up cs-1=up*63 cs-2=up
        60020 warm at 13? cs-0 cs-1 cs-2
        60030 publish 14 cs-0=up cs-1=up cs-2=up
        60030 warm at 14? cs-0 cs-1 cs-2
        "
      `);
    });

    test("is gone on with by another charm, from what is published and what operators want", () => {
      const servers = [...up("cs-0"), { ...up("cs-1")[0]!, weight: 40 }, ...up("cs-2")];
      const intents = withServer(noIntents, "cs-1", { drain: true });
      const trace = new Trace({ topology: document(10, servers), intents }, false, 0.1).members({ "cs-0": "up", "cs-1": "up", "cs-2": "up" });
      trace.send({ type: "leading", leading: true });
      trace.warm().warm().pass(60_000);
      expect(trace.text).toMatchInlineSnapshot(`
        "
        0 publish 11 cs-0=up cs-1=up*16 cs-2=up
        0 warm at 11? cs-0 cs-1 cs-2
        10 publish 12 cs-0=up cs-1=draining cs-2=up
        10 warm at 12? cs-0 cs-1 cs-2
        "
      `);
    });
  });

  describe("the churn guard", () => {
    test("holds the pool when more than half of it turns critical within five seconds, and lets go as they recover", () => {
      const trace = running("cs-0", "cs-1", "cs-2", "cs-3", "cs-4");
      trace.members({ "cs-0": "critical" }).pass(1_000).members({ "cs-1": "critical" }).pass(1_000);
      trace.members({ "cs-2": "critical" }).pass(1_000).members({ "cs-3": "critical" }).pass(60_000);
      trace.members({ "cs-2": "up" }).pass(100).members({ "cs-0": "up", "cs-1": "up", "cs-3": "up" }).pass(10_000);
      expect(trace.text).toMatchInlineSnapshot(`
        "
        60000 publish 11 cs-0=down cs-1=up cs-2=up cs-3=up cs-4=up
        61000 publish 12 cs-0=down cs-1=down cs-2=up cs-3=up cs-4=up
        62000 held channel: cs-0 cs-1 cs-2
        63000 held channel: cs-0 cs-1 cs-2 cs-3
        123000 held channel: cs-0 cs-1 cs-3
        123100 held channel: none
        123100 publish 13 cs-0=up cs-1=up cs-2=up cs-3=up cs-4=up
        "
      `);
    });

    test("lets go of a rest that does not recover when a window has passed", () => {
      const trace = running("cs-0", "cs-1", "cs-2").members({ "cs-0": "critical", "cs-1": "critical" }).pass(20_000);
      trace.members({ "cs-0": "up" }).pass(20_000);
      expect(trace.text).toMatchInlineSnapshot(`
        "
        60000 held channel: cs-0 cs-1
        80000 held channel: cs-1
        85000 held channel: none
        85000 publish 11 cs-0=up cs-1=down cs-2=up
        "
      `);
    });

    test("lets go at the operator's word, and does not trip again over the same servers", () => {
      const trace = running("cs-0", "cs-1", "cs-2").members({ "cs-0": "critical", "cs-1": "critical" }).pass(1_000);
      trace.send({ type: "release", pool: undefined });
      expect(trace.pass(20_000).text).toMatchInlineSnapshot(`
        "
        60000 held channel: cs-0 cs-1
        61000 held channel: none
        61000 publish 11 cs-0=down cs-1=down cs-2=up
        "
      `);
    });

    test("does not trip over losses that are further apart, nor over servers that deregister", () => {
      const slow = running("cs-0", "cs-1", "cs-2").members({ "cs-0": "critical" }).pass(6_000).members({ "cs-1": "critical" }).pass(10_000);
      expect(slow.text).toMatchInlineSnapshot(`
        "
        60000 publish 11 cs-0=down cs-1=up cs-2=up
        66000 publish 12 cs-0=down cs-1=down cs-2=up
        "
      `);
      const leaving = running("cs-0", "cs-1", "cs-2").members({ "cs-0": "gone", "cs-1": "gone" }).pass(10_000);
      expect(leaving.text).toMatchInlineSnapshot(`
        "
        60000 publish 11 cs-2=up
        62000 endpoints channel: :7002
        "
      `);
    });

    test("keeps what it holds even when the registry has forgotten it, and lets others join and leave meanwhile", () => {
      const trace = running("cs-0", "cs-1", "cs-2").members({ "cs-0": "critical", "cs-1": "critical" }).pass(1_000);
      trace.members({ "cs-0": "gone", "cs-1": "gone" }).pass(60_000).members({ "cs-3": "up" }).pass(1_000);
      expect(trace.text).toMatchInlineSnapshot(`
        "
        60000 held channel: cs-0 cs-1
        121000 endpoints channel: :7000 :7001 :7002 :7003
        121400 publish 11 cs-0=up cs-1=up cs-2=up cs-3=up
        "
      `);
    });
  });

  describe("after a restart", () => {
    test("publishes nothing while the members it knows register again within the grace", () => {
      const trace = new Trace({ topology: document(10, up("cs-0", "cs-1", "cs-2")) });
      trace.members({}).pass(300).members({ "cs-1": "up" }).pass(500).members({ "cs-0": "up", "cs-2": "up" }).pass(60_000);
      expect(trace.text).toBe("\n\n");
      expect(trace.charm.endpoints("channel")).toEqual(up("cs-0", "cs-1", "cs-2").map((server) => server.addr));
    });

    test("drops a member that did not come back within the grace", () => {
      const trace = new Trace({ topology: document(10, up("cs-0", "cs-1", "cs-2")) });
      expect(trace.members({ "cs-0": "up", "cs-1": "up" }).pass(10_000).text).toMatchInlineSnapshot(`
        "
        3000 publish 11 cs-0=up cs-1=up
        5000 endpoints channel: :7000 :7001
        "
      `);
    });

    test("waits longer while more than half of the pool is missing", () => {
      const trace = new Trace({ topology: document(10, up("cs-0", "cs-1", "cs-2")) });
      expect(trace.members({ "cs-0": "up" }).pass(60_000).text).toMatchInlineSnapshot(`
        "
        15000 publish 11 cs-0=up
        17000 endpoints channel: :7000
        "
      `);
    });

    test("takes intents that were changed while it was away", () => {
      const intents = withServer(noIntents, "cs-0", { drain: true });
      const trace = new Trace({ topology: document(10, up("cs-0", "cs-1")), intents });
      expect(trace.text).toMatchInlineSnapshot(`
        "
        0 publish 11 cs-0=draining cs-1=up
        "
      `);
    });
  });

  describe("when the registry is back that was lost", () => {
    const lost = (trace: Trace): Trace => {
      trace.send({ type: "lost", pool: "channel" });
      return trace.pass(60_000).members({ "cs-0": "gone", "cs-1": "gone", "cs-2": "gone" });
    };

    test("publishes nothing while the members register again that it forgot", () => {
      const trace = lost(running("cs-0", "cs-1", "cs-2")).pass(400).members({ "cs-1": "up" }).pass(500).members({ "cs-0": "up", "cs-2": "up" }).pass(60_000);
      expect(trace.text).toBe("\n\n");
    });

    test("drops a member that does not come back within the grace", () => {
      expect(lost(running("cs-0", "cs-1", "cs-2")).members({ "cs-0": "up", "cs-1": "up" }).pass(10_000).text).toMatchInlineSnapshot(`
        "
        123000 publish 11 cs-0=up cs-1=up
        125000 endpoints channel: :7000 :7001
        "
      `);
    });

    test("does not keep one that left for as long as the registry comes and goes", () => {
      const trace = lost(running("cs-0", "cs-1", "cs-2")).members({ "cs-0": "up", "cs-1": "up" });
      for (let i = 0; i < 5; i++) {
        trace.pass(1_000).send({ type: "lost", pool: "channel" });
        trace.members({});
      }
      expect(trace.text).toMatchInlineSnapshot(`
        "
        123000 publish 11 cs-0=up cs-1=up
        125000 endpoints channel: :7000 :7001
        "
      `);
    });

    test("drops one that leaves later at once", () => {
      const trace = lost(running("cs-0", "cs-1")).members({ "cs-0": "up", "cs-1": "up" }).pass(1_000).members({ "cs-1": "gone" });
      expect(trace.pass(10_000).text).toMatchInlineSnapshot(`
        "
        121000 publish 11 cs-0=up
        123000 endpoints channel: :7000
        "
      `);
    });
  });

  describe("writing", () => {
    test("only the leader publishes; one that takes over publishes what has changed meanwhile", () => {
      const trace = new Trace({ topology: document(10, up("cs-0", "cs-1")) }, false);
      trace.members({ "cs-0": "up" }).pass(20_000);
      expect(trace.text).toBe("\n\n");
      trace.send({ type: "leading", leading: true });
      expect(trace.text).toMatchInlineSnapshot(`
        "
        20000 publish 11 cs-0=up
        "
      `);
    });

    test("tries again when the registry can't be written", () => {
      const trace = running("cs-0", "cs-1");
      trace.unwritable = true;
      trace.members({ "cs-1": "gone" }).pass(900);
      trace.unwritable = false;
      expect(trace.pass(1_000).text).toMatchInlineSnapshot(`
        "
        60000 publish 11 cs-0=up (fails)
        60500 publish 11 cs-0=up (fails)
        61000 publish 11 cs-0=up
        "
      `);
    });

    test("goes on from a document that another charm published", () => {
      const trace = running("cs-0", "cs-1");
      trace.send({ type: "topology", topology: document(15, up("cs-0")) });
      expect(trace.text).toMatchInlineSnapshot(`
        "
        60000 publish 16 cs-0=up cs-1=up
        "
      `);
    });

    test("publishes the whole anew, with a higher epoch, when the document was lost or taken back", () => {
      const trace = running("cs-0", "cs-1");
      trace.send({ type: "topology", topology: undefined });
      trace.send({ type: "topology", topology: document(3, up("cs-9")) });
      expect(trace.text).toMatchInlineSnapshot(`
        "
        60000 publish 11 cs-0=up cs-1=up
        60000 publish 12 cs-0=up cs-1=up
        "
      `);
    });
  });
});

import { describe, expect, it } from "vitest";
import { AFTER_HEAD, LINK_VERSION } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { Publish } from "../protocol/mesh.ts";
import type { Entry } from "../store/log.ts";
import type { RingView } from "./events.ts";
import { ChannelState, type Effect, type Event, type Options } from "./state.ts";

/** cs-1 owns all, cs-2 comes next. */
const ring = (epoch: number, ...ids: string[]): RingView => ({ epoch, preferenceOfSlot: () => ids.map((id) => ({ id, addr: `${id}:1` })) });
const say = (text: string, key = text): Publish => ({ kind: "message", user: "U1", key, draft: { text } });

function line(effect: Effect): string {
  switch (effect.type) {
    case "append":
      return `append #${effect.append} ${effect.channel} fence=${effect.fence} ${effect.entries.map(({ offset, ts, key }) => `${offset}@${ts.slice(-8)}:${key}`).join(" ")}`;
    case "lookup":
      return `lookup #${effect.lookup} ${effect.channel} keys=${effect.keys.join(",")} messages=${effect.messages.join(",")}`;
    case "load":
      return `load #${effect.load} ${effect.channel}`;
    case "check":
      return `check ${effect.slots.join(",")}`;
    case "replay":
      return `replay sub=${effect.sub} after=${effect.after}`;
    case "answer": {
      const { reply } = effect;
      if (reply.type === "published") return `answer ${effect.req}: ${reply.published.offset}${reply.published.duplicate ? " (duplicate)" : ""}`;
      return `answer ${effect.req}: ${reply.type}${reply.type === "refused" ? ` ${reply.reason} owner=${reply.owner}` : ""}`;
    }
    case "send": {
      // When it was where is told apart, so that a story reads the same each time.
      const { type, ...rest } = { ...effect.frame, taken: undefined, received: undefined, stored: undefined, trace: undefined };
      const fields = Object.entries(rest).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${value instanceof Uint8Array ? Buffer.from(value).toString() : String(value)}`);
      return `link ${effect.link}: ${type} ${fields.filter((field) => !field.startsWith("payload")).join(" ")}`;
    }
    case "handOver":
      return `hand over to ${effect.addr} by epoch ${effect.epoch}: ${effect.slots.map(([slot, channels]) => `${slot} (${channels.join(" ")})`).join(", ")}`;
    default:
      return Object.values(effect).join(" ");
  }
}

/** A server, its clock and what it did. Store and probes answer only where the test says so. */
class Bench {
  readonly state: ChannelState;
  now = 1_700_000_000_000;
  /** how far the wall clock is from `now`, ms */
  jump = 0;
  effects: Effect[] = [];
  #req = 0;

  constructor(server: string | Omit<Options, "slotOf">, ...preference: string[]) {
    const options = typeof server === "string" ? { server } : server;
    this.state = new ChannelState({ ...options, slotOf: () => 7 });
    this.step({ type: "topology", ring: ring(1, ...preference) });
  }

  step(event: Event): string[] {
    const effects = this.state.step(event, this.now + this.jump, this.now);
    this.effects.push(...effects);
    return effects.filter(({ type }) => type !== "wake").map(line);
  }

  publish(publish: Publish, channel = "C1", epoch = 0, bytes = 0): string[] {
    return this.step({ type: "request", req: ++this.#req, channel, epoch, ask: { type: "publish", publish, bytes, trace: "" } });
  }

  /** The newest effect of a type. */
  last<T extends Effect["type"]>(type: T): Extract<Effect, { type: T }> {
    return this.effects.findLast((effect): effect is Extract<Effect, { type: T }> => effect.type === type)!;
  }

  claimed(fence = 1): string[] {
    return this.step({ type: "claimed", slot: 7, fence });
  }

  loaded(head = 0, lastTs = ""): string[] {
    return this.step({ type: "loaded", channel: "C1", load: this.last("load").load, head, lastTs });
  }

  lookedUp(keys: [string, Entry][] = [], messages: [string, string][] = []): string[] {
    const found = { keys: new Map(keys), messages: new Map(messages.map(([ts, json]) => [ts, Buffer.from(json)])) };
    return this.step({ type: "lookedUp", channel: "C1", lookup: this.last("lookup").lookup, found });
  }

  appended(result: "ok" | "fenced" | "conflict" | "unavailable" = "ok", append = this.last("append").append): string[] {
    return this.step({ type: "appended", channel: "C1", append, result });
  }

  /** Owns C1, which is empty. */
  owning(): this {
    this.publish(say("zero"));
    this.claimed();
    this.loaded();
    this.lookedUp();
    this.appended();
    return this;
  }

  checked(fences: ReadonlyMap<number, number> | undefined): string[] {
    return this.step({ type: "checked", check: this.last("check").check, slots: [7], fences });
  }

  handedOver(): string[] {
    return this.step({ type: "handedOver", release: this.last("handOver").release });
  }

  subscribe(after: number, link = 1, chan = 1): string[] {
    return [...this.step({ type: "linkOpened", link }), ...this.step({ type: "linkFrame", link, frame: { type: "subscribe", chan, after, id: "C1" } })];
  }
}

const stored = (offset: number, key = `k${offset}`): Entry => ({ offset, ts: `1600000000.00000${offset}`, kind: 0, origin: 0, key, payload: Buffer.from("{}") });

/** Somebody listens, and the store gave up the only append. */
const gaveUp = (): Bench => {
  const bench = new Bench("cs-1", "cs-1").owning();
  bench.subscribe(AFTER_HEAD);
  bench.publish(say("a"));
  bench.lookedUp();
  bench.appended("unavailable");
  bench.loaded(1, "1700000000.000000");
  return bench;
};

describe("publishing", () => {
  it("claims the slot, loads the channel, looks the key up, appends, and only then acks and shows", () => {
    const bench = new Bench("cs-1", "cs-1", "cs-2");
    expect([...bench.subscribe(AFTER_HEAD), ...bench.publish(say("hi"))]).toMatchInlineSnapshot(`
      [
        "link 1: hello v=2 server=cs-1 epoch=1",
        "claim 7",
      ]
    `);
    expect(bench.claimed(3)).toMatchInlineSnapshot(`
      [
        "load #2 C1",
      ]
    `);
    expect(bench.loaded(41, "1700000000.000005")).toMatchInlineSnapshot(`
      [
        "link 1: subscribed chan=1 head=41 first=42",
        "lookup #3 C1 keys=U1:hi messages=",
      ]
    `);
    expect(bench.lookedUp()).toMatchInlineSnapshot(`
      [
        "append #4 C1 fence=3 42@0.000006:U1:hi",
      ]
    `);
    expect(bench.appended()).toMatchInlineSnapshot(`
      [
        "answer 1: 42",
        "link 1: event chan=1 offset=42 origin=0 kind=0",
      ]
    `);
  });

  it("appends together what came together, and pipelines appends behind each other", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    bench.publish(say("a"));
    expect([...bench.publish(say("b")), ...bench.publish(say("c"))]).toEqual([]);
    expect(bench.lookedUp()).toMatchInlineSnapshot(`
      [
        "append #5 C1 fence=1 2@0.000001:U1:a",
        "lookup #6 C1 keys=U1:b,U1:c messages=",
      ]
    `);
    const first = bench.last("append").append;
    expect(bench.lookedUp()).toMatchInlineSnapshot(`
      [
        "append #7 C1 fence=1 3@0.000002:U1:b 4@0.000003:U1:c",
      ]
    `);
    expect(bench.appended("ok", bench.last("append").append)).toEqual([]);
    expect(bench.appended("ok", first)).toMatchInlineSnapshot(`
      [
        "answer 2: 2",
        "answer 3: 3",
        "answer 4: 4",
      ]
    `);
  });

  it("gives times that rise though the clock goes back", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    bench.now -= 60_000;
    bench.publish(say("a"));
    bench.lookedUp();
    expect(bench.last("append").entries[0]!.ts).toBe("1700000000.000001");
  });

  it("does not give the time of an entry that failed to another: it may land yet", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    bench.publish(say("a"));
    bench.lookedUp();
    bench.appended("unavailable");
    bench.loaded(1, "1700000000.000000");
    bench.publish(say("b"));
    bench.lookedUp();
    expect(bench.last("append").entries.map(({ offset, ts }) => [offset, ts])).toEqual([[2, "1700000000.000002"]]);
  });

  it("looks again for an append that it gave up, and shows what has landed late, though nobody publishes any more", () => {
    const bench = gaveUp();
    const looks: number[] = [];
    for (const start = bench.now; bench.now < start + 100_000; bench.now += 500) {
      bench.step({ type: "linkFrame", link: 1, frame: { type: "ping", at: 0 } });
      if (!bench.step({ type: "tick" }).some((line) => line.startsWith("load "))) continue;
      looks.push((bench.now - start) / 1_000);
      const [head, ts] = looks.length < 3 ? [1, "1700000000.000000"] : [2, "1700000000.000001"];
      const shown = bench.loaded(head as number, ts as string);
      if (looks.length === 3) expect(shown).toEqual([expect.stringMatching(/^replay sub=\d+ after=1$/)]);
    }
    expect(looks).toEqual([1, 5, 21, 85]);
  });

  it("answers a known key with the entry that it made, and two in flight with one entry", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    bench.publish(say("old", "k9"));
    bench.publish(say("twin", "k"));
    bench.publish(say("twin", "k"));
    expect(bench.lookedUp([["U1:k9", stored(1)]])).toMatchInlineSnapshot(`
      [
        "answer 2: 1 (duplicate)",
        "lookup #5 C1 keys=U1:k messages=",
      ]
    `);
    expect(bench.lookedUp()).toMatchInlineSnapshot(`
      [
        "append #6 C1 fence=1 2@0.000001:U1:k",
      ]
    `);
    expect(bench.publish(say("twin", "k"))).toMatchInlineSnapshot(`
      [
        "lookup #7 C1 keys=U1:k messages=",
      ]
    `);
    expect(bench.appended()).toMatchInlineSnapshot(`
      [
        "answer 3: 2",
        "answer 4: 2 (duplicate)",
      ]
    `);
    // This look-up began before the append was durable and need not have seen it.
    expect(bench.lookedUp()).toMatchInlineSnapshot(`
      [
        "answer 5: 2 (duplicate)",
      ]
    `);
  });

  it("lets a reaction see the ones before it that are not durable yet", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    const ts = "1600000000.000001";
    const message: [string, string] = [ts, JSON.stringify({ type: "message", user: "U1", text: "x", ts, x_off: 1 })];
    const react = (user: string): Publish => ({ kind: "react", user, key: user, ts, name: "wave" });
    bench.publish(react("U1"));
    bench.publish(react("U2"));
    bench.lookedUp([], [message]);
    const first = bench.last("append").append;
    bench.appended("ok", first);
    bench.lookedUp([], [message]);
    const { view } = bench.last("append").entries[0]!;
    expect(JSON.parse(Buffer.from(view!.message!).toString())).toMatchObject({ reactions: [{ name: "wave", users: ["U1", "U2"], count: 2 }] });
  });

  it("refuses what would be the 1,001st that waits in a channel", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    for (let i = 0; i < 1_000; i++) expect(bench.publish(say(`m${i}`)).filter((text) => text.startsWith("answer"))).toEqual([]);
    expect(bench.publish(say("more"))).toEqual(["answer 1002: refused rate_limited owner="]);
    bench.lookedUp();
    expect(bench.appended()).toContain("answer 2: 2");
  });

  it("refuses what its memory has no room for, in whatever channel, until the store has taken what waits", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    const half = limits.pendingAppendBytes / 2;
    expect(bench.publish(say("one"), "C1", 0, half)).toEqual(["lookup #4 C1 keys=U1:one messages="]);
    expect(bench.publish(say("two"), "C2", 0, half)).toEqual(["answer 3: refused rate_limited owner="]);
    expect(bench.publish(say("small"), "C2")).toEqual(["load #5 C2"]);
    const draft = Buffer.alloc(half - 1_000, "x");
    const link = { type: "publish", req: 9, chan: 1, origin: 0, user: "U1", key: "k", taken: 0, trace: "", draft } as const;
    expect(bench.subscribe(1)).toContain("link 1: subscribed chan=1 head=1 first=2");
    expect(bench.step({ type: "linkFrame", link: 1, frame: link })).toEqual([`link 1: refused req=9 reason=rate_limited detail=${half + 2 * 512} bytes of publications wait for the store retryAfterMs=1000`]);
    bench.lookedUp();
    expect(bench.appended()).toContain("answer 2: 2");
    expect(bench.publish(say("two"), "C2", 0, half)).toEqual([]);
    expect(bench.state.status()).toMatchObject({ pendingBytes: half + 2 * 512 });
  });

  it("appends no more at once than the bytes that one append may have, and waits with the next", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    const big = (i: number): Publish => ({ kind: "message", user: "U1", key: `b${i}`, draft: { text: "big", attachments: "x".repeat(240_000) } });
    for (let i = 0; i < 100; i++) bench.publish(big(i));
    bench.lookedUp(); // the first alone
    bench.appended();
    bench.lookedUp();
    const most = Math.ceil(limits.appendBytes / 240_000);
    expect(bench.last("append").entries.length).toBe(most);
    const { append } = bench.last("append");
    expect(bench.step({ type: "tick" })).toEqual([]); // no look-up, while so much is on its way
    expect(bench.appended("ok", append).at(-1)).toMatch(/^lookup .* keys=U1:b19,/);
  });
});

describe("rate limits", () => {
  const rated = (rates: Omit<Options, "server" | "slotOf">): Bench => new Bench({ server: "cs-1", ...rates }, "cs-1");
  /** The answers among what was done, with the time to wait. */
  const answers = (bench: Bench): string[] =>
    bench.effects.splice(0).flatMap((effect) => {
      if (effect.type !== "answer") return [];
      return effect.reply.type === "refused" ? [`${line(effect)} after ${effect.reply.retryAfterMs}`] : [line(effect)];
    });

  it("refuses a channel's messages beyond the burst, and says when the next is taken; the wall clock has no part in it", () => {
    const bench = rated({ channelMessagesPerSecond: 2, burstSeconds: 1 }).owning();
    for (const text of ["b", "c", "d"]) bench.publish(say(text));
    bench.lookedUp();
    bench.lookedUp();
    bench.appended();
    expect(answers(bench)).toEqual(["answer 1: 1", "answer 3: refused rate_limited owner= after 500", "answer 4: refused rate_limited owner= after 500", "answer 2: 2"]);
    bench.jump = 3_600_000;
    bench.now += 499;
    bench.publish(say("e"));
    bench.lookedUp();
    bench.now += 1;
    bench.publish(say("f"));
    bench.lookedUp();
    bench.appended();
    expect(answers(bench)).toEqual(["answer 5: refused rate_limited owner= after 1", "answer 6: 3"]);
    expect(bench.state.counters).toMatchObject({ published: 3, rateLimited: 3 });
  });

  it("answers a repeat of what is stored, and takes what the plane itself has to tell, though the channel takes no more", () => {
    const bench = rated({ channelMessagesPerSecond: 1, burstSeconds: 1 }).owning();
    bench.publish(say("zero"));
    bench.lookedUp([["U1:zero", stored(1, "U1:zero")]]);
    bench.publish({ kind: "react", user: "U1", key: "r", ts: "1600000000.000001", name: "wave" });
    bench.lookedUp([], [["1600000000.000001", JSON.stringify({ type: "message", user: "U1", text: "x", ts: "1600000000.000001", x_off: 1 })]]);
    bench.publish({ kind: "event", key: "e", event: { type: "member_joined_channel" } });
    bench.publish({ kind: "control", key: "c", control: { leave: "C1" } });
    bench.lookedUp();
    bench.appended();
    bench.lookedUp();
    bench.appended();
    expect(answers(bench)).toEqual(["answer 1: 1", "answer 2: 1 (duplicate)", "answer 3: refused rate_limited owner= after 1000", "answer 4: 2", "answer 5: 3"]);
  });

  it("takes one token of a message whose append has to be tried again", () => {
    const bench = rated({ channelMessagesPerSecond: 1, burstSeconds: 2 }).owning();
    bench.publish(say("b"));
    bench.lookedUp();
    bench.appended("conflict");
    bench.loaded(5, "1600000000.000005");
    bench.lookedUp();
    bench.appended();
    expect(answers(bench)).toEqual(["answer 1: 1", "answer 2: 6"]);
  });

  it("tells a gateway when to send it again", () => {
    const bench = rated({ channelMessagesPerSecond: 1, burstSeconds: 1 }).owning();
    bench.subscribe(AFTER_HEAD);
    bench.step({ type: "linkFrame", link: 1, frame: { type: "publish", req: 9, chan: 1, origin: 5, user: "U1", key: "k", taken: 0, trace: "", draft: Buffer.from('{"text":"x"}') } });
    expect(bench.lookedUp()).toEqual(["link 1: refused req=9 reason=rate_limited detail=this channel takes no more now retryAfterMs=1000"]);
  });

  it("drops typing beyond the burst in silence", () => {
    const bench = rated({ channelTypingPerSecond: 1, burstSeconds: 2 }).owning();
    bench.subscribe(AFTER_HEAD);
    const typing = (): string[] => bench.step({ type: "linkFrame", link: 1, frame: { type: "typing", chan: 1, origin: 5, user: "U1" } });
    expect([typing(), typing(), typing()].map(({ length }) => length)).toEqual([1, 1, 0]);
    expect(bench.step({ type: "request", req: 77, channel: "C1", epoch: 0, ask: { type: "typing", user: "U2" } })).toEqual(["answer 77: accepted"]);
    bench.now += 1_000;
    expect(typing()).toEqual(["link 1: transient chan=1 origin=5"]);
    expect(bench.state.counters.typingDropped).toBe(2);
  });
});

describe("replay", () => {
  it("says when a message was where, and nothing of one that is read from the store", () => {
    const bench = new Bench("cs-0", "cs-0").owning();
    bench.subscribe(AFTER_HEAD);
    const at = bench.now * 1_000;
    bench.step({ type: "linkFrame", link: 1, frame: { type: "publish", req: 9, chan: 1, origin: 5, user: "U1", key: "k", taken: at - 700, trace: "00-aa-bb-01", draft: Buffer.from('{"text":"x"}') } });
    bench.now += 2;
    bench.lookedUp();
    bench.now += 3;
    bench.appended();
    const shown = (): object[] => bench.effects.flatMap((effect) => (effect.type === "send" && effect.frame.type === "event" ? [effect.frame] : []));
    expect(shown()).toMatchObject([{ offset: 2, taken: at - 700, received: at, stored: at + 5_000, trace: "00-aa-bb-01" }]);
  });

  it("shows what is missing by batches, then what comes live, once each, while messages are published", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    bench.publish(say("two"));
    bench.lookedUp();
    bench.appended();
    expect(bench.subscribe(0)).toMatchInlineSnapshot(`
      [
        "link 1: hello v=2 server=cs-1 epoch=1",
        "link 1: subscribed chan=1 head=2 first=1",
        "replay sub=6 after=0",
      ]
    `);
    bench.publish(say("three"));
    bench.lookedUp();
    expect(bench.appended()).toMatchInlineSnapshot(`
      [
        "answer 3: 3",
      ]
    `);
    bench.publish(say("four"));
    bench.lookedUp();
    const sub = bench.last("replay").sub;
    // 4 is in the store, but not durable yet.
    expect(bench.step({ type: "replayed", channel: "C1", sub, entries: [stored(1), stored(2), stored(3), stored(4)] })).toMatchInlineSnapshot(`
      [
        "link 1: event chan=1 offset=1 origin=0 kind=0",
        "link 1: event chan=1 offset=2 origin=0 kind=0",
        "link 1: event chan=1 offset=3 origin=0 kind=0",
      ]
    `);
    expect(bench.appended()).toMatchInlineSnapshot(`
      [
        "answer 4: 4",
        "link 1: event chan=1 offset=4 origin=0 kind=0",
      ]
    `);
  });

  it("says so where what it has to show is not kept any more, and goes on at the first that is", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    for (const key of ["two", "three"]) {
      bench.publish(say(key));
      bench.lookedUp();
      bench.appended();
    }
    bench.subscribe(0);
    const { sub } = bench.last("replay");
    expect(bench.step({ type: "replayed", channel: "C1", sub, entries: [stored(3)] })).toEqual(["link 1: subscribed chan=1 head=3 first=3", "link 1: event chan=1 offset=3 origin=0 kind=0"]);

    bench.subscribe(1, 2);
    expect(bench.step({ type: "replayed", channel: "C1", sub: bench.last("replay").sub, entries: [stored(4)] })).toEqual(["link 2: subscribed chan=1 head=3 first=4"]);
  });

  it("leaves out what is more than a replay is for, and says from where on it goes", () => {
    const bench = new Bench("cs-1", "cs-1");
    bench.subscribe(7);
    bench.claimed();
    expect(bench.loaded(10_010, "1700000000.000005")).toEqual(["link 1: subscribed chan=1 head=10010 first=11", "replay sub=1 after=10"]);
  });

  it("is over with its subscription", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    bench.subscribe(0);
    const { sub } = bench.last("replay");
    bench.step({ type: "linkFrame", link: 1, frame: { type: "unsubscribe", chan: 1 } });
    expect(bench.step({ type: "replayed", channel: "C1", sub, entries: [stored(1)] })).toEqual([]);
  });
});

describe("ownership", () => {
  it("takes a slot over once the servers ahead are gone, checks on, and gives it back when one returns", () => {
    const bench = new Bench("cs-3", "cs-1", "cs-2", "cs-3");
    expect(bench.publish(say("hi"))).toMatchInlineSnapshot(`
      [
        "probe cs-1 cs-1:1",
        "probe cs-2 cs-2:1",
      ]
    `);
    expect(bench.step({ type: "probed", server: "cs-1", gone: true })).toEqual([]);
    expect(bench.step({ type: "probed", server: "cs-2", gone: true })).toMatchInlineSnapshot(`
      [
        "claim 7",
      ]
    `);
    bench.claimed(8);
    bench.loaded();
    bench.lookedUp();
    expect(bench.appended()).toMatchInlineSnapshot(`
      [
        "answer 1: 1",
      ]
    `);
    bench.subscribe(AFTER_HEAD);
    bench.now += 250;
    expect(bench.step({ type: "tick" })).toMatchInlineSnapshot(`
      [
        "check 7",
        "probe cs-1 cs-1:1",
        "probe cs-2 cs-2:1",
      ]
    `);
    expect(bench.step({ type: "probed", server: "cs-2", gone: true })).toEqual([]);
    expect(bench.step({ type: "probed", server: "cs-1", gone: false })).toEqual(["hand over to cs-1:1 by epoch 1: 7 (C1)"]);
    expect(bench.handedOver()).toMatchInlineSnapshot(`
      [
        "link 1: moved chan=1 epoch=1 owner=cs-1",
      ]
    `);
  });

  it("sends everybody to a server ahead that lives, or only keeps silent", () => {
    const bench = new Bench("cs-2", "cs-1", "cs-2");
    bench.publish(say("hi"));
    expect(bench.step({ type: "probed", server: "cs-1", gone: false })).toMatchInlineSnapshot(`
      [
        "answer 1: refused misdirected owner=cs-1",
      ]
    `);
    expect(bench.publish(say("again"))).toEqual(["answer 2: refused misdirected owner=cs-1"]);
    bench.now += 250;
    expect(bench.publish(say("later"))).toEqual(["probe cs-1 cs-1:1"]);
  });

  it("takes a slot over from a server that is stopped, whose port still answers, once its check is critical; and gives it back when it passes", () => {
    const bench = new Bench("cs-2", "cs-1", "cs-2");
    expect(bench.publish(say("hi"))).toEqual(["probe cs-1 cs-1:1"]);
    expect(bench.step({ type: "probed", server: "cs-1", gone: false })).toEqual(["answer 1: refused misdirected owner=cs-1"]);
    bench.step({ type: "health", critical: new Set(["cs-1"]) });
    expect(bench.publish(say("again"))).toEqual(["claim 7"]);
    bench.claimed(2);
    bench.loaded();
    bench.lookedUp();
    expect(bench.appended()).toEqual(["answer 2: 1"]);
    bench.subscribe(AFTER_HEAD);
    // It is probed on; that its port answers is nothing new.
    bench.now += 250;
    expect(bench.step({ type: "tick" })).toEqual(["check 7", "probe cs-1 cs-1:1"]);
    expect(bench.step({ type: "probed", server: "cs-1", gone: false })).toEqual([]);
    expect(bench.step({ type: "health", critical: new Set() })).toEqual(["hand over to cs-1:1 by epoch 1: 7 (C1)"]);
    expect(bench.handedOver()).toEqual(["link 1: moved chan=1 epoch=1 owner=cs-1"]);
  });

  it("does not wait for the probe of a server that turns critical meanwhile", () => {
    const bench = new Bench("cs-3", "cs-1", "cs-2", "cs-3");
    expect(bench.publish(say("hi"))).toEqual(["probe cs-1 cs-1:1", "probe cs-2 cs-2:1"]);
    bench.step({ type: "probed", server: "cs-2", gone: true });
    expect(bench.step({ type: "health", critical: new Set(["cs-1"]) })).toEqual(["claim 7"]);
  });

  it("drops a slot that another has fenced: refuses what waits, moves subscribers, leaves it alone for a while", () => {
    const bench = new Bench("cs-1", "cs-1", "cs-2").owning();
    bench.subscribe(AFTER_HEAD);
    bench.publish(say("a"));
    bench.lookedUp();
    bench.publish(say("b"));
    expect(bench.appended("fenced")).toMatchInlineSnapshot(`
      [
        "answer 3: refused misdirected owner=cs-2",
        "answer 2: refused misdirected owner=cs-2",
        "link 1: moved chan=1 epoch=1 owner=cs-2",
      ]
    `);
    expect(bench.publish(say("c"))).toEqual(["answer 4: refused misdirected owner=cs-2"]);
    bench.now += 250;
    expect(bench.publish(say("c"))).toEqual(["claim 7"]);
  });

  it("asks the store before it believes that a gateway has seen too much", () => {
    const bench = new Bench("cs-1", "cs-1", "cs-2").owning();
    expect(bench.subscribe(5)).toMatchInlineSnapshot(`
      [
        "link 1: hello v=2 server=cs-1 epoch=1",
        "check 7",
      ]
    `);
    expect(bench.checked(new Map([[7, 2]]))).toMatchInlineSnapshot(`
      [
        "link 1: moved chan=1 epoch=1 owner=cs-2",
      ]
    `);

    const forgetful = new Bench("cs-1", "cs-1").owning();
    forgetful.subscribe(5);
    expect(forgetful.checked(new Map([[7, 1]]))).toEqual(["link 1: subscribed chan=1 head=1 first=2"]);
  });

  it("finds out by its patrol that another claimed a slot and was silent since", () => {
    const bench = new Bench("cs-1", "cs-1", "cs-2").owning();
    bench.subscribe(AFTER_HEAD);
    expect(bench.last("wake").at).toBe(bench.now + 500);
    expect(bench.step({ type: "tick" })).toEqual(["check 7"]);
    expect(bench.checked(new Map([[7, 1]]))).toEqual([]);
    bench.step({ type: "tick" });
    expect(bench.checked(undefined)).toEqual([]);
    bench.step({ type: "tick" });
    expect(bench.checked(new Map([[7, 2]]))).toEqual(["link 1: moved chan=1 epoch=1 owner=cs-2"]);
  });

  it("hands a slot over warm: what has an offset lands, the next owner takes it, and only then everybody is sent there", () => {
    const bench = new Bench("cs-1", "cs-1", "cs-2").owning();
    bench.subscribe(AFTER_HEAD);
    bench.publish(say("a"));
    bench.lookedUp();
    bench.publish(say("b"));
    expect(bench.step({ type: "topology", ring: ring(2, "cs-2", "cs-1") })).toEqual([]);
    // It was routed by the old ring, like everything that is still on its way.
    expect(bench.publish(say("c"))).toEqual([]);
    expect(bench.state.status()).toMatchObject({ epoch: 2, warm: 1 });
    expect(bench.appended()).toMatchInlineSnapshot(`
      [
        "answer 2: 2",
        "link 1: event chan=1 offset=2 origin=0 kind=0",
        "hand over to cs-2:1 by epoch 2: 7 (C1)",
      ]
    `);
    expect(bench.handedOver()).toMatchInlineSnapshot(`
      [
        "link 1: moved chan=1 epoch=2 owner=cs-2",
        "answer 3: refused misdirected owner=cs-2",
        "answer 4: refused misdirected owner=cs-2",
      ]
    `);
    expect(bench.state.status()).toMatchObject({ epoch: 2, warm: 2, slots: 0 });
  });

  it("takes a slot that is handed to it before anybody asks: claims, loads, and says so when it serves", () => {
    const bench = new Bench("cs-2", "cs-2", "cs-1");
    expect(bench.step({ type: "released", req: 90, epoch: 1, slots: [[7, ["C1"]], [8, ["C9"]]] })).toEqual(["claim 7"]);
    expect(bench.state.status()).toMatchObject({ warm: 1 });
    bench.step({ type: "topology", ring: ring(2, "cs-2", "cs-1") });
    expect(bench.state.status()).toMatchObject({ epoch: 2, warm: 1 });
    expect(bench.claimed(5)).toEqual(["load #1 C1", "answer 90: accepted"]);
    expect(bench.state.status()).toMatchObject({ epoch: 2, warm: 2 });
    bench.loaded(3, "1700000000.000000");
    expect(bench.subscribe(3)).toContain("link 1: subscribed chan=1 head=3 first=4");
  });

  it("believes the owner that hands a slot over by a topology that has not come yet, until it has", () => {
    const bench = new Bench("cs-2", "cs-1", "cs-2");
    expect(bench.step({ type: "released", req: 90, epoch: 2, slots: [[7, ["C1"]]] })).toEqual(["claim 7"]);
    bench.claimed(5);
    bench.loaded();
    expect(bench.publish(say("x"))).toContain("lookup #2 C1 keys=U1:x messages=");
    expect(bench.step({ type: "topology", ring: ring(2, "cs-2", "cs-1") })).toEqual([]);
    bench.lookedUp();
    expect(bench.appended()).toEqual(["answer 1: 1"]);
    // The next topology gives it back.
    expect(bench.step({ type: "topology", ring: ring(3, "cs-1", "cs-2") })).toEqual([]);
    expect(bench.publish(say("y"))).toEqual(["probe cs-1 cs-1:1"]);
  });

  it("does not take what a server hands over that is not its own by the topology here", () => {
    const bench = new Bench("cs-2", "cs-1", "cs-2");
    expect(bench.step({ type: "released", req: 90, epoch: 1, slots: [[7, ["C1"]]] })).toEqual(["probe cs-1 cs-1:1"]);
    expect(bench.step({ type: "probed", server: "cs-1", gone: false })).toEqual(["answer 90: accepted"]);
  });

  it("lets the quiet channels of a slot go where an append takes too long; its answer comes all the same", () => {
    const bench = new Bench("cs-1", "cs-1", "cs-2").owning();
    bench.subscribe(AFTER_HEAD);
    bench.publish(say("slow"), "C2");
    bench.step({ type: "loaded", channel: "C2", load: bench.last("load").load, head: 0, lastTs: "" });
    const { lookup } = bench.last("lookup");
    bench.step({ type: "lookedUp", channel: "C2", lookup, found: { keys: new Map(), messages: new Map() } });
    expect(bench.step({ type: "topology", ring: ring(2, "cs-2", "cs-1") })).toEqual([]);
    expect(bench.last("wake").at).toBe(bench.now + 250);
    bench.now += 250;
    expect(bench.step({ type: "tick" })).toEqual(["link 1: moved chan=1 epoch=2 owner=cs-2"]);
    expect(bench.publish(say("late"))).toEqual(["answer 3: refused misdirected owner=cs-2"]);
    expect(bench.step({ type: "appended", channel: "C2", append: bench.last("append").append, result: "fenced" })).toEqual(["answer 2: refused misdirected owner=cs-2"]);
    expect(bench.state.status()).toMatchObject({ slots: 0, warm: 2 });
  });

  it("waits for the topology by which a request was routed, a second at most", () => {
    const bench = new Bench("cs-1", "cs-2");
    expect(bench.publish(say("a"), "C1", 2)).toEqual([]);
    expect(bench.step({ type: "topology", ring: ring(2, "cs-1") })).toEqual(["claim 7"]);
    expect(bench.publish(say("b"), "C1", 3)).toEqual([]);
    bench.now += 1_000;
    expect(bench.step({ type: "tick" })).toEqual([]);
    expect(bench.claimed()).toContain("load #1 C1");
    bench.loaded();
    expect(bench.last("lookup").keys).toEqual(["U1:a", "U1:b"]);
  });

  it("lets a subscription wait in the same way for the topology by which its gateway came", () => {
    const bench = new Bench("cs-1", "cs-2", "cs-1");
    bench.step({ type: "linkOpened", link: 1 });
    bench.step({ type: "linkFrame", link: 1, frame: { type: "hello", v: LINK_VERSION, server: "gw-0", epoch: 1 } });
    bench.step({ type: "linkFrame", link: 1, frame: { type: "epoch", epoch: 2 } });
    const subscribe = (chan: number, id: string): string[] => bench.step({ type: "linkFrame", link: 1, frame: { type: "subscribe", chan, after: AFTER_HEAD, id } });
    expect([...subscribe(1, "C1"), ...subscribe(2, "C2"), ...subscribe(3, "C3")]).toEqual([]);
    bench.step({ type: "linkFrame", link: 1, frame: { type: "unsubscribe", chan: 2 } });
    expect(bench.step({ type: "topology", ring: ring(2, "cs-1", "cs-2") })).toEqual(["claim 7"]);
    expect(bench.claimed()).toEqual(["load #4 C1", "load #5 C3"]);

    const late = new Bench("cs-1", "cs-2", "cs-1");
    late.step({ type: "linkOpened", link: 1 });
    late.step({ type: "linkFrame", link: 1, frame: { type: "epoch", epoch: 2 } });
    expect(late.step({ type: "linkFrame", link: 1, frame: { type: "subscribe", chan: 1, after: AFTER_HEAD, id: "C1" } })).toEqual([]);
    late.now += 1_000;
    expect(late.step({ type: "tick" })).toContain("probe cs-2 cs-2:1");
  });

  it("hands everything over when it stops", () => {
    const bench = new Bench("cs-1", "cs-1", "cs-2").owning();
    bench.subscribe(AFTER_HEAD);
    bench.publish(say("a"));
    bench.lookedUp();
    expect(bench.step({ type: "stop" })).toEqual([]);
    expect(bench.publish(say("b"))).toEqual(["answer 3: refused misdirected owner=cs-2"]);
    expect(bench.appended()).toMatchInlineSnapshot(`
      [
        "answer 2: 2",
        "link 1: event chan=1 offset=2 origin=0 kind=0",
        "hand over to cs-2:1 by epoch 2: 7 (C1)",
      ]
    `);
    expect(bench.handedOver()).toEqual(["link 1: moved chan=1 epoch=1 owner=cs-2", "drained"]);
  });
});

describe("a store that fails", () => {
  it("to answer a load of a slot that was handed over meanwhile does no harm to the channel that is loaded again", () => {
    const bench = new Bench("cs-1", "cs-1");
    bench.publish(say("first"));
    bench.claimed();
    const { load } = bench.last("load");
    bench.step({ type: "topology", ring: ring(2, "cs-2") });
    bench.handedOver();
    bench.step({ type: "topology", ring: ring(3, "cs-1") });
    bench.publish(say("second"));
    bench.claimed(3);
    expect(bench.step({ type: "loaded", channel: "C1", load, head: undefined, lastTs: "" })).toEqual([]);
    bench.loaded();
    bench.lookedUp();
    expect(bench.appended()).toEqual(["answer 2: 1"]);
  });

  it("refuses the claim's, the load's and the look-up's publications, and tries again at the next", () => {
    const bench = new Bench("cs-1", "cs-1");
    bench.publish(say("a"));
    expect(bench.step({ type: "claimed", slot: 7, fence: undefined })).toEqual(["answer 1: refused store_unavailable owner="]);
    expect(bench.publish(say("b"))).toEqual(["claim 7"]);
    bench.claimed();
    expect(bench.step({ type: "loaded", channel: "C1", load: bench.last("load").load, head: undefined, lastTs: "" })).toEqual(["answer 2: refused store_unavailable owner="]);
    expect(bench.publish(say("c"))).toEqual(["load #2 C1"]);
    bench.loaded();
    expect(bench.step({ type: "lookedUp", channel: "C1", lookup: bench.last("lookup").lookup, found: undefined })).toEqual(["answer 3: refused store_unavailable owner="]);
    bench.publish(say("d"));
    bench.lookedUp();
    expect(bench.appended()).toEqual(["answer 4: 1"]);
  });

  it("shows an append that it gave up and that landed late, when its key is asked for again", () => {
    const bench = gaveUp();
    bench.publish(say("a"));
    expect(bench.lookedUp([["U1:a", stored(2, "U1:a")]])).toMatchInlineSnapshot(`
      [
        "load #9 C1",
      ]
    `);
    expect(bench.loaded(2, "1700000000.000001")).toMatchInlineSnapshot(`
      [
        "replay sub=4 after=1",
        "lookup #10 C1 keys=U1:a messages=",
      ]
    `);
    expect(bench.lookedUp([["U1:a", stored(2, "U1:a")]])).toEqual(["answer 3: 2 (duplicate)"]);
  });

  it("refuses an append of unknown outcome, appends the ones behind it again, and shows what was stored after all", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    bench.subscribe(AFTER_HEAD);
    bench.publish(say("a"));
    bench.lookedUp();
    const lost = bench.last("append").append;
    bench.publish(say("b"));
    bench.lookedUp();
    expect(bench.appended("unavailable", lost)).toEqual([]);
    expect(bench.appended("conflict")).toMatchInlineSnapshot(`
      [
        "answer 2: refused store_unavailable owner=",
        "load #9 C1",
      ]
    `);
    // The first append was committed though its answer was lost.
    expect(bench.loaded(2, "1700000000.000001")).toMatchInlineSnapshot(`
      [
        "replay sub=4 after=1",
        "lookup #10 C1 keys=U1:b messages=",
      ]
    `);
    expect(bench.lookedUp()).toMatchInlineSnapshot(`
      [
        "append #11 C1 fence=1 3@0.000003:U1:b",
      ]
    `);
    expect(bench.step({ type: "replayed", channel: "C1", sub: bench.last("replay").sub, entries: [stored(2)] })).toMatchInlineSnapshot(`
      [
        "link 1: event chan=1 offset=2 origin=0 kind=0",
      ]
    `);
    expect(bench.appended()).toMatchInlineSnapshot(`
      [
        "answer 3: 3",
        "link 1: event chan=1 offset=3 origin=0 kind=0",
      ]
    `);
  });
});

describe("a store that is down", () => {
  /** C1 with a subscriber, whose last publication the store did not take, and which it could not load again. */
  const down = (): Bench => {
    const bench = new Bench("cs-1", "cs-1").owning();
    bench.subscribe(AFTER_HEAD);
    bench.publish(say("a"));
    bench.lookedUp();
    expect(bench.appended("unavailable")).toEqual(["answer 2: refused store_unavailable owner=", "load #7 C1"]);
    return bench;
  };
  const unloaded = (bench: Bench): string[] => bench.step({ type: "loaded", channel: "C1", load: bench.last("load").load, head: undefined, lastTs: "" });
  const typing: Event = { type: "linkFrame", link: 1, frame: { type: "typing", chan: 1, origin: 5, user: "U1" } };

  it("drops no subscription: typing goes on, publications and reads are refused at once, and the next answer brings what was kept after all", () => {
    const bench = down();
    bench.publish(say("waits"));
    expect(unloaded(bench)).toEqual(["answer 3: refused store_unavailable owner="]);
    expect(bench.publish(say("b"))).toEqual(["answer 4: refused store_unavailable owner="]);
    expect(bench.step({ type: "request", req: 50, channel: "C1", epoch: 0, ask: { type: "info" } })).toEqual(["answer 50: refused store_unavailable owner="]);
    expect(bench.step(typing)).toEqual(["link 1: transient chan=1 origin=5"]);
    bench.now += 50;
    expect(bench.step({ type: "tick" })).toContain("load #9 C1");
    // "a" was kept, though nobody had said so.
    expect(bench.loaded(2, "1700000000.000001")).toEqual(["replay sub=4 after=1"]);
    expect(bench.step({ type: "replayed", channel: "C1", sub: 4, entries: [stored(2)] })).toEqual(["link 1: event chan=1 offset=2 origin=0 kind=0"]);
    bench.publish(say("c"));
    bench.lookedUp();
    expect(bench.appended()).toEqual(["answer 5: 3", "link 1: event chan=1 offset=3 origin=0 kind=0"]);
  });

  it("is asked by one channel, ever more rarely; a subscriber that comes meanwhile waits for it", () => {
    const bench = down();
    const asked: number[] = [];
    const began = bench.now;
    unloaded(bench);
    expect(bench.subscribe(AFTER_HEAD, 2, 9)).toEqual(["link 2: hello v=2 server=cs-1 epoch=1"]);
    while (bench.now < began + 3_000) {
      bench.now += 10;
      if (bench.step({ type: "tick" }).every((text) => !text.startsWith("load"))) continue;
      asked.push(bench.now - began);
      unloaded(bench);
    }
    expect(asked).toEqual([50, 150, 350, 750, 1_250, 1_750, 2_250, 2_750]);
    bench.now += 500;
    bench.step({ type: "tick" });
    expect(bench.loaded(1, "1700000000.000000")).toEqual(["link 2: subscribed chan=9 head=1 first=2"]);
  });

  it("in the midst of a replay is asked again for the rest of it", () => {
    const bench = new Bench("cs-1", "cs-1").owning();
    bench.subscribe(0);
    const { sub } = bench.last("replay");
    expect(bench.step({ type: "replayed", channel: "C1", sub, entries: undefined })).toEqual([]);
    bench.now += 50;
    expect(bench.step({ type: "tick" })).toContain(`replay sub=${sub} after=0`);
    expect(bench.step({ type: "replayed", channel: "C1", sub, entries: [stored(1)] })).toEqual(["link 1: event chan=1 offset=1 origin=0 kind=0"]);
  });
});

describe("a wall clock that jumps", () => {
  const hourMs = 3_600_000;

  it.each([hourMs, -hourMs])("by %i ms makes nothing wait, end or begin: only timestamps follow, where they may", (jump) => {
    const bench = new Bench("cs-1", "cs-1", "cs-2").owning();
    bench.subscribe(AFTER_HEAD);
    const wakeAt = bench.last("wake").at;
    expect(bench.publish(say("early"), "C1", 9)).toEqual([]);
    bench.jump = jump;
    // No link is silent, no request has waited its second.
    expect(bench.step({ type: "tick" })).toEqual(["check 7"]);
    bench.publish(say("a"));
    bench.lookedUp();
    expect(bench.last("append").entries[0]!.ts).toBe(jump > 0 ? "1700003600.000000" : "1700000000.000001");
    expect(bench.last("wake").at).toBeLessThanOrEqual(wakeAt);
    bench.appended("fenced");
    bench.now += 249;
    expect(bench.publish(say("again"))).toEqual(["answer 4: refused misdirected owner=cs-2"]);
    bench.now += 1;
    expect(bench.publish(say("again"))).toEqual(["claim 7"]);
  });
});

import { describe, expect, test } from "vitest";
import { LINK_VERSION, type LinkFrame } from "../protocol/link.ts";
import type { Effect, Event, Ring } from "./events.ts";
import { Presence, type Options } from "./state.ts";

const options: Options = { id: "ps-0", graceMs: 5_000, settleMs: 2_000, linkSilenceMs: 3_000, maxUsers: 10, maxWatches: 10 };

/** A ring in which `owner` has every user; other users move with another `placement`. */
const ring = (epoch: number, gateways: readonly string[] = [], owner = "ps-0", placement = owner): Ring => ({
  epoch,
  placement: () => placement,
  owner: () => ({ id: owner }),
  servers: (pool) => (pool === "gateway" ? gateways : ["ps-0", "ps-1"]).map((id) => ({ id, state: "up" as const })),
});

/** Drives a presence server and writes down what it wants done. */
class Trace {
  now = 1_000_000;
  readonly state: Presence;
  #lines: string[] = [];
  #pingAt = this.now;
  #links = new Map<string, number>();
  constructor(over: Partial<Options> = {}) {
    this.state = new Presence({ ...options, ...over });
  }
  tell(event: Event): this {
    for (const effect of this.state.step(event, this.now)) this.#lines.push(this.#render(effect));
    return this;
  }
  topology(...args: Parameters<typeof ring>): this {
    return this.tell({ type: "topology", ring: ring(...args) });
  }
  /** Lets time pass; the gateways that are linked ping each second. */
  wait(ms: number): this {
    const end = this.now + ms;
    while (this.now < end) {
      this.now = Math.min(this.state.wakeAt() ?? Infinity, this.#pingAt, end);
      this.tell({ type: "tick" });
      if (this.now < this.#pingAt) continue;
      this.#pingAt = this.now + 1_000;
      for (const gateway of this.#links.keys()) this.from(gateway, { type: "pong", at: 0 });
    }
    return this;
  }
  /** A gateway opens a link. */
  link(gateway: string, number: number): this {
    this.#links.set(gateway, number);
    return this.tell({ type: "linkOpened", link: number }).from(gateway, { type: "hello", v: LINK_VERSION, server: gateway, epoch: 1 });
  }
  from(gateway: string, ...frames: LinkFrame[]): this {
    return this.tell({ type: "linkFrames", link: this.#links.get(gateway)!, frames });
  }
  dead(gateway: string): this {
    const link = this.#links.get(gateway)!;
    this.#links.delete(gateway);
    return this.tell({ type: "linkClosed", link });
  }
  /** The lines since the last call, without hellos. */
  take(): string[] {
    const lines = this.#lines.filter((line) => !/^→ \S+ hello /.test(line));
    this.#lines = [];
    return lines;
  }
  #render(effect: Effect): string {
    switch (effect.type) {
      case "send": {
        const { type, ...fields } = effect.frame;
        return `→ ${[...this.#links].find(([, link]) => link === effect.link)?.[0] ?? effect.link} ${type} ${Object.values(fields).join(" ")}`;
      }
      case "close":
        return `close ${effect.link}: ${effect.detail}`;
      case "answer":
        return `answer ${effect.req}: ${effect.info.presence}${effect.info.online ? " online" : ""}${effect.info.manual_away ? " manual" : ""}`;
      case "refuse":
        return `refuse ${effect.req}: ${effect.reason}`;
    }
  }
}

const online = (user: string, manualAway = 0, at = 0): LinkFrame => ({ type: "online", user, manualAway, at });
const put = (req: number, user: string, away: boolean, at: number): Event => ({ type: "put", req, user, choice: { away, at } });
const offline = (user: string): LinkFrame => ({ type: "offline", user });
const watch = (user: string): LinkFrame => ({ type: "watch", user });

/** Settled, with two gateways. */
const settled = (over: Partial<Options> = {}): Trace => {
  const t = new Trace(over).topology(1, ["gw-0", "gw-1"]).link("gw-0", 1).link("gw-1", 2);
  t.from("gw-0", { type: "announced", epoch: 1 }).from("gw-1", { type: "announced", epoch: 1 }).wait(2_000);
  t.take();
  return t;
};

describe("a user", () => {
  test("is active while a gateway announces them, and away a grace period after the last took leave", () => {
    const t = settled().from("gw-1", watch("UADA"));
    expect(t.take()).toEqual(["→ gw-1 presence UADA 0"]);
    t.from("gw-0", online("UADA")).from("gw-1", online("UADA"));
    expect(t.take()).toEqual(["→ gw-1 presence UADA 1"]);
    t.from("gw-0", offline("UADA")).wait(10_000);
    expect(t.take()).toEqual([]);
    t.from("gw-1", offline("UADA")).wait(4_999);
    expect(t.take()).toEqual([]);
    expect(t.wait(1).take()).toEqual(["→ gw-1 presence UADA 0"]);
  });

  test("who comes back within the grace period does not flicker", () => {
    const t = settled().from("gw-0", online("UADA")).from("gw-1", watch("UADA"));
    t.take();
    t.dead("gw-0").wait(4_000).link("gw-0", 3).from("gw-0", online("UADA")).wait(20_000);
    expect(t.take()).toEqual([]);
  });

  test("is told only to gateways that watch them, and only when the answer changed", () => {
    const t = settled().from("gw-0", online("UADA"), watch("UGRACE"), watch("UGRACE")).from("gw-1", online("UADA"));
    expect(t.take()).toEqual(["→ gw-0 presence UGRACE 0"]);
    t.from("gw-0", { type: "unwatch", user: "UGRACE" }).from("gw-1", online("UGRACE"));
    expect(t.take()).toEqual([]);
  });

  test("who chose away is away at once; their gateways learn it, and repeat it when they announce again", () => {
    const t = settled().from("gw-0", online("UADA")).from("gw-1", watch("UADA"));
    t.take();
    t.tell(put(1, "UADA", true, 1)).from("gw-1", online("UADA"));
    expect(t.take()).toEqual(["→ gw-0 manual UADA 1 1", "→ gw-1 presence UADA 0", "answer 1: away online manual", "→ gw-1 manual UADA 1 1"]);
    t.tell(put(2, "UADA", false, 2)).tell({ type: "get", req: 3, user: "UADA" });
    expect(t.take()).toEqual(["→ gw-0 manual UADA 0 2", "→ gw-1 manual UADA 0 2", "→ gw-1 presence UADA 1", "answer 2: active online", "answer 3: active online"]);
  });

  test("whose gateway says that they chose away is away on a server that never heard of it", () => {
    const t = settled().from("gw-0", online("UADA", 1), watch("UADA"));
    expect(t.tell({ type: "get", req: 1, user: "UADA" }).take()).toEqual(["→ gw-0 presence UADA 0", "answer 1: away online manual"]);
  });

  test("who chose away at another server meanwhile is away here, too, when they come back within the grace period", () => {
    const t = settled().from("gw-0", online("UADA")).topology(2, ["gw-0", "gw-1"], "ps-1").from("gw-0", offline("UADA")).wait(3_000);
    t.topology(3, ["gw-0", "gw-1"]).from("gw-0", online("UADA", 1, 1)).tell({ type: "get", req: 1, user: "UADA" });
    expect(t.take()).toEqual(["answer 1: away online manual"]);
  });

  test("who moved here while a former choice of theirs is still remembered: nobody is told before their gateway spoke", () => {
    const t = settled().from("gw-1", online("UADA", 1, 1)).from("gw-0", watch("UADA"));
    t.topology(2, ["gw-0", "gw-1"], "ps-1").from("gw-0", { type: "unwatch", user: "UADA" }).from("gw-1", offline("UADA")).wait(1_000);
    t.take();
    // Back again within the grace period; they chose "auto" at the other server meanwhile. Who watches comes first.
    t.topology(3, ["gw-0", "gw-1"], "ps-0").from("gw-0", watch("UADA"));
    expect(t.take()).toEqual([]);
    expect(t.from("gw-1", online("UADA", 0, 2)).take()).toEqual(["→ gw-0 presence UADA 1"]);
  });

  test("who chose while their gateway's link was broken: the choice holds against what the gateway repeats", () => {
    const t = settled().from("gw-0", online("UADA")).dead("gw-0").wait(1_000).tell(put(1, "UADA", true, 1));
    expect(t.link("gw-0", 3).from("gw-0", online("UADA")).take()).toEqual(["answer 1: away online manual", "→ gw-0 manual UADA 1 1"]);
  });

  test("whose gateway was cut off for long: a choice that was made meanwhile holds against the older one, also \"auto\"", () => {
    const t = settled().from("gw-0", online("UADA", 1, 1)).dead("gw-0").wait(60_000).tell(put(1, "UADA", false, 2)).wait(60_000);
    expect(t.link("gw-0", 3).from("gw-0", online("UADA", 1, 1)).take()).toEqual(["answer 1: away", "→ gw-0 manual UADA 0 2"]);
  });

  test("whose gateway brings a newer choice: it holds here, and the other gateways learn it", () => {
    const t = settled().tell(put(1, "UADA", true, 1)).from("gw-0", online("UADA", 1, 1)).from("gw-1", online("UADA", 0, 3), watch("UADA"));
    expect(t.take()).toEqual(["answer 1: away manual", "→ gw-0 manual UADA 0 3", "→ gw-1 presence UADA 1"]);
    expect(t.tell(put(2, "UADA", true, 2)).take()).toEqual(["answer 2: active online"]);
  });

  test("who chose away while offline stays away when they come", () => {
    const t = settled().tell(put(1, "UADA", true, 1)).from("gw-0", online("UADA", 0));
    expect(t.take()).toEqual(["answer 1: away manual", "→ gw-0 manual UADA 1 1"]);
  });
});

describe("a server that does not know enough yet", () => {
  test("a restarted one calls nobody away for --settle-ms, though all gateways of the ring announced: one that leaves may still have sessions", () => {
    const t = new Trace().topology(4, ["gw-0", "gw-1"]).link("gw-0", 1).from("gw-0", watch("UADA"), { type: "announced", epoch: 4 });
    t.tell({ type: "get", req: 1, user: "UADA" });
    expect(t.take()).toEqual([]);
    t.link("gw-1", 2).from("gw-1", online("UADA"));
    expect(t.take()).toEqual(["→ gw-0 presence UADA 1", "answer 1: active online"]);
    t.tell({ type: "get", req: 2, user: "UGRACE" });
    expect(t.take()).toEqual([]);
    t.from("gw-1", { type: "announced", epoch: 4 });
    expect(t.wait(1_999).take()).toEqual([]);
    expect(t.wait(1).take()).toEqual(["answer 2: away"]);
  });

  test("a gateway that does not come delays it by --settle-ms, not more", () => {
    const t = new Trace().topology(4, ["gw-0", "gw-1"]).link("gw-0", 1).from("gw-0", watch("UADA"), { type: "announced", epoch: 4 });
    expect(t.wait(1_999).take()).toEqual([]);
    expect(t.wait(1).take()).toEqual(["→ gw-0 presence UADA 0"]);
  });

  test("a gateway whose link broke begins it anew: who came to it meanwhile it may have announced elsewhere", () => {
    const t = settled().dead("gw-0").from("gw-1", watch("UADA"));
    expect(t.wait(100).take()).toEqual([]);
    t.link("gw-0", 1).from("gw-0", online("UADA"), { type: "announced", epoch: 1 });
    expect(t.take()).toEqual(["→ gw-1 presence UADA 1"]);
    t.dead("gw-0").from("gw-1", watch("UBOB")).take();
    expect(t.wait(2_000).take()).toEqual(["→ gw-1 presence UBOB 0"]);
  });

  test("users that moved begin it anew: what a gateway announced at an older epoch does not count", () => {
    const t = settled().topology(2, ["gw-0", "gw-1"], "ps-0", "others").from("gw-0", watch("UADA"), { type: "announced", epoch: 1 });
    t.from("gw-1", { type: "announced", epoch: 2 });
    expect(t.take()).toEqual([]);
    expect(t.from("gw-0", { type: "announced", epoch: 2 }).take()).toEqual(["→ gw-0 presence UADA 0"]);
  });

  test("topologies that move no user, as many as come, delay nothing", () => {
    const t = settled().from("gw-0", watch("UADA"), watch("UGRACE")).from("gw-1", online("UADA"));
    t.take();
    t.from("gw-1", offline("UADA"));
    for (let epoch = 2; epoch <= 50; epoch++) t.topology(epoch, ["gw-0", "gw-1", "gw-2"]).wait(100);
    expect(t.take()).toEqual([]);
    expect(t.topology(51, ["gw-0", "gw-1", "gw-2"]).wait(100).take()).toEqual(["→ gw-0 presence UADA 0"]);
    expect(t.state.status()).toMatchObject({ epoch: 51, settled: true });
  });

  test("topologies that move no user do not prolong a wait that has begun; a gateway that left the ring is waited for as if its link had broken", () => {
    const t = settled().topology(2, ["gw-0", "gw-1"], "ps-0", "others").from("gw-0", watch("UADA"), { type: "announced", epoch: 2 });
    for (let epoch = 3; epoch < 13; epoch++) t.wait(150).topology(epoch, ["gw-0", "gw-1"], "ps-0", "others");
    expect(t.take()).toEqual([]);
    expect(t.wait(499).take()).toEqual([]);
    expect(t.wait(1).take()).toEqual(["→ gw-0 presence UADA 0"]);

    const other = settled().topology(2, ["gw-0", "gw-1"], "ps-0", "others").from("gw-0", watch("UADA"), { type: "announced", epoch: 2 });
    expect(other.topology(3, ["gw-0"], "ps-0", "others").take()).toEqual([]); // it is still linked
    other.dead("gw-1").topology(4, ["gw-0"], "ps-0", "others");
    expect(other.wait(1_999).take()).toEqual([]);
    expect(other.wait(1).take()).toEqual(["→ gw-0 presence UADA 0"]);
  });

  test("users who move here are waited for the whole time, however long others have been waited for because links broke", () => {
    const gateways = ["gw-0", "gw-1"];
    const t = settled().topology(2, gateways, "ps-1", "others").from("gw-0", { type: "announced", epoch: 2 }).from("gw-1", { type: "announced", epoch: 2 });
    let number = 100;
    const flap = (): Trace => t.dead("gw-1").link("gw-1", ++number);
    for (let i = 0; i < 4; i++) flap().wait(1_400);
    t.topology(3, gateways, "ps-0").from("gw-0", watch("UADA"), { type: "announced", epoch: 3 }).wait(200);
    flap();
    expect(t.wait(1_000).take()).toEqual([]);
    t.from("gw-1", online("UADA"), { type: "announced", epoch: 3 });
    expect(t.take()).toEqual(["→ gw-0 presence UADA 1"]);
  });

  test("a gateway that is in no ring is waited for when its link breaks just as others move here", () => {
    const t = settled().topology(2, ["gw-0"], "ps-1", "others").from("gw-0", { type: "announced", epoch: 2 }).link("gw-9", 9).from("gw-9", { type: "announced", epoch: 2 });
    t.dead("gw-9").wait(100).topology(3, ["gw-0"], "ps-0").from("gw-1", { type: "announced", epoch: 3 }).from("gw-0", watch("UADA"), { type: "announced", epoch: 3 });
    expect(t.wait(400).take()).toEqual([]);
    t.link("gw-9", 10).from("gw-9", online("UADA"), { type: "announced", epoch: 3 });
    expect(t.take()).toEqual(["→ gw-0 presence UADA 1"]);
  });

  test("in the place of another, a user whom it only remembers is as unknown as any", () => {
    const t = settled().topology(2, [], "ps-1").tell(put(1, "UADA", false, 1)).wait(60_000).from("gw-0", watch("UADA"));
    expect(t.wait(50).take()).toEqual(["answer 1: away"]);
    expect(t.from("gw-1", online("UADA")).take()).toEqual(["→ gw-1 manual UADA 0 1", "→ gw-0 presence UADA 1"]);
  });

  test("takes the place of a dead server before the ring says so, and waits for the gateways one user at a time", () => {
    const t = settled().topology(2, [], "ps-1").from("gw-0", watch("UADA"), watch("UGRACE"));
    expect(t.wait(500).from("gw-1", online("UADA")).take()).toEqual(["→ gw-0 presence UADA 1"]);
    expect(t.wait(1_500).take()).toEqual(["→ gw-0 presence UGRACE 0"]);
  });

  test("says nothing at all before it has a topology", () => {
    const t = new Trace().link("gw-0", 1).from("gw-0", watch("UADA")).wait(60_000);
    expect(t.take()).toEqual([]);
    expect(t.topology(1).wait(2_000).take()).toEqual(["→ gw-0 presence UADA 0"]);
  });
});

describe("links", () => {
  test("a silent gateway is taken for dead", () => {
    const t = settled().tell({ type: "linkOpened", link: 9 }).tell({ type: "linkFrames", link: 9, frames: [{ type: "hello", v: LINK_VERSION, server: "gw-9", epoch: 1 }, online("UADA"), { type: "ping", at: 5 }] });
    t.from("gw-0", watch("UADA"));
    expect(t.take()).toEqual(["→ 9 pong 5", "→ gw-0 presence UADA 1"]);
    for (let i = 0; i < 5; i++) t.wait(500).tell({ type: "linkFrames", link: 9, frames: [{ type: "ping", at: i }] });
    t.take();
    expect(t.wait(2_999).take()).toEqual([]);
    expect(t.wait(1).take()).toEqual(["close 9: silent"]);
    expect(t.wait(4_999).take()).toEqual([]);
    expect(t.wait(1).take()).toEqual(["→ gw-0 presence UADA 0"]);
  });

  test("a gateway's newer link replaces the older one", () => {
    const t = settled().from("gw-0", online("UADA")).link("gw-0", 7);
    expect(t.take()).toEqual(["close 1: the gateway has a newer link"]);
  });

  test.each<[string, LinkFrame]>([
    ["hello comes first", { type: "ping", at: 1 }],
    ["link version 1 is not 2", { type: "hello", v: 1, server: "gw-9", epoch: 1 }],
    ["hello.server is not an ID", { type: "hello", v: LINK_VERSION, server: "no id", epoch: 1 }],
  ])("%s: the link is closed", (detail, frame) => {
    expect(settled().tell({ type: "linkOpened", link: 9 }).tell({ type: "linkFrames", link: 9, frames: [frame] }).take()).toEqual([`close 9: ${detail}`]);
  });

  test.each<[string, LinkFrame]>([
    ["online.user is not an ID", online("no id")],
    ["subscribe is not for a presence server", { type: "subscribe", chan: 1, after: 0, id: "C1" }],
  ])("%s: the link is closed", (detail, frame) => {
    expect(settled().from("gw-0", frame, online("UADA")).take()).toEqual([`close 1: ${detail}`]);
  });

  test("users and watches beyond the bounds are not kept, and counted", () => {
    const t = settled({ maxUsers: 2, maxWatches: 1 }).from("gw-0", online("U1"), online("U2"), online("U3"), watch("U1"), watch("U2"));
    expect(t.take()).toEqual(["→ gw-0 presence U1 1"]);
    expect(t.tell(put(1, "U4", true, 1)).take()).toEqual(["refuse 1: unavailable"]);
    expect(t.state.status()).toMatchObject({ users: 2, watches: 1, counters: { overflow: 3 } });
  });

  test("users who are kept for their choice alone make room, the longest unneeded first", () => {
    const t = settled({ maxUsers: 2 }).tell(put(1, "U1", true, 1)).tell(put(2, "U2", true, 1)).tell(put(3, "U1", true, 2)).tell(put(4, "U3", false, 1));
    t.take();
    t.from("gw-0", online("U1"), online("U2"));
    expect(t.take()).toEqual(["→ gw-0 manual U1 1 2"]);
    expect(t.state.status()).toMatchObject({ users: 2, counters: { overflow: 0 } });
  });

  test("users whom nobody needs are forgotten", () => {
    const t = settled().from("gw-0", online("U1"), watch("U2"), offline("U1"), { type: "unwatch", user: "U2" }).tell({ type: "get", req: 1, user: "U3" });
    expect(t.wait(5_000).state.status()).toMatchObject({ users: 0, watches: 0 });
    t.from("gw-0", online("U1"), watch("U2")).dead("gw-0").wait(5_000);
    expect(t.state.status()).toMatchObject({ users: 0, watches: 0, gateways: ["gw-1"] });
  });
});

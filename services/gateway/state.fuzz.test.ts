/**
 * The gateway's state among channel servers that crash, move channels and lose links, at random but by a seed. Whatever
 * happens, every session must see every event of its channels once and in order, and every message must be acked once.
 */
import { describe, expect, test } from "vitest";
import { encodeLink, LINK_VERSION, noHops, type LinkFrame } from "../protocol/link.ts";
import type { Effect, Event, Ring } from "./events.ts";
import { Gateway } from "./state.ts";

const servers = ["cs-0", "cs-1", "cs-2"];
const channels = ["C0", "C1", "C2", "C3"];
const users = ["U0", "U1", "U2"];

function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

interface Stored {
  readonly origin: number;
  readonly kind: number;
  readonly key: string;
  readonly payload: Uint8Array;
}

interface Client {
  readonly session: number;
  readonly user: string;
  hello: boolean;
  open: boolean;
  /** channel → offset of the last event it has; what it published itself it knows by the ack */
  readonly seen: Map<string, number>;
  readonly acks: Map<number, number>;
  asked: number;
}

class World {
  now = 0;
  readonly random: (below: number) => number;
  readonly gateway = new Gateway({ id: "gw", maxSessions: 100, heartbeatMs: 20_000, helloWithinMs: 3_000, resumeMs: 300_000, resumeEvents: 10_000, reconnectsPerSecond: 200, leaveWithinMs: 30_000, drainMs: 0, publishWithinMs: 1e9, linkPingMs: 1_000, linkSilenceMs: 3_000 });
  readonly logs = new Map<string, Stored[]>();
  /** channel → offset of the first event that is kept */
  readonly #firsts = new Map<string, number>();
  readonly members = new Map(users.map((user) => [user, new Set(channels.slice(0, 3))]));
  readonly clients: Client[] = [];
  readonly faults: string[] = [];
  gaps = 0;
  /** user and channel → the offsets at which the user joined, during the play */
  readonly #joins = new Map<string, number[]>();
  readonly #alive = new Set(servers);
  readonly #conns = new Map<number, { server: string; subs: Map<number, string>; at: number }>();
  #order = [...servers];
  #epoch = 0;
  #agenda: { at: number; order: number; run: () => void }[] = [];
  #scheduled = 0;
  #sessions = 0;

  constructor(seed: number) {
    this.random = randomOf(seed);
    this.topology();
  }

  tell(event: Event): void {
    for (const effect of this.gateway.step(event, this.now)) this.#do(effect);
  }

  /** Goes on until `until`, taking what is due in order. */
  run(until: number): void {
    for (;;) {
      const wake = this.gateway.wakeAt() ?? Infinity;
      this.#agenda.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = this.#agenda[0];
      const at = Math.min(wake, next?.at ?? Infinity);
      if (at > until) break;
      this.now = Math.max(this.now, at);
      if (next !== undefined && next.at <= wake) {
        this.#agenda.shift();
        next.run();
      } else this.tell({ type: "tick" });
    }
    this.now = until;
  }

  topology(): void {
    this.#order = this.#order.map((server) => [this.random(1000), server] as const).sort(([a], [b]) => a - b).map(([, server]) => server);
    const order = this.#order;
    const turn = (id: string): string[] => order.map((_, i) => order[(i + id.charCodeAt(1)) % order.length]!);
    const ring: Ring = { epoch: ++this.#epoch, slotOf: () => 7, preference: (_, id) => turn(id).map((id) => ({ id })), servers: (pool) => (pool === "channel" ? servers.map((id) => ({ id, state: "up" as const })) : []) };
    this.tell({ type: "topology", ring });
  }

  crash(server: string): void {
    this.#alive.delete(server);
    for (const [conn, { server: its }] of [...this.#conns]) if (its === server) this.cut(conn);
  }

  restart(server: string): void {
    this.#alive.add(server);
  }

  /** Ends a connection; what is on its way is lost. */
  cut(conn: number): void {
    if (this.#conns.delete(conn)) this.#later(this.random(20), () => this.tell({ type: "linkClosed", conn }));
  }

  cutSome(): void {
    const all = [...this.#conns.keys()];
    if (all.length > 0) this.cut(all[this.random(all.length)]!);
  }

  append(channel: string, stored: Omit<Stored, "payload"> & { payload?: object }): number {
    const list = this.logs.get(channel) ?? [];
    this.logs.set(channel, list);
    const known = stored.key === "" ? -1 : list.findIndex(({ key }) => key === stored.key);
    if (known >= 0) return known + 1;
    list.push({ ...stored, payload: Buffer.from(JSON.stringify(stored.payload ?? { c: channel, o: list.length + 1 })) });
    for (const [conn, { server, subs }] of this.#conns) {
      if (this.#serving(channel) === server) for (const [chan, its] of subs) if (its === channel) this.#answer(conn, ...this.#events(channel, chan, list.length - 1, 1));
    }
    return list.length;
  }

  /** Forgets the past of a channel, or some of it. */
  sweep(channel: string): void {
    const head = this.logs.get(channel)?.length ?? 0;
    if (head > 0) this.#firsts.set(channel, Math.max(this.#first(channel), head - this.random(8)));
  }

  connect(user: string, offsets: Record<string, number>): void {
    const session = ++this.#sessions;
    const client: Client = { session, user, hello: false, open: true, seen: new Map(Object.entries(offsets)), acks: new Map(), asked: 0 };
    this.clients.push(client);
    this.tell({ type: "upgrade", session, ticket: `${user}.s` });
    this.tell({ type: "redeemed", session, ticketed: { user: { id: user, name: user }, team: { id: "T", name: "t", domain: "t" }, manual_away: false, manual_away_at: 0, offsets, batch_presence: false } });
    this.tell({ type: "opened", session });
  }

  change(user: string, channel: string): void {
    const mine = this.members.get(user)!;
    const after = this.logs.get(channel)?.length ?? 0;
    const control = mine.delete(channel) ? { leave: channel } : { join: channel, after };
    if ("join" in control) {
      mine.add(channel);
      this.#joins.set(user + channel, [...(this.#joins.get(user + channel) ?? []), after]);
    }
    this.append(user, { origin: 0, kind: 1, key: "", payload: control });
    for (const client of this.clients) if (client.user === user && "leave" in control) client.seen.delete(channel);
  }

  say(client: Client, channel: string): void {
    this.tell({ type: "text", session: client.session, text: JSON.stringify({ type: "message", id: ++client.asked, channel, text: "x" }) });
  }

  /** The first server of the preference list that is alive has the channel. */
  #serving(channel: string): string | undefined {
    return this.#order.map((_, i) => this.#order[(i + channel.charCodeAt(1)) % this.#order.length]!).find((server) => this.#alive.has(server));
  }

  #first(channel: string): number {
    return this.#firsts.get(channel) ?? 1;
  }

  /** By the ring's word or its own, and not always the right one. */
  #owner(channel: string): string {
    return [this.#serving(channel) ?? "", servers[this.random(servers.length)]!, ""][this.random(3)]!;
  }

  #later(ms: number, run: () => void): void {
    this.#agenda.push({ at: this.now + ms, order: this.#scheduled++, run });
  }

  /** In order per connection, each message after its own delay. */
  #along(conn: number, run: (its: { server: string; subs: Map<number, string> }) => void): void {
    const its = this.#conns.get(conn);
    if (its === undefined) return;
    its.at = Math.max(its.at, this.now + this.random(8));
    this.#agenda.push({ at: its.at, order: this.#scheduled++, run: () => (this.#conns.get(conn) === its ? run(its) : undefined) });
  }

  #answer(conn: number, ...frames: LinkFrame[]): void {
    this.#along(conn, () => this.tell({ type: "linkFrames", conn, frames }));
  }

  #events(channel: string, chan: number, after: number, limit: number): LinkFrame[] {
    return (this.logs.get(channel) ?? []).slice(after, after + limit).map(({ origin, kind, payload }, i) => ({ type: "event", chan, offset: after + i + 1, origin, kind, ...noHops, payload }));
  }

  #do(effect: Effect): void {
    const client = "session" in effect ? this.clients.find(({ session }) => session === effect.session) : undefined;
    switch (effect.type) {
      case "connect": {
        const { conn, server } = effect;
        return this.#later(this.random(10), () => {
          if (!this.#alive.has(server)) return this.tell({ type: "linkClosed", conn });
          this.#conns.set(conn, { server, subs: new Map(), at: this.now });
          this.tell({ type: "linkOpened", conn });
          this.#answer(conn, { type: "hello", v: LINK_VERSION, server, epoch: 1 });
        });
      }
      case "disconnect":
        return void this.#conns.delete(effect.conn);
      case "link":
        return this.#along(effect.conn, (its) => this.#serve(effect.conn, its, effect.frame));
      case "list":
        return this.#later(this.random(30), () => {
          const listed = [...this.members.get(effect.user)!];
          this.#later(this.random(30), () => this.tell({ type: "listed", session: effect.session, channels: listed }));
        });
      case "replay":
        for (const payload of effect.payloads) this.#see(client!, payload);
        return this.#later(this.random(10), () => this.tell({ type: "replayed", session: effect.session, channel: effect.channel }));
      case "deliver":
        for (const { payload, origin } of effect.events) for (const session of effect.to) if (session !== origin) this.#see(this.clients.find((client) => client.session === session)!, payload);
        return;
      case "send":
        return this.#read(client!, JSON.parse(effect.text) as Record<string, unknown>);
      case "close":
        return void (client!.open = false);
      default:
    }
  }

  #serve(conn: number, { server, subs }: { server: string; subs: Map<number, string> }, frame: LinkFrame): void {
    if (frame.type === "ping") return this.#answer(conn, { type: "pong", at: frame.at });
    if (frame.type === "subscribe") {
      const { chan, id } = frame;
      if (this.#serving(id) !== server || this.random(10) === 0) return this.#answer(conn, { type: "moved", chan, epoch: this.#epoch + this.random(2), owner: this.#owner(id) });
      const head = this.logs.get(id)?.length ?? 0;
      const after = Math.max(Math.min(frame.after, head), this.#first(id) - 1);
      subs.set(chan, id);
      return this.#answer(conn, { type: "subscribed", chan, head, first: after + 1 }, ...this.#events(id, chan, after, head));
    }
    if (frame.type === "unsubscribe") return void subs.delete(frame.chan);
    if (frame.type !== "publish" && frame.type !== "read") return;
    const channel = subs.get(frame.chan);
    if (channel === undefined || this.#serving(channel) !== server) {
      if (channel !== undefined && subs.delete(frame.chan)) this.#answer(conn, { type: "moved", chan: frame.chan, epoch: this.#epoch + this.random(2), owner: this.#owner(channel) });
      return this.#answer(conn, { type: "refused", req: frame.req, reason: "misdirected", detail: "", retryAfterMs: 0 });
    }
    if (frame.type === "read") {
      const head = this.logs.get(channel)?.length ?? 0;
      const from = this.#first(channel) - 1;
      if (frame.after < from) return this.#answer(conn, { type: "window", req: frame.req, chan: frame.chan, from, head, afterTs: "", fromTs: "" });
      return this.#answer(conn, { type: "batch", req: frame.req, chan: frame.chan, head, events: encodeLink(...this.#events(channel, frame.chan, frame.after, 1 + this.random(5))) });
    }
    const offset = this.append(channel, { origin: frame.origin, kind: 0, key: frame.key });
    this.#answer(conn, { type: "ack", req: frame.req, offset, ts: String(offset) });
  }

  #read(client: Client, frame: Record<string, unknown>): void {
    if (frame["type"] === "hello") client.hello = true;
    else if (!client.hello) this.faults.push(`session ${client.session} got ${JSON.stringify(frame)} before hello`);
    else if (frame["type"] === "x_gap") this.#gap(client, frame as unknown as { channel: string; after?: number; head: number });
    else if (frame["ok"] === true) {
      if (client.acks.has(frame["reply_to"] as number)) this.faults.push(`session ${client.session} got two acks for ${String(frame["reply_to"])}`);
      client.acks.set(frame["reply_to"] as number, frame["x_off"] as number);
    } else if (frame["x_reason"] !== "channel_not_found") this.faults.push(`session ${client.session} got ${JSON.stringify(frame)}`);
    else client.acks.set(frame["reply_to"] as number, 0);
  }

  /** It may only leave out what is not kept, and nothing before it; where it does not say since when, it may begin anywhere. */
  #gap(client: Client, { channel, after, head }: { channel: string; after?: number; head: number }): void {
    const last = client.seen.get(channel);
    const skipped = after !== undefined && last !== undefined && (after < last || (after > last && this.missed(client, channel, last, after + 1) !== 0));
    if (after !== undefined && (skipped || head >= this.#first(channel))) this.faults.push(`session ${client.session}: a gap in ${channel} after ${after} to ${head}, having ${last}`);
    client.seen.set(channel, head);
    this.gaps++;
  }

  #see(client: Client, payload: Uint8Array): void {
    const frame = JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
    if (frame["type"] === "x_gap") return this.#read(client, frame);
    const { c, o } = frame as { c: string; o: number };
    if (!client.hello || !client.open) this.faults.push(`session ${client.session} got ${c}:${o} ${client.hello ? "after its end" : "before hello"}`);
    // Who left and joined again has missed what was said between, and nothing else.
    const joined = Math.max(-1, ...(this.#joins.get(client.user + c) ?? []).filter((after) => after < o));
    const before = client.seen.get(c);
    const last = before === undefined || before >= o ? before : Math.max(before, joined);
    if (last !== undefined && this.missed(client, c, last, o) !== 0) this.faults.push(`session ${client.session}: ${c}:${o} after ${c}:${last}`);
    client.seen.set(c, o);
  }

  /** How many events between two offsets the session did not make itself (negative where they go back). */
  missed(client: Client, channel: string, last: number, next: number): number {
    if (next <= last) return -1;
    return this.logs.get(channel)!.slice(last, next - 1).filter(({ origin }) => origin !== client.session).length;
  }
}

function play(seed: number): World {
  const world = new World(seed);
  const { random } = world;
  world.run(50);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const open = (): Client[] => world.clients.filter((client) => client.open && client.hello);
  const actions: [number, () => void][] = [
    [30, () => world.append(pick(channels), { origin: 0, kind: 0, key: "" })],
    [15, () => open().length > 0 && world.say(pick(open()), pick(channels))],
    [4, () => world.clients.filter(({ open }) => open).length < 8 && world.connect(pick(users), {})],
    [4, () => {
      const [old] = open();
      if (old === undefined) return;
      world.tell({ type: "closed", session: old.session });
      old.open = false;
      const mine = world.members.get(old.user)!;
      // What it published itself it knows by the ack, and a client that counts on its offsets counts those, too.
      world.connect(old.user, Object.fromEntries([...old.seen].filter(([channel]) => mine.has(channel))));
    }],
    [3, () => world.change(pick(users), pick(channels))],
    [2, () => world.crash(pick(servers))],
    [4, () => world.restart(pick(servers))],
    [3, () => world.cutSome()],
    [1, () => world.topology()],
    [1, () => world.sweep(pick(channels))],
  ];
  const total = actions.reduce((sum, [weight]) => sum + weight, 0);
  for (let i = 0; i < 300; i++) {
    let at = random(total);
    for (const [weight, act] of actions) {
      if (at < weight) {
        act();
        break;
      }
      at -= weight;
    }
    world.run(world.now + random(60));
  }
  for (const server of servers) world.restart(server);
  world.run(world.now + 10_000);
  for (const channel of channels) world.append(channel, { origin: 0, kind: 0, key: "" });
  world.run(world.now + 2_000);
  return world;
}

describe("the gateway among failures", () => {
  let gaps = 0;
  test.each([...Array.from({ length: 150 }, (_, i) => i + 1), 1_491])("seed %i: nothing lost, doubled or reordered, and every message acked once", (seed) => {
    const world = play(seed);
    const faults = [...world.faults];
    for (const client of world.clients.filter(({ open }) => open)) {
      if (!client.hello) faults.push(`session ${client.session} never got its hello`);
      if (client.acks.size !== client.asked) faults.push(`session ${client.session}: ${client.asked} messages, ${client.acks.size} answers`);
      for (const channel of world.members.get(client.user)!) {
        const head = world.logs.get(channel)!.length;
        const seen = client.seen.get(channel);
        if (seen !== head) faults.push(`session ${client.session} is at ${channel}:${seen}, its head is ${head}`);
      }
    }
    for (const [channel, list] of world.logs) {
      const keys = list.map(({ key }) => key).filter((key) => key !== "");
      if (new Set(keys).size !== keys.length) faults.push(`${channel} holds a message twice`);
    }
    expect(faults, `seed ${seed}`).toEqual([]);
    gaps += world.gaps;
  });

  test("some of these had gaps to tell of", () => expect(gaps).toBeGreaterThan(100));
});

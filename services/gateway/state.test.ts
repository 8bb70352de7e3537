import { describe, expect, test } from "vitest";
import { AFTER_HEAD, encodeLink, LINK_VERSION, noHops, type Link, type LinkFrame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { ServerState } from "../protocol/topology.ts";
import type { Effect, Ring } from "./events.ts";
import { Gateway, type Event, type Options } from "./state.ts";

const options: Options = {
  id: "gw-0",
  maxSessions: 10,
  heartbeatMs: 20_000,
  helloWithinMs: 3_000,
  resumeMs: 300_000,
  resumeEvents: 10_000,
  reconnectsPerSecond: 200,
  leaveWithinMs: 30_000,
  drainMs: 2_000,
  publishWithinMs: 10_000,
  linkPingMs: 1_000,
  linkSilenceMs: 3_000,
};

/** A ring in which every ID has the same preference list. */
function ring(epoch: number, channel: readonly string[], extra: Partial<{ presence: readonly string[]; gateway: readonly (readonly [string, ServerState, drainMs?: number])[]; idle: readonly string[] }> = {}): Ring {
  const { presence = [], gateway = [["gw-0", "up"]], idle = [] } = extra;
  const lists = { channel, presence, gateway: gateway.map(([id]) => id) };
  return {
    epoch,
    slotOf: () => 7,
    preference: (pool) => lists[pool].map((id) => ({ id })),
    servers: (pool) => (pool === "gateway" ? gateway.map(([id, state, drainMs]) => ({ id, state, ...(drainMs === undefined ? {} : { drainMs }) })) : [...lists[pool], ...(pool === "channel" ? idle : [])].map((id) => ({ id, state: "up" as const }))),
  };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** Drives a gateway and writes down, line by line, what it wants done. Answers of servers come from the test. */
class Trace {
  now = 1_000_000;
  readonly state: Gateway;
  readonly conns = new Map<string, number>();
  readonly lists = new Map<string, string[]>();
  #lines: string[] = [];
  constructor(over: Partial<Options> = {}) {
    this.state = new Gateway({ ...options, ...over });
  }
  tell(event: Event): this {
    for (const effect of this.state.step(event, this.now)) this.#note(effect);
    return this;
  }
  /** Lets time pass, firing what is due on the way. */
  wait(ms: number): this {
    const end = this.now + ms;
    for (let at = this.state.wakeAt(); at !== undefined && at <= end; at = this.state.wakeAt()) {
      this.now = Math.max(this.now, at);
      this.tell({ type: "tick" });
    }
    this.now = end;
    return this;
  }
  open(...servers: string[]): this {
    for (const server of servers) {
      this.tell({ type: "linkOpened", conn: this.conns.get(server)! });
      this.from(server, { type: "hello", v: LINK_VERSION, server, epoch: 1 });
    }
    return this;
  }
  break(server: string): this {
    return this.tell({ type: "linkClosed", conn: this.conns.get(server)! });
  }
  from(server: string, ...frames: LinkFrame[]): this {
    return this.tell({ type: "linkFrames", conn: this.conns.get(server)!, frames });
  }
  connect(session: number, user: string, ticketed: Partial<{ offsets: Record<string, number>; batch_presence: boolean; paced: boolean; journeys: boolean; manual_away: boolean; manual_away_at: number }> = {}): this {
    this.tell({ type: "upgrade", session, ticket: `${user}.secret` });
    const team = { id: "T1", name: "team", domain: "team" };
    this.tell({ type: "redeemed", session, ticketed: { user: { id: user, name: user }, team, manual_away: false, manual_away_at: 0, offsets: {}, batch_presence: false, ...ticketed } });
    return this.tell({ type: "opened", session });
  }
  say(session: number, frame: unknown): this {
    return this.tell({ type: "text", session, text: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }
  /** The lines since the last call. */
  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }
  /** The lines since the last call, without heartbeats. */
  quiet(): string[] {
    return this.take().filter((line) => !/ ping |^ping /.test(line));
  }
  #note(effect: Effect): void {
    if (effect.type === "connect") this.conns.set(effect.server, effect.conn);
    this.#lines.push(this.#render(effect));
  }
  #server(conn: number): string {
    return [...this.conns].find(([, number]) => number === conn)?.[0] ?? `conn ${conn}`;
  }
  #render(effect: Effect): string {
    switch (effect.type) {
      case "link": {
        // When it was where is told apart, so that a story reads the same each time.
        const { type, ...fields } = { ...effect.frame, taken: undefined, trace: undefined };
        if (effect.frame.type === "read") {
          const { req, chan, after, limit, maxAgeMs, maxEvents } = effect.frame;
          return `→ ${this.#server(effect.conn)} read req=${req} chan=${chan} after=${after} limit=${limit}${maxAgeMs + maxEvents === 0 ? "" : ` window=${maxAgeMs}/${maxEvents}`}`;
        }
        const list = Object.entries(fields).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${value === AFTER_HEAD ? "head" : value instanceof Uint8Array ? text(value) : String(value)}`);
        return `→ ${this.#server(effect.conn)} ${type} ${list.join(" ")}`.trimEnd();
      }
      case "send":
        return `to ${effect.session}: ${effect.text}`;
      case "deliver":
        return `${effect.transient ? "transient " : ""}to ${effect.to.join(",")}: ${effect.events.map(({ payload, origin }) => text(payload) + (origin === 0 ? "" : ` (not to ${origin})`)).join(" ")}`;
      case "replay":
        return `replay to ${effect.session}: ${effect.payloads.map(text).join(" ")}`;
      case "refuse":
        return `refuse ${effect.session}: ${effect.reason}`;
      case "connect":
      case "disconnect":
        return `${effect.type} ${effect.type === "connect" ? effect.server : this.#server(effect.conn)}`;
      case "ping":
      case "weigh":
        return `${effect.type} ${effect.sessions.join(",")}`;
      case "close":
        return `close ${effect.session}: ${effect.reason}${effect.now === true ? " now" : ""}`;
      case "list":
        return `list ${effect.user} for ${effect.session}`;
      case "drained":
        return "drained";
      case "unpublished":
        return `unpublished ${effect.req}: ${effect.error}`;
      case "traced":
        return `traced ${effect.channel} ${effect.offset} ${effect.trace} to ${effect.sessions}`;
      case "hurry":
        return `hurry: ${effect.sessions} within ${effect.withinMs} ms`;
      default:
        return `${effect.type} ${effect.session}`;
    }
  }
}

const event = (chan: number, offset: number, payload: unknown, origin = 0, kind = 0): LinkFrame => ({ type: "event", chan, offset, origin, kind, ...noHops, payload: bytes(payload) });
const subscribed = (chan: number, head: number, first = 0): LinkFrame => ({ type: "subscribed", chan, head, first });
const batch = (req: number, chan: number, head: number, offsets: readonly number[]): LinkFrame => ({ type: "batch", req, chan, head, events: encodeLink(...offsets.map((offset) => event(chan, offset, offset))) });
const window = (req: number, chan: number, from: number, head: number, afterTs = "", fromTs = ""): LinkFrame => ({ type: "window", req, chan, from, head, afterTs, fromTs });

/** Ada (1) is connected and in C1, whose owner is cs-0 and whose head is 7. Her own channel has chan 1, C1 has chan 2. */
function booted(over: Partial<Options> = {}, extra: Parameters<typeof ring>[2] = {}): Trace {
  const t = new Trace(over).tell({ type: "topology", ring: ring(1, ["cs-0", "cs-1"], extra) }).open("cs-0", "cs-1", ...(extra?.presence ?? []));
  t.connect(1, "UADA").from("cs-0", subscribed(1, 0)).tell({ type: "listed", session: 1, channels: ["C1"] }).from("cs-0", subscribed(2, 7));
  t.take();
  return t;
}

describe("a session's boot", () => {
  test("asks for the ticket, the user's own channel, the list, each channel, and then says hello", () => {
    const t = new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"]) }).open("cs-0");
    t.connect(1, "UADA").from("cs-0", subscribed(1, 0));
    t.tell({ type: "listed", session: 1, channels: ["C1", "C2"] }).from("cs-0", subscribed(2, 7), subscribed(3, 9));
    expect(t.take()).toMatchInlineSnapshot(`
      [
        "connect cs-0",
        "→ cs-0 hello v=2 server=gw-0 epoch=1",
        "redeem 1",
        "accept 1",
        "→ cs-0 subscribe chan=1 after=head id=UADA",
        "list UADA for 1",
        "→ cs-0 subscribe chan=2 after=head id=C1",
        "→ cs-0 subscribe chan=3 after=head id=C2",
        "to 1: {"type":"hello","x_session":1,"x_gateway":"gw-0"}",
      ]
    `);
  });

  test("writes no event and no answer before hello", () => {
    const t = new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"]) }).open("cs-0");
    t.connect(1, "UADA").from("cs-0", subscribed(1, 0)).tell({ type: "listed", session: 1, channels: ["C1", "C2"] });
    t.take();
    t.say(1, { type: "ping", id: 1 }).from("cs-0", event(1, 1, "own"), subscribed(2, 7), event(2, 8, "early"));
    expect(t.take()).toEqual([]);
    t.from("cs-0", subscribed(3, 0));
    expect(t.take().map((line) => line.slice(0, 20))).toEqual(['to 1: {"type":"hello', 'to 1: {"type":"pong"']);
  });

  test("says hello after --hello-within-ms when an owner does not answer, and tells of the gap when it does", () => {
    const t = new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"]) }).open("cs-0");
    t.connect(1, "UADA").from("cs-0", subscribed(1, 0)).tell({ type: "listed", session: 1, channels: ["C1"] });
    t.take();
    for (let i = 0; i < 5; i++) t.wait(500).from("cs-0", { type: "pong", at: 0 });
    expect(t.quiet()).toEqual([]);
    t.wait(500);
    expect(t.quiet()).toEqual(['to 1: {"type":"hello","x_session":1,"x_gateway":"gw-0"}']);
    t.from("cs-0", subscribed(2, 7), event(2, 8, "next"));
    expect(t.take()).toEqual(['to 1: {"type":"x_gap","channel":"C1","head":7}', 'to 1: "next"']);
  });

  test("goes on without the user's own channel after half the time, and asks for the list again once it is there", () => {
    const t = new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"]) }).open("cs-0");
    t.connect(1, "UADA").take();
    t.wait(1_500);
    expect(t.quiet()).toEqual(["list UADA for 1"]);
    t.tell({ type: "listed", session: 1, channels: ["C1"] }).from("cs-0", subscribed(2, 7)).wait(1_500);
    expect(t.quiet()).toEqual(["→ cs-0 subscribe chan=2 after=head id=C1", 'to 1: {"type":"hello","x_session":1,"x_gateway":"gw-0"}']);
    t.from("cs-0", subscribed(1, 3));
    expect(t.take()).toEqual(['to 1: {"type":"x_gap","channel":"UADA","head":3}', "list UADA for 1"]);
    t.tell({ type: "listed", session: 1, channels: ["C2"] });
    expect(t.take()).toEqual(["→ cs-0 unsubscribe chan=2", "→ cs-0 subscribe chan=3 after=head id=C2"]);
  });

  test("a channel that is found late is caught up from the client's offset, or told as a gap", () => {
    const t = booted().connect(2, "UGRACE", { offsets: { C1: 5 } });
    t.wait(1_500).tell({ type: "listed", session: 2, channels: [] }).wait(1_400);
    for (const server of ["cs-0", "cs-1"]) t.from(server, { type: "pong", at: 0 });
    t.wait(100).from("cs-0", subscribed(3, 0));
    t.connect(3, "UGRACE").tell({ type: "listed", session: 3, channels: [] });
    t.take();
    t.tell({ type: "listed", session: 2, channels: ["C1"] });
    expect(t.take()).toEqual(["→ cs-0 read req=1 chan=2 after=5 limit=200 window=300000/10000"]);
    t.from("cs-0", { type: "moved", chan: 3, epoch: 1, owner: "" }).wait(20).from("cs-0", subscribed(4, 9, 6), window(2, 4, 5, 9));
    t.take();
    t.tell({ type: "listed", session: 3, channels: ["C1"] });
    expect(t.take()).toEqual(['to 3: {"type":"x_gap","channel":"C1","head":7}']);
  });

  test("asks webapp again when it does not list the channels, and gives up in time", () => {
    const t = new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"]) }).open("cs-0");
    t.connect(1, "UADA").from("cs-0", subscribed(1, 0));
    t.take();
    t.tell({ type: "unlisted", session: 1 }).wait(100);
    expect(t.quiet()).toEqual(["list UADA for 1"]);
    t.tell({ type: "unlisted", session: 1 }).wait(3_000);
    expect(t.quiet()).toContain("close 1: try_again");
  });

  test("a second session of a channel goes live at once; the channel is subscribed once", () => {
    const t = booted();
    t.connect(2, "UGRACE").from("cs-0", subscribed(3, 0));
    t.take();
    t.tell({ type: "listed", session: 2, channels: ["C1"] }).from("cs-0", event(2, 8, "both"));
    expect(t.take()).toEqual(['to 2: {"type":"hello","x_session":2,"x_gateway":"gw-0"}', 'to 1,2: "both"']);
  });

  test.each([
    ["before any topology", (t: Trace) => t.tell({ type: "upgrade", session: 1, ticket: "UADA.s" }), "refuse 1: ring_unavailable"],
    ["without a user in the ticket", (t: Trace) => t.tell({ type: "topology", ring: ring(1, []) }).tell({ type: "upgrade", session: 1, ticket: "nonsense" }), "refuse 1: bad_ticket"],
    ["with a ticket that webapp does not know", (t: Trace) => t.tell({ type: "topology", ring: ring(1, []) }).tell({ type: "upgrade", session: 1, ticket: "U.s" }).tell({ type: "unredeemed", session: 1, status: 401 }), "refuse 1: bad_ticket"],
    ["while webapp is away", (t: Trace) => t.tell({ type: "topology", ring: ring(1, []) }).tell({ type: "upgrade", session: 1, ticket: "U.s" }).tell({ type: "unredeemed", session: 1, status: 0 }), "refuse 1: unavailable"],
    ["while it drains", (t: Trace) => t.tell({ type: "topology", ring: ring(1, [], { gateway: [["gw-0", "draining"]] }) }).tell({ type: "upgrade", session: 1, ticket: "U.s" }), "refuse 1: misdirected"],
  ])("an upgrade %s is refused", (_, play, line) => {
    expect(play(new Trace()).take()).toContain(line);
  });

  test("more than --max-sessions are refused", () => {
    const t = booted({ maxSessions: 1 });
    expect(t.tell({ type: "upgrade", session: 2, ticket: "U.s" }).take()).toEqual(["refuse 2: overloaded"]);
  });

  test("what it says before its hello is kept up to a bound of frames and one of characters", () => {
    const early = (): Trace => new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"]) }).connect(1, "UADA");
    const frames = early();
    for (let i = 0; i < limits.earlyFrames; i++) frames.say(1, { type: "ping", id: i });
    expect(frames.take()).not.toContain("close 1: protocol");
    expect(frames.say(1, { type: "ping", id: 99 }).take()).toContain("close 1: protocol");
    const long = "x".repeat(limits.earlyChars / 2 - 100);
    const chars = early().say(1, { type: "ping", long }).say(1, { type: "ping", long });
    expect(chars.take()).not.toContain("close 1: protocol");
    expect(chars.say(1, { type: "ping", long: "x".repeat(200) }).take()).toContain("close 1: protocol");
  });
});

test("channels that are too many for one step are subscribed a little later", () => {
  const t = booted();
  const channels = Array.from({ length: limits.subscribesAtOnce + 5 }, (_, i) => `C${i}`);
  t.connect(2, "UADA").take();
  const subscribes = (lines: readonly string[]): number => lines.filter((line) => line.includes(" subscribe ")).length;
  const first = subscribes(t.tell({ type: "listed", session: 2, channels }).take());
  expect(first).toBe(limits.subscribesAtOnce);
  expect(subscribes(t.wait(10).take())).toBe(channels.length - 1 - first); // C1 was subscribed before
});

describe("memory", () => {
  const MiB = 2 ** 20;
  const pressure = (rss: number, { spare = 0, heapShare = 0.1 } = {}): Event => ({ type: "pressure", rssBytes: rss * MiB, spareBytes: spare * MiB, ceilingBytes: 100 * MiB, heapShare });

  test("at 80 % of its ceiling it takes nobody new, and goes on as soon as it is below", () => {
    const t = booted();
    const upgrade = (session: number): string[] => t.tell({ type: "upgrade", session, ticket: "U.s" }).take();
    t.tell(pressure(79));
    expect(upgrade(2)).toEqual(["redeem 2"]);
    t.tell(pressure(80));
    expect(upgrade(3)).toEqual(["refuse 3: overloaded"]);
    expect(t.state.status()).toMatchObject({ memoryPercent: 80, sessions: 2 });
    t.tell(pressure(50));
    expect(upgrade(4)).toEqual(["redeem 4"]);
    t.tell(pressure(50, { heapShare: 0.85 }));
    expect(upgrade(5)).toEqual(["refuse 5: overloaded"]);
    t.tell(pressure(85, { spare: 10 }));
    expect(upgrade(6)).toEqual(["redeem 6"]);
  });

  test("it closes nobody for a heap that is full: queues are no part of it", () => {
    expect(booted().tell(pressure(50, { heapShare: 0.95 })).take()).toEqual([]);
  });

  test("beyond 90 % it closes those with the longest queues until so much is given back, and nobody who reads", () => {
    const t = booted();
    for (const session of [2, 3, 4]) t.connect(session, "UADA").tell({ type: "listed", session, channels: ["C1"] });
    t.take();
    expect(t.tell(pressure(92)).take()).toEqual(["weigh 1,2,3,4"]);
    t.tell({ type: "weighed", queues: [[1, 0.5 * MiB], [2, 1 * MiB], [3, 1.5 * MiB], [4, 10]] });
    expect(t.take().filter((line) => line.startsWith("close"))).toEqual(["close 3: slow_consumer now", "close 2: slow_consumer now"]);
    expect(t.state.status()).toMatchObject({ sessions: 2, counters: { shed: 2 } });
    expect(t.tell(pressure(92)).take()).toEqual([]); // what was given back is still counted as resident
    t.tell(pressure(99));
    t.tell({ type: "weighed", queues: [[1, limits.shedQueueBytes - 1], [4, 10]] });
    expect(t.take()).toEqual(["weigh 1,4"]);
  });
});

describe("what a client says", () => {
  test("the messages of all sessions that wait for their ack have a bound of bytes, which acks give back", () => {
    const sessions = Array.from({ length: Math.ceil(limits.gatewayPendingBytes / (limits.sessionPendingPublishes * 120_000)) + 1 }, (_, i) => i + 2);
    const t = booted({ maxSessions: 100 });
    for (const session of sessions) t.connect(session, "UADA").tell({ type: "listed", session, channels: ["C1"] });
    t.take();
    const big = { type: "message", channel: "C1", text: "x".repeat(39_900) }; // as draft and as the text of its ack
    let sent = 0;
    const say = (session: number): string[] => t.say(session, { ...big, id: ++sent }).take();
    const full = sessions.flatMap((session) => Array.from({ length: limits.sessionPendingPublishes }, () => say(session))).findIndex((lines) => lines.some((line) => line.includes('"x_reason":"rate_limited"')));
    expect(full).toBe(Math.ceil(limits.gatewayPendingBytes / (39_900 * 3 + '{"text":""}'.length)));
    t.from("cs-0", { type: "ack", req: 1, offset: 1, ts: "1700000000.000001" }).take();
    expect(say(sessions.at(-1)!)[0]).toContain("→ cs-0 publish");
    expect(say(sessions.at(-1)!)[0]).toContain('"x_reason":"rate_limited"');
  });

  test("a message is published with a key and acked without a type; its event does not come back to it", () => {
    const t = booted();
    t.connect(2, "UADA");
    t.tell({ type: "listed", session: 2, channels: ["C1"] }).take();
    t.say(1, { type: "message", id: 5, channel: "C1", text: "hi", client_msg_id: "k1", thread_ts: "1.2", user: "forged" });
    t.from("cs-0", { type: "ack", req: 1, offset: 8, ts: "1700000000.000008" }, event(2, 8, { text: "hi" }, 1));
    expect(t.take()).toMatchInlineSnapshot(`
      [
        "→ cs-0 publish req=1 chan=2 origin=1 user=UADA key=k1 draft={"text":"hi","thread_ts":"1.2"}",
        "to 1: {"ok":true,"reply_to":5,"ts":"1700000000.000008","text":"hi","x_off":8}",
        "to 1,2: {"text":"hi"} (not to 1)",
      ]
    `);
  });

  test.each([
    ["not json", '{"ok":false,"error":{"code":1,"msg":"the frame is not a JSON object"},"x_reason":"bad_json"}'],
    ["[1]", '{"ok":false,"error":{"code":1,"msg":"the frame is not a JSON object"},"x_reason":"bad_json"}'],
    [`{"id":7,"type":"ping","x":${"[".repeat(20_000)}${"]".repeat(20_000)}}`, '{"ok":false,"error":{"code":1,"msg":"the frame is not a JSON object: nested too deep"},"x_reason":"bad_json"}'],
    ['{"id":1}', '{"ok":false,"reply_to":1,"error":{"code":3,"msg":"the frame is not valid: type is missing"},"x_reason":"bad_frame"}'],
    ['{"id":{},"type":"ping"}', '{"ok":false,"error":{"code":3,"msg":"the frame is not valid: id must be a number or a string"},"x_reason":"bad_frame"}'],
    ['{"id":1,"type":"dance"}', '{"ok":false,"reply_to":1,"error":{"code":4,"msg":"unknown frame type: dance"},"x_reason":"unknown_type"}'],
    ['{"id":1,"type":"message","channel":"C1"}', '{"ok":false,"reply_to":1,"error":{"code":2,"msg":"message text is missing"},"x_reason":"no_text"}'],
    ['{"id":1,"type":"message","channel":"C9","text":"x"}', '{"ok":false,"reply_to":1,"error":{"code":5,"msg":"unknown channel, or you are not a member"},"x_reason":"channel_not_found"}'],
    ['{"id":1,"type":"message","channel":"UADA","text":"x"}', '{"ok":false,"reply_to":1,"error":{"code":5,"msg":"unknown channel, or you are not a member"},"x_reason":"channel_not_found"}'],
    ['{"id":1,"type":"typing","channel":"C9"}', '{"ok":false,"reply_to":1,"error":{"code":5,"msg":"unknown channel, or you are not a member"},"x_reason":"channel_not_found"}'],
    ['{"id":1,"type":"presence_sub","ids":"U1"}', '{"ok":false,"reply_to":1,"error":{"code":3,"msg":"the frame is not valid: ids must be a list of user IDs"},"x_reason":"bad_frame"}'],
    [`{"id":1,"type":"message","channel":"C1","text":"${"x".repeat(40_001)}"}`, '{"ok":false,"reply_to":1,"error":{"code":6,"msg":"text is longer than 40,000 characters"},"x_reason":"msg_too_long"}'],
    ['{"id":7,"type":"ping","time":1,"x":{"y":[2]}}', '{"type":"pong","time":1,"x":{"y":[2]},"reply_to":7}'],
  ])("each frame gets the answer that the table says (%#)", (frame, answer) => {
    const [line] = booted().say(1, frame).take();
    expect(JSON.parse(line!.slice("to 1: ".length))).toEqual(JSON.parse(answer));
  });

  test("tickle and typing are not answered; typing reaches the others", () => {
    const t = booted();
    t.say(1, { type: "tickle" }).say(1, { type: "typing", id: 1, channel: "C1" }).from("cs-0", { type: "transient", chan: 2, origin: 1, payload: bytes("types") });
    expect(t.take()).toEqual(["→ cs-0 typing chan=2 origin=1 user=UADA", 'transient to 1: "types" (not to 1)']);
  });

  test("a binary frame closes the socket, and its channels end with it", () => {
    expect(booted().tell({ type: "binary", session: 1 }).take()).toEqual(["close 1: protocol", "→ cs-0 unsubscribe chan=1", "→ cs-0 unsubscribe chan=2"]);
  });

  test("more than the bound of unanswered messages are refused as rate_limited", () => {
    const t = booted();
    for (let i = 0; i <= limits.sessionPendingPublishes; i++) t.say(1, { type: "message", id: i, channel: "C1", text: "x" });
    const lines = t.take();
    expect(lines.filter((line) => line.includes("publish"))).toHaveLength(limits.sessionPendingPublishes);
    expect(lines.at(-1)).toContain('"x_reason":"rate_limited"');
  });

  test.each([
    ["store_unavailable", 8],
    ["msg_too_long", 6],
    ["internal", 9],
  ])("an owner's %s becomes error %i", (reason, code) => {
    const t = booted().say(1, { type: "message", id: 1, channel: "C1", text: "x" }).from("cs-0", { type: "refused", req: 1, reason, detail: "", retryAfterMs: 0 });
    expect(t.take().at(-1)).toContain(`"code":${code}`);
  });

  test("an owner's rate_limited says when to send it again", () => {
    const t = booted().say(1, { type: "message", id: 1, channel: "C1", text: "x" }).from("cs-0", { type: "refused", req: 1, reason: "rate_limited", detail: "", retryAfterMs: 250 });
    expect(t.take().at(-1)).toBe('to 1: {"ok":false,"reply_to":1,"error":{"code":7,"msg":"too many at once; send it again after x_retry_after_ms"},"x_reason":"rate_limited","x_retry_after_ms":250}');
  });

  test("a message that nobody takes is refused as unavailable in time", () => {
    const t = booted().break("cs-0").break("cs-1").say(1, { type: "message", id: 1, channel: "C1", text: "x" });
    t.wait(9_999);
    expect(t.take().filter((line) => line.startsWith("to 1"))).toEqual([]);
    expect(t.wait(1).take().filter((line) => line.startsWith("to 1"))).toHaveLength(1);
  });
});

describe("rate limits", () => {
  /** Ada has two sockets, Bob one. */
  const three = (over: Partial<Options>): Trace => {
    const t = booted(over).connect(2, "UADA").tell({ type: "listed", session: 2, channels: ["C1"] });
    t.connect(3, "UBOB").from("cs-0", subscribed(3, 0)).tell({ type: "listed", session: 3, channels: ["C1"] });
    t.take();
    return t;
  };
  /** What came of frames: who was refused, and what went to the owner. */
  const outcome = (t: Trace): string[] =>
    t.take().flatMap((line) => {
      const refused = /^to (\d): .*"reply_to":(\d+).*"x_reason":"rate_limited","x_retry_after_ms":(\d+)/.exec(line);
      if (refused !== null) return [`${refused[1]} refused ${refused[2]} for ${refused[3]} ms`];
      return / (?:publish|typing) .*user=(\w+)/.exec(line)?.[1] ?? [];
    });

  test("a user's messages are refused beyond the burst, over all of their sockets, until there is a token again; another user's are not", () => {
    const t = three({ userMessagesPerSecond: 2, burstSeconds: 2 });
    const say = (session: number, id: number): Trace => t.say(session, { type: "message", id, channel: "C1", text: "x" });
    for (const id of [1, 2, 3]) say(1, id);
    say(2, 4);
    say(2, 5);
    say(1, 6);
    say(3, 7);
    expect(outcome(t)).toEqual(["UADA", "UADA", "UADA", "UADA", "2 refused 5 for 500 ms", "1 refused 6 for 500 ms", "UBOB"]);
    t.wait(499);
    say(1, 8);
    t.wait(1);
    say(1, 9);
    say(1, 10);
    expect(outcome(t)).toEqual(["1 refused 8 for 1 ms", "UADA", "1 refused 10 for 500 ms"]);
    expect(t.state.status()["counters"]).toMatchObject({ published: 6, rateLimited: 4 });
  });

  test("a message that is refused for another reason costs no token", () => {
    const t = three({ userMessagesPerSecond: 1, burstSeconds: 1 });
    t.say(1, { type: "message", id: 1, channel: "C9", text: "x" }).say(1, { type: "message", id: 2, channel: "C1", text: "" });
    t.say(1, { type: "message", id: 3, channel: "C1", text: "x" });
    expect(outcome(t)).toEqual(["UADA"]);
  });

  test("typing beyond the burst is dropped in silence", () => {
    const t = three({ userTypingPerSecond: 1, burstSeconds: 2 });
    for (const session of [1, 1, 2, 3]) t.say(session, { type: "typing", id: 1, channel: "C1" });
    expect(t.take().map((line) => line.replace(/ origin=\d/, ""))).toEqual(["→ cs-0 typing chan=2 user=UADA", "→ cs-0 typing chan=2 user=UADA", "→ cs-0 typing chan=2 user=UBOB"]);
    expect(t.state.status()["counters"]).toMatchObject({ typingDropped: 1 });
  });

  test("so many users as are asked about are counted, and what is too many is told when to come again", () => {
    const t = three({ userPresencePerSecond: 100, burstSeconds: 1 });
    const ids = Array.from({ length: limits.presenceSubUsers }, (_, i) => `U${i}`);
    t.say(1, { type: "presence_sub", ids }).take();
    t.say(1, { type: "presence_query", id: 7, ids: ["UX", "UY"] });
    expect(t.take()).toEqual([expect.stringMatching(/^to 1: .*"reply_to":7.*"code":7.*"x_retry_after_ms":20/)]);
    t.wait(20).say(2, { type: "presence_query", id: 8, ids: ["UX", "UY"] });
    expect(t.take().join()).not.toContain("reply_to");
  });
});

describe("events of a channel", () => {
  test("those of one turn are one delivery; duplicates are dropped", () => {
    expect(booted().from("cs-0", event(2, 8, "a"), event(2, 8, "a"), event(2, 7, "old"), event(2, 9, "b")).take()).toEqual(['to 1: "a" "b"']);
  });

  test("a hole makes it subscribe again after the last event", () => {
    const t = booted().from("cs-0", event(2, 8, "a"), event(2, 10, "c"));
    expect(t.take()).toEqual(['to 1: "a"', "→ cs-0 unsubscribe chan=2", "→ cs-0 subscribe chan=3 after=8 id=C1"]);
    t.from("cs-0", event(2, 11, "late"), subscribed(3, 11), event(3, 9, "b"), event(3, 10, "c"), event(3, 11, "d"));
    expect(t.take()).toEqual(['to 1: "b" "c" "d"']);
  });

  test("a hole that stays is told and passed over", () => {
    const t = booted().from("cs-0", event(2, 9, "b")).from("cs-0", subscribed(3, 9), event(3, 9, "b")).from("cs-0", subscribed(4, 9), event(4, 9, "b"));
    expect(t.take().slice(-1)).toEqual(['to 1: {"type":"x_gap","channel":"C1","after":7,"head":8} "b"']);
  });

  test("`moved` makes it ask again after a pause that grows, there or at the new owner", () => {
    const t = booted().from("cs-0", { type: "moved", chan: 2, epoch: 2, owner: "" });
    t.wait(20).from("cs-0", { type: "moved", chan: 3, epoch: 2, owner: "" });
    expect(t.quiet()).toEqual(["→ cs-0 unsubscribe chan=2", "→ cs-0 subscribe chan=3 after=7 id=C1", "→ cs-0 unsubscribe chan=3"]);
    t.wait(39);
    expect(t.quiet()).toEqual([]);
    t.tell({ type: "topology", ring: ring(2, ["cs-1"], { idle: ["cs-0"] }) });
    expect(t.quiet()).toEqual(["→ cs-0 unsubscribe chan=1", "→ cs-1 epoch epoch=2", "→ cs-1 subscribe chan=4 after=0 id=UADA", "→ cs-1 subscribe chan=5 after=7 id=C1"]);
    t.from("cs-1", subscribed(5, 8), event(5, 8, "a"));
    expect(t.take()).toEqual(['to 1: "a"']);
  });

  test("`moved` that names an owner with an open link: asked at once, by the topology that is on its way, and left there until that comes", () => {
    const t = booted().from("cs-0", { type: "moved", chan: 2, epoch: 3, owner: "cs-1" });
    expect(t.take()).toEqual(["→ cs-0 unsubscribe chan=2", "→ cs-1 epoch epoch=3", "→ cs-1 subscribe chan=3 after=7 id=C1"]);
    t.tell({ type: "topology", ring: ring(2, ["cs-0", "cs-1"]) }).from("cs-1", subscribed(3, 8, 8), event(3, 8, "a"));
    expect(t.take()).toEqual(['to 1: "a"']);
    t.tell({ type: "topology", ring: ring(3, ["cs-0", "cs-1"]) });
    expect(t.take()).toEqual(["→ cs-1 unsubscribe chan=3", "→ cs-0 epoch epoch=3", "→ cs-0 subscribe chan=4 after=8 id=C1"]);
  });

  test("an owner that was named and sends on, an older topology's word, one that is the same or not linked: a pause", () => {
    const hop = (epoch: number, owner: string): LinkFrame => ({ type: "moved", chan: 2, epoch, owner });
    for (const frame of [hop(0, "cs-1"), hop(9, "cs-0"), hop(9, "cs-7"), hop(9, "")]) {
      const t = booted().from("cs-0", frame);
      expect(t.take()).toEqual(["→ cs-0 unsubscribe chan=2"]);
      expect(t.wait(20).quiet()).toEqual(["→ cs-0 subscribe chan=3 after=7 id=C1"]);
    }
    const t = booted().from("cs-0", hop(9, "cs-1")).from("cs-1", { type: "moved", chan: 3, epoch: 9, owner: "cs-0" });
    t.take();
    expect(t.wait(20).quiet()).toEqual(["→ cs-0 subscribe chan=4 after=7 id=C1"]);
    t.from("cs-0", subscribed(4, 7), { ...hop(9, "cs-1"), chan: 4 } as LinkFrame);
    expect(t.take()).toEqual(["→ cs-0 unsubscribe chan=4", "→ cs-1 subscribe chan=5 after=7 id=C1"]);
  });

  test("a server that was named and whose link breaks: the channel goes by the ring again", () => {
    const t = booted().from("cs-0", { type: "moved", chan: 2, epoch: 9, owner: "cs-1" }).break("cs-1");
    expect(t.take().slice(-1)).toEqual(["→ cs-0 subscribe chan=4 after=7 id=C1"]);
  });

  test("a broken link: the second choice is asked for what comes after the last event; a message is sent again with its key", () => {
    const t = booted().say(1, { type: "message", id: 1, channel: "C1", text: "x" });
    t.take();
    t.break("cs-0");
    expect(t.take()).toEqual(["→ cs-1 subscribe chan=3 after=0 id=UADA", "→ cs-1 subscribe chan=4 after=7 id=C1"]);
    t.from("cs-1", subscribed(3, 0), subscribed(4, 8), event(4, 8, "x", 1), { type: "ack", req: 1, offset: 8, ts: "1.8" });
    expect(t.take()).toEqual([
      '→ cs-1 publish req=1 chan=4 origin=1 user=UADA key=gw-0-1-1 draft={"text":"x"}',
      'to 1: "x" (not to 1)',
      'to 1: {"ok":true,"reply_to":1,"ts":"1.8","text":"x","x_off":8}',
    ]);
    t.wait(50).open("cs-0");
    expect(t.quiet()).toEqual([
      "connect cs-0",
      "→ cs-0 hello v=2 server=gw-0 epoch=1",
      "→ cs-1 unsubscribe chan=3",
      "→ cs-0 subscribe chan=5 after=0 id=UADA",
      "→ cs-1 unsubscribe chan=4",
      "→ cs-0 subscribe chan=6 after=8 id=C1",
    ]);
  });

  test("a server that speaks another version of the link is passed over, and the status says why", () => {
    const t = booted().break("cs-0");
    t.wait(500).tell({ type: "linkOpened", conn: t.conns.get("cs-0")! }).from("cs-0", { type: "hello", v: LINK_VERSION - 1, server: "cs-0", epoch: 1 });
    expect(t.state.status().links.channel).toEqual({ "cs-0": `broken: it speaks version ${LINK_VERSION - 1}, not ${LINK_VERSION}`, "cs-1": "open" });
    t.wait(500).open("cs-0");
    expect(t.state.status().links.channel).toEqual({ "cs-0": "open", "cs-1": "open" });
  });

  test("a silent link is broken after --link-silence-ms", () => {
    const t = booted().wait(2_999);
    expect(t.quiet()).toEqual([]);
    expect(t.wait(1).quiet()).toContain("disconnect cs-0");
  });

  test("a link is opened again with pauses of 50 to 500 ms", () => {
    const t = booted().break("cs-1");
    const pauses: number[] = [];
    for (let i = 0; i < 6; i++) {
      const from = t.now;
      while (!t.take().includes("connect cs-1")) t.wait(10).from("cs-0", { type: "pong", at: 0 });
      pauses.push(t.now - from);
      t.break("cs-1");
    }
    expect(pauses).toEqual([50, 100, 200, 400, 500, 500]);
  });

  test("a publish that is misdirected moves the channel and is sent again", () => {
    const t = booted().say(1, { type: "message", id: 1, channel: "C1", text: "x", client_msg_id: "k" });
    t.from("cs-0", { type: "refused", req: 1, reason: "misdirected", detail: "", retryAfterMs: 0 }).wait(20).from("cs-0", subscribed(3, 7));
    expect(t.quiet().map((line) => line.replace(/ origin.*/, ""))).toEqual([
      "→ cs-0 publish req=1 chan=2",
      "→ cs-0 unsubscribe chan=2",
      "→ cs-0 subscribe chan=3 after=7 id=C1",
      "→ cs-0 publish req=1 chan=3",
    ]);
  });

  test("a late refusal of a server that the channel has left says nothing of the publish that was sent again elsewhere", () => {
    const t = booted().open("cs-1").say(1, { type: "message", id: 1, channel: "C1", text: "x", client_msg_id: "k" });
    t.from("cs-0", { type: "moved", chan: 2, epoch: 1, owner: "cs-1" }).from("cs-1", subscribed(3, 7));
    t.take();
    t.from("cs-0", { type: "refused", req: 1, reason: "store_unavailable", detail: "", retryAfterMs: 0 }, { type: "refused", req: 1, reason: "misdirected", detail: "", retryAfterMs: 0 });
    expect(t.quiet()).toEqual([]);
    expect(t.from("cs-1", { type: "ack", req: 1, offset: 8, ts: "1.8" }).take().at(-1)).toContain('"ok":true');
  });

  /** cs-0 answers each `subscribe` for C1 with this head. */
  const answerAll = (t: Trace, head: number, ms: number): void => {
    for (const end = t.now + ms; t.now < end; t.wait(10)) {
      for (const line of t.take()) {
        const chan = /→ cs-0 subscribe chan=(\d+) .*id=C1/.exec(line)?.[1];
        if (chan !== undefined) t.from("cs-0", subscribed(Number(chan), head));
      }
      for (const server of ["cs-0", "cs-1"]) t.from(server, { type: "pong", at: 0 });
    }
  };

  test("an owner that was replaced and does not know it yet is asked again, and makes nobody go back", () => {
    const t = booted().from("cs-0", event(2, 8, "a"), { type: "moved", chan: 2, epoch: 1, owner: "" });
    answerAll(t, 7, 4_000);
    t.take();
    t.tell({ type: "topology", ring: ring(2, ["cs-1"], { idle: ["cs-0"] }) });
    const chan = Number(/chan=(\d+) after=8 id=C1/.exec(t.take().join("\n"))![1]);
    t.from("cs-1", subscribed(chan, 9), event(chan, 9, "b"));
    expect(t.take()).toEqual(['to 1: "b"']);
  });

  test("a store that forgot is told as a gap, after some doubt", () => {
    const t = booted().from("cs-0", { type: "moved", chan: 2, epoch: 1, owner: "" });
    answerAll(t, 2, 4_900);
    expect(t.quiet().filter((line) => line.startsWith("to 1"))).toEqual([]);
    const told: string[] = [];
    for (let i = 0; i < 60; i++) {
      t.wait(10).from("cs-0", { type: "pong", at: 0 });
      for (const line of t.take()) {
        const chan = /→ cs-0 subscribe chan=(\d+) .*id=C1/.exec(line)?.[1];
        if (chan !== undefined) t.from("cs-0", subscribed(Number(chan), 2), event(Number(chan), 3, "new"));
        if (line.startsWith("to 1")) told.push(line);
      }
    }
    expect(told).toEqual(['to 1: {"type":"x_gap","channel":"C1","after":7,"head":2} "new"']);
  });
});

describe("how events travel", () => {
  /** Of two clients only the second wants to know. */
  function watched(): Trace {
    const t = booted().connect(2, "U2", { journeys: true }).from("cs-0", subscribed(3, 0));
    t.tell({ type: "listed", session: 2, channels: ["C1"] }).take();
    return t;
  }
  const micros = 1_000_000 * 1_000;
  const live = (offset: number, taken = micros - 9_500): LinkFrame => ({ ...(event(2, offset, "a") as Link<"event">), taken, received: micros - 8_000, stored: micros - 3_000 });

  test("who asked at rtm.connect is told after the event, and nobody else", () => {
    expect(watched().from("cs-0", live(8)).take()).toEqual([
      'to 1,2: "a"',
      'transient to 2: {"type":"x_journey","channel":"C1","x_off":8,"server":"cs-0","slot":7,"epoch":1,"gateway":"gw-0","taken":999990.5,"received":999992,"stored":999997,"arrived":1000000}',
    ]);
  });

  test("what is read from the store has no journey, what came by the Web API none to its owner", () => {
    expect(watched().from("cs-0", event(2, 8, "a")).take()).toEqual(['to 1,2: "a"']);
    expect(watched().from("cs-0", live(8, 0)).take()[1]).toContain('"taken":0,');
  });

  test("an event that somebody traces is told with how many it went to", () => {
    expect(watched().from("cs-0", { ...(live(8) as Link<"event">), trace: "00-1-2-01" }).take()[1]).toBe("traced C1 8 00-1-2-01 to 2");
  });

  test("every event's hops are counted, whoever asks", () => {
    const { times } = booted().from("cs-0", live(8), live(9, 0), event(2, 10, "old")).state;
    expect([times.toOwner, times.atOwner, times.toGateway].map(({ counts, sumMs }) => [counts.reduce((sum, count) => sum + count), sumMs])).toEqual([[1, 1.5], [2, 10], [2, 6]]);
  });
});

describe("membership", () => {
  test("a join delivers what comes after its offset, then goes live; a leave ends it at once", () => {
    const t = booted().from("cs-0", event(1, 1, { join: "C2", after: 3 }, 0, 1));
    t.from("cs-0", subscribed(3, 5)).from("cs-0", batch(1, 3, 5, [4, 5])).from("cs-0", event(3, 6, 6));
    expect(t.take()).toEqual(["→ cs-0 subscribe chan=3 after=head id=C2", "→ cs-0 read req=1 chan=3 after=3 limit=200 window=300000/10000", "replay to 1: 4 5"]);
    t.tell({ type: "replayed", session: 1, channel: "C2" }).from("cs-0", batch(2, 3, 6, [6])).tell({ type: "replayed", session: 1, channel: "C2" }).from("cs-0", event(3, 7, 7));
    expect(t.take()).toEqual(["→ cs-0 read req=2 chan=3 after=5 limit=200", "replay to 1: 6", "to 1: 7"]);
    t.from("cs-0", event(1, 2, { leave: "C2" }, 0, 1), event(3, 8, 8)).say(1, { type: "message", id: 1, channel: "C2", text: "x" });
    expect(t.take()[0]).toBe("→ cs-0 unsubscribe chan=3");
  });

  test("changes that arrive while the list is on its way are applied after it, in order", () => {
    const t = new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"]) }).open("cs-0");
    t.connect(1, "UADA").from("cs-0", subscribed(1, 0)).from("cs-0", event(1, 1, { leave: "C1" }, 0, 1), event(1, 2, { join: "C3", after: 0 }, 0, 1));
    t.take();
    t.tell({ type: "listed", session: 1, channels: ["C1", "C2"] });
    expect(t.take()).toEqual(["→ cs-0 subscribe chan=2 after=head id=C1", "→ cs-0 subscribe chan=3 after=head id=C2", "→ cs-0 unsubscribe chan=2", "→ cs-0 subscribe chan=4 after=head id=C3"]);
  });

  test("a join that is told again repeats nothing", () => {
    const t = booted().from("cs-0", event(1, 1, { leave: "C1" }, 0, 1), event(1, 2, { join: "C1", after: 2 }, 0, 1)).from("cs-0", subscribed(3, 7), event(3, 8, "next"));
    expect(t.take()).toEqual(["→ cs-0 unsubscribe chan=2", "→ cs-0 subscribe chan=3 after=head id=C1", 'to 1: "next"']);
  });

  test("junk on the user's own channel is ignored", () => {
    expect(booted().from("cs-0", event(1, 1, { join: "no id!" }, 0, 1), event(1, 2, [], 0, 1), event(1, 3, "x", 0, 1)).take()).toEqual([]);
  });
});

describe("resume", () => {
  const resume = (offset: number, head = 7): Trace => {
    const t = booted();
    for (let offset = 8; offset <= head; offset++) t.from("cs-0", event(2, offset, offset));
    t.connect(2, "UADA", { offsets: { C1: offset } }).tell({ type: "listed", session: 2, channels: ["C1"] });
    return t;
  };

  test("replays what the client missed, holds live events back meanwhile, and joins without gap or duplicate", () => {
    const t = resume(5);
    expect(t.take().slice(-2)).toEqual(['to 2: {"type":"hello","x_session":2,"x_gateway":"gw-0"}', "→ cs-0 read req=1 chan=2 after=5 limit=200 window=300000/10000"]);
    t.from("cs-0", event(2, 8, 8)).from("cs-0", batch(1, 2, 9, [6, 7, 8, 9]));
    expect(t.take()).toEqual(["to 1: 8", "replay to 2: 6 7 8"]);
    t.tell({ type: "replayed", session: 2, channel: "C1" }).from("cs-0", event(2, 9, 9));
    expect(t.take()).toEqual(["to 1,2: 9"]);
  });

  test("a client that missed nothing joins at once", () => {
    expect(resume(7).from("cs-0", event(2, 8, 8)).take().slice(-1)).toEqual(["to 1,2: 8"]);
  });

  test("what lies outside the window is an explicit gap that says what to fetch; the rest is replayed, however old it grows meanwhile", () => {
    const t = resume(2);
    t.take();
    t.from("cs-0", window(1, 2, 5, 7, "1.2", "1.5"));
    expect(t.take()).toEqual(['to 2: {"type":"x_gap","channel":"C1","after":2,"head":5,"oldest":"1.2","latest":"1.5"}', "→ cs-0 read req=2 chan=2 after=5 limit=200"]);
    t.from("cs-0", batch(2, 2, 7, [6])).tell({ type: "replayed", session: 2, channel: "C1" });
    expect(t.take()).toEqual(["replay to 2: 6", "→ cs-0 read req=3 chan=2 after=6 limit=200"]);
    t.from("cs-0", batch(3, 2, 7, [7])).tell({ type: "replayed", session: 2, channel: "C1" }).from("cs-0", event(2, 8, 8));
    expect(t.take()).toEqual(["replay to 2: 7", "to 1,2: 8"]);
  });

  test("nothing in the window: a gap up to the head, then live", () => {
    const t = resume(2);
    t.take();
    t.from("cs-0", window(1, 2, 7, 7), event(2, 8, 8));
    expect(t.take()).toEqual(['to 2: {"type":"x_gap","channel":"C1","after":2,"head":7}', "to 1,2: 8"]);
  });

  test("a gap up to what the gateway has not yet: the client waits for it, and gets nothing twice", () => {
    const t = resume(2);
    t.take();
    t.from("cs-0", window(1, 2, 9, 9, "1.2", "1.9"), event(2, 8, 8), event(2, 9, 9), event(2, 10, 10));
    expect(t.take()).toEqual(['to 2: {"type":"x_gap","channel":"C1","after":2,"head":9,"oldest":"1.2","latest":"1.9"}', "to 1: 8 9", "to 1,2: 10"]);
  });

  test("the window is asked for again where the first answer was lost with its link", () => {
    const t = resume(2).break("cs-0");
    t.take();
    expect(t.from("cs-1", subscribed(4, 7)).take()).toEqual(["→ cs-1 read req=2 chan=4 after=2 limit=200 window=300000/10000"]);
    t.from("cs-1", window(2, 4, 5, 7)).break("cs-1");
    t.take();
    t.wait(50).open("cs-0").from("cs-0", subscribed(6, 7));
    expect(t.quiet().slice(-1)).toEqual(["→ cs-0 read req=4 chan=6 after=5 limit=200"]);
  });

  test("a gateway that missed more than a replay is for asks what that was, tells all, and replays the rest", () => {
    const t = booted().break("cs-0");
    t.take();
    t.from("cs-1", subscribed(4, 20_000, 10_001), event(4, 10_001, "ignored for now"));
    expect(t.take()).toEqual([`→ cs-1 read req=1 chan=4 after=7 limit=1 window=0/${limits.resumeEvents}`]);
    t.from("cs-1", window(1, 4, 10_002, 20_002, "1.7", "2.2"));
    expect(t.take()).toEqual([
      'to 1: {"type":"x_gap","channel":"C1","after":7,"head":10002,"oldest":"1.7","latest":"2.2"}',
      "→ cs-1 unsubscribe chan=4",
      "→ cs-1 subscribe chan=5 after=10002 id=C1",
    ]);
    t.from("cs-1", subscribed(5, 20_002, 10_003), event(5, 10_003, "next"));
    expect(t.take()).toEqual(['to 1: "next"']);
  });

  test("events that were swept while they were replayed: the same", () => {
    const t = booted().from("cs-0", event(2, 8, "a"), subscribed(2, 30, 21), event(2, 21, "ignored"));
    expect(t.take()).toEqual(['to 1: "a"', `→ cs-0 read req=1 chan=2 after=8 limit=1 window=0/${limits.resumeEvents}`]);
    t.from("cs-0", window(1, 2, 20, 30)).from("cs-0", subscribed(3, 30, 21), event(3, 21, "b"));
    expect(t.take()).toEqual(['to 1: {"type":"x_gap","channel":"C1","after":8,"head":20}', "→ cs-0 unsubscribe chan=2", "→ cs-0 subscribe chan=3 after=20 id=C1", 'to 1: "b"']);
  });

  test("a question about a gap that is refused, or lost with its link, is asked again", () => {
    const t = booted().break("cs-0").from("cs-1", subscribed(4, 20_000, 10_001), { type: "refused", req: 1, reason: "store_unavailable", detail: "", retryAfterMs: 0 });
    t.take();
    t.wait(20).from("cs-1", subscribed(5, 20_000, 10_001));
    expect(t.quiet()).toEqual(["→ cs-1 subscribe chan=5 after=7 id=C1", `→ cs-1 read req=2 chan=5 after=7 limit=1 window=0/${limits.resumeEvents}`]);
    t.break("cs-1").from("cs-1", window(2, 5, 10_001, 20_000));
    expect(t.quiet().filter((line) => line.startsWith("to"))).toEqual([]);
  });

  test("a client that saw more elsewhere than this gateway gets no event twice", () => {
    const t = resume(9);
    t.take();
    t.from("cs-0", batch(1, 2, 9, []), event(2, 8, 8), event(2, 9, 9), event(2, 10, 10));
    expect(t.take()).toEqual(["to 1: 8 9", "to 1,2: 10"]);
  });

  test("an offset that does not exist is told as a gap, after some doubt", () => {
    const t = resume(99);
    for (let req = 1; req <= 20; req++) t.from("cs-0", batch(req, 2, 7, [])).wait(250).from("cs-0", { type: "pong", at: 0 });
    t.take();
    expect(t.from("cs-0", batch(21, 2, 7, []), event(2, 8, 8)).take()).toEqual(['to 2: {"type":"x_gap","channel":"C1","after":99,"head":7}', "to 1,2: 8"]);
  });

  test("a client that resumes many channels reads two at a time", () => {
    const t = new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"]) }).open("cs-0");
    const channels = ["C1", "C2", "C3", "C4"];
    t.connect(1, "UADA", { offsets: Object.fromEntries(channels.map((channel) => [channel, 1])) }).from("cs-0", subscribed(1, 0));
    t.tell({ type: "listed", session: 1, channels }).from("cs-0", ...[2, 3, 4, 5].map((chan) => subscribed(chan, 2)));
    expect(t.take().filter((line) => line.includes(" read "))).toEqual(["→ cs-0 read req=1 chan=2 after=1 limit=200 window=300000/10000", "→ cs-0 read req=2 chan=3 after=1 limit=200 window=300000/10000"]);
    t.from("cs-0", batch(1, 2, 2, [2])).tell({ type: "replayed", session: 1, channel: "C1" });
    expect(t.take()).toEqual(["replay to 1: 2", "→ cs-0 read req=3 chan=4 after=1 limit=200 window=300000/10000"]);
    t.from("cs-0", event(1, 1, { leave: "C2" }, 0, 1));
    expect(t.take()).toEqual(["→ cs-0 read req=4 chan=5 after=1 limit=200 window=300000/10000", "→ cs-0 unsubscribe chan=3"]);
  });

  test("a session that ends while it resumes leaves nothing behind", () => {
    const t = new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"]) }).open("cs-0");
    const channels = ["C1", "C2", "C3", "C4"];
    t.connect(1, "UADA", { offsets: Object.fromEntries(channels.map((channel) => [channel, 1])) }).from("cs-0", subscribed(1, 0));
    t.tell({ type: "listed", session: 1, channels }).from("cs-0", ...[2, 3, 4, 5].map((chan) => subscribed(chan, 2)));
    t.take();
    t.tell({ type: "closed", session: 1 }).from("cs-0", batch(1, 2, 2, [2]));
    expect(t.take()).toEqual([1, 2, 3, 4, 5].map((chan) => `→ cs-0 unsubscribe chan=${chan}`));
    expect(t.state.status()).toMatchObject({ sessions: 0, subscriptions: 0, presenceUsers: 0 });
  });

  test("a link that breaks during the replay: the read is repeated at the next server", () => {
    const t = resume(5).break("cs-0");
    t.take();
    t.from("cs-1", subscribed(4, 7));
    expect(t.take()).toEqual(["→ cs-1 read req=2 chan=4 after=5 limit=200 window=300000/10000"]);
    t.from("cs-1", batch(1, 4, 7, [6]), batch(2, 4, 7, [6, 7]));
    expect(t.take()).toEqual(["replay to 2: 6 7"]);
  });

  test("a batch that holds no events breaks the link, and nothing else", () => {
    const t = resume(5);
    t.take();
    t.from("cs-0", { type: "batch", req: 1, chan: 2, head: 7, events: Uint8Array.of(9, 9) });
    expect(t.quiet()[0]).toBe("disconnect cs-0");
    expect(t.from("cs-1", subscribed(4, 7)).take()).toEqual(["→ cs-1 read req=2 chan=4 after=5 limit=200 window=300000/10000"]);
  });

  test("a read that the store could not answer is tried again", () => {
    const t = resume(5).from("cs-0", { type: "refused", req: 1, reason: "store_unavailable", detail: "", retryAfterMs: 0 });
    t.take();
    expect(t.wait(250).quiet()).toEqual(["→ cs-0 read req=2 chan=2 after=5 limit=200 window=300000/10000"]);
  });

  test("a read that was one too many is tried again when the owner says, not with each event that comes meanwhile", () => {
    const t = resume(5).from("cs-0", { type: "refused", req: 1, reason: "rate_limited", detail: "", retryAfterMs: 1_000 });
    t.take();
    for (let offset = 8; offset < 18; offset++) expect(t.wait(90).from("cs-0", event(2, offset, offset)).quiet()).toEqual([`to 1: ${offset}`]);
    expect(t.wait(100).quiet()).toEqual(["→ cs-0 read req=2 chan=2 after=5 limit=200 window=300000/10000"]);
  });
});

describe("presence", () => {
  const two = { presence: ["ps-0", "ps-1"] };

  test("a user's first session is announced and the last one's end told; watched users are told as they change", () => {
    const t = new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"], two) }).open("cs-0", "ps-0", "ps-1");
    t.take();
    t.connect(1, "UADA").from("cs-0", subscribed(1, 0)).tell({ type: "listed", session: 1, channels: [] });
    t.connect(2, "UADA").tell({ type: "listed", session: 2, channels: [] });
    t.say(1, { type: "presence_sub", ids: ["UGRACE", "ULINUS"] }).from("ps-0", { type: "presence", user: "UGRACE", active: 1 });
    t.say(2, { type: "presence_sub", ids: ["UGRACE"] }).from("ps-0", { type: "presence", user: "UGRACE", active: 0 });
    t.say(1, { type: "presence_sub", ids: [] }).tell({ type: "closed", session: 1 }).tell({ type: "closed", session: 2 });
    expect(t.take()).toMatchInlineSnapshot(`
      [
        "redeem 1",
        "accept 1",
        "→ cs-0 subscribe chan=1 after=head id=UADA",
        "list UADA for 1",
        "to 1: {"type":"hello","x_session":1,"x_gateway":"gw-0"}",
        "→ ps-0 online user=UADA manualAway=0 at=0",
        "redeem 2",
        "accept 2",
        "list UADA for 2",
        "to 2: {"type":"hello","x_session":2,"x_gateway":"gw-0"}",
        "→ ps-0 watch user=UGRACE",
        "→ ps-0 watch user=ULINUS",
        "to 1: {"type":"presence_change","presence":"active","user":"UGRACE"}",
        "to 2: {"type":"presence_change","presence":"active","user":"UGRACE"}",
        "to 1,2: {"type":"presence_change","presence":"away","user":"UGRACE"}",
        "→ ps-0 unwatch user=ULINUS",
        "→ cs-0 unsubscribe chan=1",
        "→ ps-0 unwatch user=UGRACE",
        "→ ps-0 offline user=UADA",
      ]
    `);
  });

  test("a client that asked for batches gets users[]; a query is answered once", () => {
    const t = booted({}, { presence: ["ps-0"] });
    t.connect(2, "UGRACE", { batch_presence: true }).from("cs-0", subscribed(3, 0)).tell({ type: "listed", session: 2, channels: [] });
    t.take();
    t.say(2, { type: "presence_query", ids: ["UADA"] }).from("ps-0", { type: "presence", user: "UADA", active: 1 });
    expect(t.take()).toEqual(["→ ps-0 watch user=UADA", 'to 2: {"type":"presence_change","presence":"active","users":["UADA"]}', "→ ps-0 unwatch user=UADA"]);
  });

  test("after a link breaks all is announced and watched at the next server; what did not change is not told again", () => {
    const t = booted({}, two).say(1, { type: "presence_sub", ids: ["UGRACE"] }).from("ps-0", { type: "presence", user: "UGRACE", active: 1 });
    t.from("ps-0", { type: "manual", user: "UADA", away: 1, at: 7 });
    t.take();
    t.break("ps-0");
    expect(t.take()).toEqual(["→ ps-1 online user=UADA manualAway=1 at=7", "→ ps-1 watch user=UGRACE"]);
    expect(t.from("ps-1", { type: "presence", user: "UGRACE", active: 1 }).take()).toEqual([]);
    t.wait(50).open("ps-0");
    expect(t.quiet()).toEqual([
      "connect ps-0",
      "→ ps-0 hello v=2 server=gw-0 epoch=1",
      "→ ps-1 offline user=UADA",
      "→ ps-0 online user=UADA manualAway=1 at=7",
      "→ ps-1 unwatch user=UGRACE",
      "→ ps-0 watch user=UGRACE",
      "→ ps-0 announced epoch=1",
    ]);
  });

  test("a user's own choice is told to the user's sessions", () => {
    expect(booted({}, two).from("ps-0", { type: "manual", user: "UADA", away: 1, at: 7 }).take()).toEqual(['to 1: {"type":"manual_presence_change","presence":"away"}']);
  });

  test("an older choice than the known one changes nothing, whoever brings it", () => {
    const t = booted({}, two).from("ps-0", { type: "manual", user: "UADA", away: 1, at: 7 });
    t.take();
    t.from("ps-0", { type: "manual", user: "UADA", away: 0, at: 6 });
    expect(t.take()).toEqual([]);
    t.from("ps-0", { type: "manual", user: "UADA", away: 1, at: 8 });
    expect(t.take()).toEqual([]);
  });

  test("a newer choice that the user's presence server has not told is announced to it", () => {
    const t = booted({}, two);
    t.from("ps-1", { type: "manual", user: "UADA", away: 1, at: 7 });
    expect(t.take()).toEqual(['to 1: {"type":"manual_presence_change","presence":"away"}', "→ ps-0 online user=UADA manualAway=1 at=7"]);
    t.connect(2, "UADA", { manual_away: false, manual_away_at: 9 }).tell({ type: "listed", session: 2, channels: [] });
    expect(t.take().slice(-3)).toEqual([
      'to 2: {"type":"hello","x_session":2,"x_gateway":"gw-0"}',
      'to 1: {"type":"manual_presence_change","presence":"active"}',
      "→ ps-0 online user=UADA manualAway=0 at=9",
    ]);
  });

  test("a choice on the user's own channel counts as one that a presence server tells", () => {
    const t = booted({}, two);
    const chose = (offset: number, presence: "auto" | "away", at: number): LinkFrame => ({ type: "event", chan: 1, offset, origin: 0, kind: 1, ...noHops, payload: new TextEncoder().encode(JSON.stringify({ presence, at })) });
    t.from("cs-0", chose(1, "away", 7));
    expect(t.take()).toEqual(['to 1: {"type":"manual_presence_change","presence":"away"}', "→ ps-0 online user=UADA manualAway=1 at=7"]);
    t.from("cs-0", chose(2, "auto", 5), chose(3, "auto", -1));
    expect(t.take()).toEqual([]);
  });

  test("more than 500 users, or as many open questions, are refused", () => {
    const t = booted({}, two);
    const ids = Array.from({ length: 501 }, (_, i) => `U${i}`);
    expect(t.say(1, { type: "presence_sub", id: 1, ids }).take()[0]).toContain("too_many_users");
    t.say(1, { type: "presence_query", id: 2, ids: ids.slice(1) }).take();
    expect(t.say(1, { type: "presence_query", id: 3, ids: ["UX"] }).take()[0]).toContain("rate_limited");
  });
});

describe("the end of a session or a gateway", () => {
  test("a client is closed three heartbeats after its last sign of life, to the millisecond, whenever that was", () => {
    for (const lastAt of [0, 3, 57, 123, 200, 411]) {
      const t = booted({ heartbeatMs: 200 }).wait(lastAt).tell({ type: "alive", session: 1 }).wait(599);
      expect(t.take()).not.toContain("close 1: silent");
      expect(t.wait(1).take()).toContain("close 1: silent");
    }
  });

  test("clients are pinged each heartbeat and closed after three without a sign of life", () => {
    const t = booted({ heartbeatMs: 200 });
    const pings = (): number => t.take().filter((line) => line === "ping 1").length;
    t.wait(500).tell({ type: "alive", session: 1 });
    expect(pings()).toBeGreaterThanOrEqual(2);
    t.wait(590);
    expect(pings()).toBeGreaterThanOrEqual(2);
    expect(t.wait(210).take()).toContain("close 1: silent");
  });

  test("a slow consumer is closed", () => {
    expect(booted().tell({ type: "overflow", session: 1 }).take()[0]).toBe("close 1: slow_consumer");
  });

  /** Ada (1), and more sessions who came later: user → whether it waits as it is told. */
  const crowd = (sessions: Readonly<Record<string, boolean>>, over: Partial<Options> = {}): Trace => {
    const t = booted(over);
    Object.entries(sessions).forEach(([user, paced], i) => {
      t.connect(i + 2, user, { paced }).from("cs-0", subscribed(i + 3, 0)).tell({ type: "listed", session: i + 2, channels: ["C1"] });
    });
    t.take();
    return t;
  };
  const gateway = (epoch: number, ...states: ("up" | "draining")[]): Event => ({ type: "topology", ring: ring(epoch, ["cs-0", "cs-1"], { gateway: states.map((state, i) => [`gw-${i}`, state] as const) }) });
  const toClients = (t: Trace): string[] => t.quiet().filter((line) => !line.startsWith("→"));

  test("a draining gateway takes leave in turns: who waits as told learns the turn at once, others are told and closed in theirs", () => {
    const t = crowd({ U2: true, U3: false, U4: true }, { reconnectsPerSecond: 11 }).tell(gateway(2, "draining"));
    expect(toClients(t)).toEqual(['to 1: {"type":"goodbye","x_delay_ms":0}', "close 1: goodbye", 'to 2: {"type":"goodbye","x_delay_ms":100}', 'to 4: {"type":"goodbye","x_delay_ms":300}']);
    t.from("cs-0", event(2, 8, "still here")).wait(199);
    expect(toClients(t)).toEqual(['to 4,2,3: "still here"']);
    t.wait(1);
    expect(toClients(t)).toEqual(['to 3: {"type":"goodbye","x_delay_ms":0}', "close 3: goodbye"]);
    t.from("cs-0", event(2, 9, "and here")).tell({ type: "closed", session: 2 });
    expect(toClients(t)).toEqual(['to 4,2: "and here"']);
    expect(t.state.status()).toMatchObject({ draining: true, sessions: 1 });
  });

  test("a client that does not leave is served until --leave-within-ms after its turn", () => {
    const t = crowd({ U2: true }, { reconnectsPerSecond: 11, leaveWithinMs: 700 }).tell(gateway(2, "draining")).wait(799);
    t.from("cs-0", event(2, 8, "still here"));
    expect(toClients(t).slice(-1)).toEqual(['to 2: "still here"']);
    expect(toClients(t.wait(1))).toEqual(["close 2: goodbye"]);
  });

  test("a session that begins while the gateway drains has the turn after the last", () => {
    const t = crowd({ U2: true }, { reconnectsPerSecond: 11 }).tell({ type: "upgrade", session: 9, ticket: "U9.s" }).tell(gateway(2, "draining"));
    t.connect(9, "U9", { paced: true }).from("cs-0", subscribed(4, 0)).tell({ type: "listed", session: 9, channels: ["C1"] });
    expect(toClients(t).slice(-1)).toEqual(['to 9: {"type":"goodbye","x_delay_ms":200}']);
    expect(t.tell({ type: "upgrade", session: 10, ticket: "U10.s" }).take()).toEqual(["refuse 10: misdirected"]);
  });

  test("undrained, who was not told to leave stays, and nobody is closed", () => {
    const t = crowd({ U2: true, U3: false }, { reconnectsPerSecond: 11 }).tell(gateway(2, "draining")).tell(gateway(3, "up"));
    t.take();
    for (let i = 0; i < 80; i++) t.wait(500).from("cs-0", { type: "pong", at: 0 }).tell({ type: "alive", session: 2 }).tell({ type: "alive", session: 3 });
    expect(toClients(t).filter((line) => line.startsWith("to") || line.startsWith("close"))).toEqual([]);
    expect(t.state.status()).toMatchObject({ draining: false, sessions: 2 });
  });

  test("gateways that drain together share the rate", () => {
    const t = crowd({ U2: true, U3: true }, { reconnectsPerSecond: 11 }).tell(gateway(2, "draining", "draining", "up"));
    expect(toClients(t).filter((line) => line.includes("x_delay_ms"))).toEqual([0, 200, 400].map((ms, i) => `to ${i + 1}: {"type":"goodbye","x_delay_ms":${ms}}`));
  });

  test("when another gateway begins to drain, or ends it, who has not left yet gets a turn at the new rate", () => {
    const t = crowd({ U2: true, U3: true, U4: false, U5: true }, { reconnectsPerSecond: 11 }).tell(gateway(2, "draining", "up", "up"));
    const told = (): string[] => toClients(t).filter((line) => line.includes("x_delay_ms"));
    expect(told()).toEqual(['to 1: {"type":"goodbye","x_delay_ms":0}', 'to 2: {"type":"goodbye","x_delay_ms":100}', 'to 3: {"type":"goodbye","x_delay_ms":200}', 'to 5: {"type":"goodbye","x_delay_ms":400}']);
    t.wait(150).tell({ type: "closed", session: 2 });
    t.tell(gateway(3, "draining", "draining", "up"));
    expect(told()).toEqual(['to 3: {"type":"goodbye","x_delay_ms":150}', 'to 5: {"type":"goodbye","x_delay_ms":550}']);
    t.tell(gateway(4, "draining", "draining", "draining")).tell(gateway(5, "draining", "up", "up"));
    expect(told().slice(-2)).toEqual(['to 3: {"type":"goodbye","x_delay_ms":50}', 'to 5: {"type":"goodbye","x_delay_ms":250}']);
    t.wait(151);
    expect(told()).toEqual(['to 4: {"type":"goodbye","x_delay_ms":0}']);
  });

  test("a drain that is taken back and begun again goes on after the turns that were told", () => {
    const t = crowd({ U2: true, U3: false }, { reconnectsPerSecond: 11 }).tell(gateway(2, "draining")).wait(20).tell(gateway(3, "up")).wait(20);
    t.take();
    t.tell(gateway(4, "draining"));
    expect(toClients(t).filter((line) => line.includes("x_delay_ms"))).toEqual(['to 2: {"type":"goodbye","x_delay_ms":160}']);
  });

  describe("within a time that an operator chose", () => {
    const chosen = (epoch: number, drainMs: number, ...others: (readonly [string, "up" | "draining", number?])[]): Event => ({ type: "topology", ring: ring(epoch, ["cs-0", "cs-1"], { gateway: [["gw-0", "draining", drainMs], ...others] }) });
    const told = (t: Trace): string[] => toClients(t).filter((line) => line.includes("x_delay_ms"));

    test("the turns are spread evenly over it, whatever the rate, and who is there at its end is closed", () => {
      const t = crowd({ U2: true, U3: false, U4: true }, { reconnectsPerSecond: 1 }).tell(chosen(2, 4_000));
      expect(toClients(t)).toEqual(['to 1: {"type":"goodbye","x_delay_ms":0}', "close 1: goodbye", 'to 2: {"type":"goodbye","x_delay_ms":900}', 'to 4: {"type":"goodbye","x_delay_ms":2700}']);
      t.wait(1_799).from("cs-0", event(2, 8, "still here"));
      expect(toClients(t)).toEqual(['to 4,2,3: "still here"']);
      expect(toClients(t.wait(1))).toEqual(['to 3: {"type":"goodbye","x_delay_ms":0}', "close 3: goodbye"]);
      t.wait(2_199).from("cs-0", event(2, 9, "and here"));
      expect(toClients(t).at(-1)).toBe('to 4,2: "and here"');
      expect(toClients(t.wait(1))).toEqual(["close 2: goodbye", "close 4: goodbye"]);
    });

    test("nobody is told twice when other gateways begin or end a drain, or another epoch comes", () => {
      const t = crowd({ U2: true, U3: true }).tell(chosen(2, 3_000));
      expect(told(t)).toHaveLength(3);
      t.tell(chosen(3, 3_000, ["gw-1", "draining", 3_000])).tell(chosen(4, 3_000, ["gw-1", "draining"], ["gw-2", "draining"])).tell(chosen(5, 3_000, ["gw-1", "up"]));
      expect(told(t)).toEqual([]);
    });

    test.each([["down", [["gw-0", "down"]]], ["not in the ring", []]] as const)("while its record is %s the drain goes on, nobody is told twice, and its end is the first one's", (_, gateways) => {
      const t = crowd({ U2: true, U3: true }).tell(chosen(2, 3_000)).wait(1_000);
      t.take();
      t.tell({ type: "topology", ring: ring(3, ["cs-0", "cs-1"], { gateway: gateways }) });
      expect(t.state.status()).toMatchObject({ draining: true });
      expect(told(t.wait(1_000).tell(chosen(4, 3_000)).wait(999))).toEqual([]);
      expect(toClients(t.wait(1)).filter((line) => line.startsWith("close"))).toEqual(["close 2: goodbye", "close 3: goodbye"]);
    });

    test("another time gives those who are left new turns, and no drain lets them stay", () => {
      const t = crowd({ U2: true, U3: false }, { reconnectsPerSecond: 11 }).tell(chosen(2, 30_000)).wait(100);
      t.take();
      expect(told(t.tell(chosen(3, 2_000)))).toEqual(['to 2: {"type":"goodbye","x_delay_ms":0}']);
      t.tell({ type: "topology", ring: ring(4, ["cs-0", "cs-1"]) }).take();
      expect(toClients(t.wait(2_500)).filter((line) => line.startsWith("close"))).toEqual([]);
    });

    test("a session that begins meanwhile leaves by its end, too", () => {
      const t = crowd({ U2: true }).tell({ type: "upgrade", session: 9, ticket: "U9.s" }).tell(chosen(2, 1_000)).wait(990);
      t.take();
      t.connect(9, "U9", { paced: true }).from("cs-0", subscribed(4, 0)).tell({ type: "listed", session: 9, channels: ["C1"] });
      expect(told(t)).toEqual(['to 9: {"type":"goodbye","x_delay_ms":0}']);
      expect(toClients(t.wait(10)).at(-1)).toBe("close 9: goodbye");
    });

    test("gateways for which nobody chose share the rate without those for which somebody did", () => {
      const t = crowd({ U2: true }, { reconnectsPerSecond: 11 });
      t.tell({ type: "topology", ring: ring(2, ["cs-0", "cs-1"], { gateway: [["gw-0", "draining"], ["gw-1", "draining", 5_000]] }) });
      expect(told(t)).toEqual([0, 100].map((ms, i) => `to ${i + 1}: {"type":"goodbye","x_delay_ms":${ms}}`));
    });
  });

  test.each([[2_000, 200], [2_000, 300], [400, 20]])("%i sessions leave at no more than %i per second, and not much slower", (count, rate) => {
    const t = new Trace({ maxSessions: count, reconnectsPerSecond: rate }).tell({ type: "topology", ring: ring(1, ["cs-0"]) }).open("cs-0");
    for (let id = 1; id <= count; id++) t.connect(id, "UADA", { paced: id % 3 === 0 }).from("cs-0", subscribed(1, 0)).tell({ type: "listed", session: id, channels: [] });
    t.take();
    const began = t.now;
    t.tell({ type: "topology", ring: ring(2, ["cs-0"], { gateway: [["gw-0", "draining"]] }) });
    const turns: number[] = [];
    for (;;) {
      for (const line of t.take()) {
        const delay = /x_delay_ms":(\d+)/.exec(line)?.[1];
        if (delay !== undefined) turns.push(t.now - began + Number(delay));
      }
      const next = t.state.wakeAt();
      if (turns.length === count || next === undefined) break;
      t.now = next;
      t.from("cs-0", { type: "pong", at: 0 });
    }
    expect(turns).toHaveLength(count);
    turns.sort((a, b) => a - b);
    let peak = 0;
    for (let from = 0, to = 0; to < turns.length; to++) {
      while (turns[to]! - turns[from]! >= 1_000) from++;
      peak = Math.max(peak, to - from + 1);
    }
    expect(peak).toBeLessThanOrEqual(rate);
    expect(peak).toBeGreaterThan(rate * 0.9);
    expect(turns.at(-1)! / 1_000).toBeLessThan((1.11 * count) / rate);
  });

  test("a gateway that is told to stop takes leave of all within --drain-ms, and says where that is faster than the rate", () => {
    const t = crowd({ U2: true, U3: false, U4: true }, { reconnectsPerSecond: 1, drainMs: 400 }).tell({ type: "stop" });
    expect(toClients(t)).toEqual(["hurry: 4 within 400 ms", 'to 1: {"type":"goodbye","x_delay_ms":0}', "close 1: goodbye", 'to 2: {"type":"goodbye","x_delay_ms":100}', 'to 4: {"type":"goodbye","x_delay_ms":300}']);
    expect(toClients(t.wait(300))).toEqual(['to 3: {"type":"goodbye","x_delay_ms":0}', "close 3: goodbye"]);
    expect(toClients(t.wait(300))).toEqual(["close 2: goodbye"]);
    expect(toClients(t.wait(200))).toEqual(["close 4: goodbye", "disconnect cs-0", "disconnect cs-1", "drained"]);
  });

  test("a gateway that is told to stop while it drains gives new turns", () => {
    const t = crowd({ U2: true, U3: false }, { reconnectsPerSecond: 1, drainMs: 300 }).tell(gateway(2, "draining"));
    expect(toClients(t).slice(-1)).toEqual(['to 2: {"type":"goodbye","x_delay_ms":1100}']);
    t.tell({ type: "stop" });
    expect(toClients(t)).toEqual(["hurry: 2 within 300 ms", 'to 2: {"type":"goodbye","x_delay_ms":0}']);
    expect(toClients(t.wait(150))).toEqual(['to 3: {"type":"goodbye","x_delay_ms":0}', "close 3: goodbye"]);
  });

  test("when it is told to stop, all get a goodbye, then it is drained and its links end", () => {
    const t = booted().tell({ type: "stop" });
    expect(t.take()).toEqual([
      'to 1: {"type":"goodbye","x_delay_ms":0}',
      "close 1: goodbye",
      "→ cs-0 unsubscribe chan=1",
      "→ cs-0 unsubscribe chan=2",
      "disconnect cs-0",
      "disconnect cs-1",
      "drained",
    ]);
    expect(t.tell({ type: "upgrade", session: 2, ticket: "U.s" }).take()).toEqual(["refuse 2: misdirected"]);
  });

  test("a session that waits for an ack is closed after it, or a second later", () => {
    const t = booted().say(1, { type: "message", id: 1, channel: "C1", text: "x" }).tell({ type: "stop" });
    expect(t.take().slice(-1)).toEqual(['to 1: {"type":"goodbye","x_delay_ms":0}']);
    t.wait(100).from("cs-0", { type: "ack", req: 1, offset: 8, ts: "1.8" }).wait(50);
    expect(t.take().slice(0, 2)).toEqual(['to 1: {"ok":true,"reply_to":1,"ts":"1.8","text":"x","x_off":8}', "close 1: goodbye"]);

    const late = booted().say(1, { type: "message", id: 1, channel: "C1", text: "x" }).tell({ type: "stop" }).wait(950);
    expect(late.quiet()).not.toContain("close 1: goodbye");
    expect(late.wait(100).quiet()).toContain("drained");
  });

  test("a client whose ticket was redeemed when the drain began gets its hello and a goodbye", () => {
    const t = new Trace().tell({ type: "topology", ring: ring(1, ["cs-0"]) }).open("cs-0").tell({ type: "upgrade", session: 1, ticket: "UADA.s" });
    t.tell({ type: "stop" }).connect(1, "UADA").from("cs-0", subscribed(1, 0)).tell({ type: "listed", session: 1, channels: [] });
    expect(t.take().slice(-5)).toEqual(['to 1: {"type":"hello","x_session":1,"x_gateway":"gw-0"}', 'to 1: {"type":"goodbye","x_delay_ms":0}', "close 1: goodbye", "→ cs-0 unsubscribe chan=1", "disconnect cs-0", "drained"].slice(-5));
  });
});

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket as NetSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { AFTER_HEAD, decodeLink, encodeLink, LINK_VERSION, type Link, type LinkFrame, type LinkFrameType } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { ChannelInfo, Events, History, Message, Publish, Published } from "../protocol/mesh.ts";
import type { Problem } from "../protocol/problems.ts";
import { TOPOLOGY_KEY, type Server, type ServerState } from "../protocol/topology.ts";
import { connectRegistry } from "../registry/consul.ts";
import { openEmbedded } from "../registry/embedded.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule, type RingModule } from "../ring/ring.ts";
import { sealTopology } from "../ring/seal.ts";
import { systemClock as clock } from "../runtime/clock.ts";
import { createHttp } from "../runtime/http.ts";
import type { Running } from "../runtime/lifecycle.ts";
import { createLog } from "../runtime/log.ts";
import { ask, type Answer } from "../runtime/request.ts";
import { connectSocket, type Socket } from "../runtime/socket.ts";
import { openLmdbLog } from "../store/lmdb-log.ts";
import { StoreUnavailable, type LogStore } from "../store/log.ts";
import { openMemoryLog } from "../store/memory-log.ts";
import { readConfig } from "./config.ts";
import { start } from "./server.ts";

const log = createLog("test", "channel", "silent");
let module: RingModule;
const cleanUp: (() => Promise<unknown>)[] = [];
beforeAll(async () => void (module = await loadRingModule(DEV_KEY)));
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

/** Registry and topology of a plane whose channel servers are the ones given. */
class Plane {
  readonly url: string;
  #epoch = 0;

  private constructor(url: string) {
    this.url = url;
  }

  static async open(): Promise<Plane> {
    const registry = await openEmbedded({ clock, log });
    const door = createHttp(registry.routes, log, { bodyBytes: 512 * 1024 });
    const address = await door.listen("127.0.0.1:0");
    cleanUp.push(() => door.close(), () => registry.close());
    return new Plane(`http://${address}`);
  }

  /** @returns the epoch */
  async publish(servers: readonly (readonly [id: string, addr: string, state?: ServerState])[], pins: [number, string][] = []): Promise<number> {
    const none = { servers: [], pins: [] };
    const list = servers.map(([id, addr, state = "up"]): Server => ({ id, addr, zone: "", weight: 100, state }));
    const { json } = sealTopology(module, { epoch: ++this.#epoch, pools: { channel: { servers: list, pins }, presence: none, gateway: none } });
    await connectRegistry(this.url).put(TOPOLOGY_KEY, json);
    return this.#epoch;
  }

  async start(id: string, store: LogStore, listen = "127.0.0.1:0", flags: readonly string[] = []): Promise<Running> {
    const config = readConfig(["--id", id, "--listen", listen, "--registry-url", this.url, "--ring-key", DEV_KEY, ...flags]);
    const running = await start(config, log, store);
    cleanUp.push(() => running.stop());
    return running;
  }
}

/** Longest wait on a machine that has much else to do. */
const waitMs = 20_000;

const ready = (address: string): Promise<void> => vi.waitFor(async () => expect((await ask(`http://${address}/readyz`)).status).toBe(200), waitMs);
const atEpoch = (address: string, epoch: number): Promise<void> =>
  vi.waitFor(async () => expect(((await ask(`http://${address}/v1/status`)).json as { epoch: number }).epoch).toBe(epoch), waitMs);

/** One server that owns everything. */
async function single(store: LogStore, ...flags: string[]): Promise<string> {
  const plane = await Plane.open();
  const { address } = await plane.start("cs-0", store, "127.0.0.1:0", flags);
  await plane.publish([["cs-0", address]]);
  await ready(address);
  return address;
}

const post = (address: string, channel: string, body: unknown, headers = {}): Promise<Answer> =>
  ask(`http://${address}/v1/channels/${channel}/messages`, { method: "POST", body, headers, timeoutMs: waitMs });
const get = async <T>(address: string, path: string): Promise<T> => (await ask(`http://${address}/v1/channels/${path}`)).json as T;
const say = (text: string, key: string, user = "U1"): Publish => ({ kind: "message", user, key, draft: { text } });
async function said(address: string, channel: string, text: string, key = text): Promise<Published> {
  const answer = await post(address, channel, say(text, key));
  expect(answer.status).toBe(201);
  return answer.json as Published;
}

/** A gateway's end of a link. */
class Peer {
  readonly frames: LinkFrame[] = [];
  /** frames of each WebSocket message */
  readonly messages: number[] = [];
  closed: number | undefined;
  #socket!: Socket;

  static async open(address: string, server = "cs-0"): Promise<Peer> {
    const peer = new Peer();
    const events = { text: () => {}, binary: (data: Buffer) => peer.#receive(data), closed: (code: number) => void (peer.closed = code) };
    peer.#socket = await connectSocket(`ws://${address}/v1/links/channel/${server}`, 8 << 20, 1_000, () => events);
    const beat = setInterval(() => peer.send({ type: "ping", at: 0 }), 1_000);
    cleanUp.push(async () => {
      clearInterval(beat);
      peer.#socket.destroy();
    });
    peer.send({ type: "hello", v: LINK_VERSION, server: "gw-0", epoch: 0 });
    return peer;
  }

  send(...frames: LinkFrame[]): void {
    this.#socket.send(encodeLink(...frames));
  }

  of<T extends LinkFrameType>(type: T): Link<T>[] {
    return this.frames.filter((frame): frame is Link<T> => frame.type === type);
  }

  /** Waits for so many frames of a type. */
  async until<T extends LinkFrameType>(type: T, count = 1): Promise<Link<T>[]> {
    await vi.waitFor(() => expect(this.of(type).length).toBeGreaterThanOrEqual(count), { timeout: 10_000 });
    return this.of(type);
  }

  #receive(data: Buffer): void {
    const frames = decodeLink(data);
    this.messages.push(frames.length);
    this.frames.push(...frames);
  }
}
/** A link that sends one message and then only pings, and never reads. */
async function stuckLink(address: string, message: Uint8Array): Promise<NetSocket> {
  const [host, port] = address.split(":") as [string, string];
  const socket = connect(Number(port), host);
  cleanUp.push(async () => socket.destroy());
  const headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
  socket.write(`GET /v1/links/channel/cs-0 HTTP/1.1\r\nHost: ${address}\r\n${headers}\r\n\r\n`);
  await once(socket, "readable");
  // Masked with zeros: a final binary frame of less than 126 bytes.
  const send = (data: Uint8Array): void => void socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | data.length, 0, 0, 0, 0]), data]));
  send(message);
  const beat = setInterval(() => send(encodeLink({ type: "ping", at: 0 })), 1_000);
  socket.on("error", () => undefined);
  socket.on("close", () => clearInterval(beat));
  return socket;
}
const json = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());
const offsets = (events: readonly { offset: number }[]): number[] => events.map(({ offset }) => offset);
const upTo = (count: number, from = 1): number[] => Array.from({ length: count - from + 1 }, (_, i) => from + i);

const engines: [string, () => Promise<LogStore>][] = [
  ["memory", async () => openMemoryLog()],
  [
    "lmdb",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "ringway-channel-"));
      folders.push(folder);
      return openLmdbLog(folder);
    },
  ],
];

describe.each(engines)("a channel server on %s", (_, open) => {
  it("takes messages, numbers them, and shows them as history, one by one and as events", async () => {
    const address = await single(await open());
    const first = await said(address, "C1", "one");
    const second = await said(address, "C1", "two");
    expect(first).toMatchObject({ channel: "C1", offset: 1, duplicate: false, message: { type: "message", channel: "C1", user: "U1", text: "one", ts: first.ts, client_msg_id: "one", x_off: 1 } });
    expect(second.offset).toBe(2);
    expect(second.ts > first.ts).toBe(true);
    const history = await get<History>(address, "C1/messages?limit=1");
    expect(history).toEqual({ messages: [second.message], has_more: true });
    expect(await get<History>(address, `C1/messages?latest=${second.ts}&inclusive=false`)).toEqual({ messages: [first.message], has_more: false });
    expect(await get<Message>(address, `C1/messages/${first.ts}`)).toEqual(first.message);
    expect(await get<Events>(address, "C1/events?after=1")).toEqual({ head: 2, events: [{ offset: 2, kind: 0, event: second.message }] });
    expect(await get<ChannelInfo>(address, "C1")).toEqual({ channel: "C1", slot: module.slotOf("C1"), owner: "cs-0", epoch: 1, fence: 1, head: 2, last_ts: second.ts });
  });

  it("gives the same answer to a key that it knows, also while the first is under way", async () => {
    const address = await single(await open());
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(address, "C1", say("once", "k1"))));
    const published = answers.map(({ json }) => json as Published);
    expect(published.filter(({ duplicate }) => !duplicate).length).toBe(1);
    expect(new Set(published.map(({ offset, ts }) => `${offset} ${ts}`)).size).toBe(1);
    const again = (await post(address, "C1", say("once", "k1"))).json as Published;
    expect(again).toEqual({ ...published.find(({ duplicate }) => !duplicate)!, duplicate: true });
    expect((await get<ChannelInfo>(address, "C1")).head).toBe(1);
  });

  it("keeps the messages of two users who chose the same key apart, also while both are under way", async () => {
    const address = await single(await open());
    const both = await Promise.all(["U1", "U2"].map((user) => post(address, "C1", say(`by ${user}`, "k1", user))));
    expect(both.map(({ json }) => (json as Published).message)).toMatchObject([{ user: "U1", text: "by U1", client_msg_id: "k1" }, { user: "U2", text: "by U2", client_msg_id: "k1" }]);
    expect((await post(address, "C1", say("by U2", "k1", "U2"))).json).toEqual({ ...(both[1]!.json as Published), duplicate: true });
    expect((await get<ChannelInfo>(address, "C1")).head).toBe(2);
  });

  it("bounds what reactions make of a message", async () => {
    const address = await single(await open());
    const { ts } = await said(address, "C1", "popular");
    const react = async (i: number): Promise<Answer> => post(address, "C1", { kind: "react", user: "U1", key: `r${i}`, ts, name: `${i}`.padStart(100, "x") });
    const answers = await Promise.all(Array.from({ length: 600 }, (_, i) => react(i)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 409]));
    expect(((await react(600)).json as Problem).reason).toBe("too_many_reactions");
    expect((await post(address, "C1", { kind: "unreact", user: "U1", key: "less", ts, name: "0".padStart(100, "x") })).status).toBe(201);
    expect((await react(601)).status).toBe(201);
  });

  it("loses no reaction of many at once, and shows edits and deletions", async () => {
    const address = await single(await open());
    const { ts } = await said(address, "C1", "hello");
    const users = Array.from({ length: 40 }, (_, i) => `U${i}`);
    const statuses = await Promise.all(users.map(async (user) => (await post(address, "C1", { kind: "react", user, key: user, ts, name: "wave" } satisfies Publish)).status));
    expect(new Set(statuses)).toEqual(new Set([201]));
    const { reactions } = await get<Message & { reactions: { name: string; users: string[]; count: number }[] }>(address, `C1/messages/${ts}`);
    expect(reactions).toMatchObject([{ name: "wave", count: 40 }]);
    expect(reactions[0]!.users.toSorted()).toEqual(users.toSorted());

    const { events } = await get<{ events: { offset: number; event: object }[] }>(address, "C1/events?after=1&limit=1");
    expect(events).toMatchObject([{ offset: 2, event: { type: "reaction_added", item: { channel: "C1", ts }, x_chan: "C1", x_off: 2 } }]);

    expect(((await post(address, "C1", { kind: "react", user: "U1", key: "again", ts, name: "wave" })).json as Problem).reason).toBe("already_reacted");
    expect(((await post(address, "C1", { kind: "unreact", user: "U1", key: "not", ts, name: "heart" })).json as Problem).reason).toBe("no_reaction");
    expect(((await post(address, "C1", { kind: "update", user: "U2", key: "not mine", ts, draft: { text: "x" } })).json as Problem).reason).toBe("cant_update_message");
    const edit = (await post(address, "C1", { kind: "update", user: "U1", key: "edit", ts, draft: { text: "hi" } })).json as Published;
    expect(edit.message).toMatchObject({ ts, text: "hi", edited: { user: "U1", ts: edit.ts }, reactions: [{ count: 40 }] });
    expect(await get<Message>(address, `C1/messages/${ts}`)).toEqual(edit.message);
    expect((await post(address, "C1", { kind: "delete", user: "U1", key: "delete", ts })).status).toBe(201);
    expect((await get<Problem>(address, `C1/messages/${ts}`)).reason).toBe("message_not_found");
    expect((await get<History>(address, "C1/messages")).messages).toEqual([]);
  });

  it("replays from an offset and goes on live, without gap or duplicate, while messages are posted", async () => {
    const address = await single(await open());
    for (let i = 1; i <= 30; i++) await said(address, "C1", `early ${i}`);
    const posting = (async () => {
      for (let i = 0; i < 50; i++) await Promise.all(Array.from({ length: 10 }, (_, k) => said(address, "C1", `late ${i} ${k}`)));
    })();
    const peers = await Promise.all([Peer.open(address), Peer.open(address), Peer.open(address)]);
    peers[0]!.send({ type: "subscribe", chan: 1, after: 0, id: "C1" });
    peers[1]!.send({ type: "subscribe", chan: 9, after: 7, id: "C1" });
    await posting;
    peers[2]!.send({ type: "subscribe", chan: 3, after: 100, id: "C1" });
    expect(offsets(await peers[0]!.until("event", 530))).toEqual(upTo(530));
    expect(offsets(await peers[1]!.until("event", 523))).toEqual(upTo(530, 8));
    expect(offsets(await peers[2]!.until("event", 430))).toEqual(upTo(530, 101));
    expect(peers[1]!.of("event").every(({ chan }) => chan === 9)).toBe(true);
    const sent = peers[0]!.of("event").map(({ payload }) => (json(payload) as Message).ts);
    expect(sent.toSorted()).toEqual(sent);
  });
});

describe("rate limits", () => {
  it("answers 429 with Retry-After beyond what its flags give a channel, and takes a repeat and another channel", async () => {
    const address = await single(openMemoryLog(), "--channel-messages-per-second", "1", "--burst-seconds", "2", "--channel-typing-per-second", "1");
    const answers = await Promise.all(upTo(8).map((i) => post(address, "C1", say(`m${i}`, `k${i}`))));
    const stored = answers.findIndex(({ status }) => status === 201);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ headers: { "retry-after": "1" }, json: { reason: "rate_limited" } });
    expect((await post(address, "C1", say("again", `k${stored + 1}`))).json).toMatchObject({ duplicate: true });
    await said(address, "C2", "other");
    const signs = await Promise.all(upTo(10).map(() => ask(`http://${address}/v1/channels/C1/typing`, { method: "POST", body: { user: "U1" } })));
    expect(signs.every(({ status }) => status === 202)).toBe(true);
    const { rateLimited, typingDropped } = (await ask(`http://${address}/v1/status`)).json as { rateLimited: number; typingDropped: number };
    expect(rateLimited).toBe(refused.length);
    expect(typingDropped).toBeGreaterThan(0);
  });
});

describe("a link", () => {
  it("greets, answers pings, and gathers the events of one turn in one message", async () => {
    const address = await single(openMemoryLog());
    const peer = await Peer.open(address);
    peer.send({ type: "ping", at: 42 }, { type: "subscribe", chan: 1, after: AFTER_HEAD, id: "C1" });
    expect(await peer.until("hello")).toEqual([{ type: "hello", v: LINK_VERSION, server: "cs-0", epoch: 1 }]);
    expect(await peer.until("pong")).toContainEqual({ type: "pong", at: 42 });
    expect(await peer.until("subscribed")).toEqual([{ type: "subscribed", chan: 1, head: 0, first: 1 }]);
    const draft = Buffer.from(JSON.stringify({ text: "hi", ts: "1", user: "U9", type: "x" }));
    peer.send(...upTo(10).map((req): LinkFrame => ({ type: "publish", req, chan: 1, origin: 5, user: "U1", key: `k${req}`, taken: 0, trace: "", draft })));
    const events = await peer.until("event", 10);
    expect(offsets(events)).toEqual(upTo(10));
    expect(events[0]).toMatchObject({ origin: 5, kind: 0 });
    expect(json(events[0]!.payload)).toMatchObject({ type: "message", user: "U1", text: "hi", x_off: 1 });
    expect((await peer.until("ack", 10)).map(({ req, offset }) => [req, offset])).toEqual(upTo(10).map((n) => [n, n]));
    expect(Math.max(...peer.messages)).toBe(20);
  });

  it("carries typing to all subscribers, and reads of the past in batches", async () => {
    const address = await single(openMemoryLog());
    for (let i = 1; i <= 5; i++) await said(address, "C1", `m${i}`);
    const [a, b] = await Promise.all([Peer.open(address), Peer.open(address)]);
    for (const peer of [a, b]) peer.send({ type: "subscribe", chan: 1, after: AFTER_HEAD, id: "C1" });
    await Promise.all([a.until("subscribed"), b.until("subscribed")]);
    a.send({ type: "typing", chan: 1, origin: 7, user: "U1" });
    const [typing] = await b.until("transient");
    expect(typing).toMatchObject({ chan: 1, origin: 7 });
    expect(json(typing!.payload)).toEqual({ type: "user_typing", channel: "C1", user: "U1" });
    expect((await ask(`http://${address}/v1/channels/C1/typing`, { method: "POST", body: { user: "U2" } })).status).toBe(202);
    await b.until("transient", 2);

    const whole = { maxAgeMs: 0, maxEvents: 0 };
    a.send({ type: "read", req: 4, chan: 1, after: 2, limit: 2, ...whole }, { type: "read", req: 5, chan: 1, after: 5, limit: 9, ...whole }, { type: "read", req: 6, chan: 77, after: 5, limit: 9, ...whole });
    const [batch, empty] = await a.until("batch", 2);
    expect(batch).toMatchObject({ req: 4, chan: 1, head: 5 });
    expect(offsets(decodeLink(batch!.events) as Link<"event">[])).toEqual([3, 4]);
    expect(decodeLink(empty!.events)).toEqual([]);
    expect(await a.until("refused")).toEqual([{ type: "refused", req: 6, reason: "misdirected", detail: "not subscribed", retryAfterMs: 0 }]);
    a.send({ type: "read", req: 7, chan: 1, after: 1, limit: 9, maxAgeMs: 60_000, maxEvents: 2 });
    const [window] = await a.until("window");
    const { events } = (await ask(`http://${address}/v1/channels/C1/events`)).json as { events: { event: { ts: string } }[] };
    expect(window).toEqual({ type: "window", req: 7, chan: 1, from: 3, head: 5, afterTs: events[0]!.event.ts, fromTs: events[2]!.event.ts });
  });

  it("answers each of more reads of the past than may wait, in order, or tells it to come again; and serves another link meanwhile", async () => {
    const address = await single(openMemoryLog());
    await said(address, "C1", "m");
    const [many, other] = await Promise.all([Peer.open(address), Peer.open(address)]);
    for (const peer of [many, other]) peer.send({ type: "subscribe", chan: 1, after: AFTER_HEAD, id: "C1" });
    await Promise.all([many.until("subscribed"), other.until("subscribed")]);
    const reqs = upTo(limits.linkPendingReads + 500);
    many.send(...reqs.map((req): LinkFrame => ({ type: "read", req, chan: 1, after: 0, limit: 1, maxAgeMs: 0, maxEvents: 0 })));
    await said(address, "C1", "live");
    await other.until("event");
    await vi.waitFor(() => expect(many.of("batch").length + many.of("refused").length).toBe(reqs.length), { timeout: waitMs });
    expect(many.of("refused").length).toBeGreaterThan(0);
    expect(new Set(many.of("refused").map(({ reason, retryAfterMs }) => `${reason} ${retryAfterMs}`))).toEqual(new Set([`rate_limited ${limits.queueFullMs}`]));
    const read = many.of("batch").map(({ req }) => req);
    expect(read).toEqual(read.toSorted((a, b) => a - b));
    expect(new Set([...read, ...many.of("refused").map(({ req }) => req)]).size).toBe(reqs.length);
  });

  it("is refused where its server ID is another's, and closed for what it should not send", async () => {
    const address = await single(openMemoryLog());
    await expect(Peer.open(address, "cs-1")).rejects.toThrow("421");
    const [stranger, later] = await Promise.all([Peer.open(address), Peer.open(address)]);
    stranger.send({ type: "watch", user: "U1" });
    await vi.waitFor(() => expect(stranger.closed).toBe(1002));
    later.send({ type: "subscribe", chan: 1, after: 0, id: "C1" }, { type: "publish", req: 1, chan: 1, origin: 0, user: "U1", key: "k", taken: 0, trace: "", draft: Buffer.from("{") });
    expect(await later.until("refused")).toMatchObject([{ req: 1, reason: "bad_json" }]);
    later.send({ type: "publish", req: 2, chan: 1, origin: 0, user: "U 1", key: "k", taken: 0, trace: "", draft: Buffer.from('{"text":"x"}') });
    expect((await later.until("refused", 2))[1]).toMatchObject({ req: 2, reason: "bad_request" });
    expect(later.closed).toBeUndefined();
  });
});

describe("ownership", () => {
  const two = async (): Promise<{ plane: Plane; a: Running; b: Running; channel: string; store: LogStore }> => {
    const plane = await Plane.open();
    const memory = openMemoryLog();
    const shared = { ...memory, close: async () => {} };
    const a = await plane.start("cs-0", shared);
    const b = await plane.start("cs-1", shared);
    const channel = "C1";
    const epoch = await plane.publish([["cs-0", a.address], ["cs-1", b.address]], [[module.slotOf(channel), "cs-0"]]);
    await Promise.all([atEpoch(a.address, epoch), atEpoch(b.address, epoch)]);
    return { plane, a, b, channel, store: shared };
  };

  it("sends strangers to the owner with 421 while the owner lives", async () => {
    const { b, channel } = await two();
    const answer = await post(b.address, channel, say("x", "k"));
    expect(answer.status).toBe(421);
    expect(answer.json).toMatchObject({ reason: "misdirected" });
    expect(answer.headers).toMatchObject({ "x-ringway-owner": "cs-0", "x-ringway-epoch": "1" });
    const peer = await Peer.open(b.address, "cs-1");
    peer.send({ type: "subscribe", chan: 1, after: 0, id: channel });
    expect(await peer.until("moved")).toEqual([{ type: "moved", chan: 1, epoch: 1, owner: "cs-0" }]);
  });

  it("takes a channel over when the servers ahead are gone, and gives it back when they return", async () => {
    const { plane, a, b, channel, store } = await two();
    await said(a.address, channel, "one");
    await a.stop();
    const second = await said(b.address, channel, "two");
    expect(second.offset).toBe(2);
    const peer = await Peer.open(b.address, "cs-1");
    peer.send({ type: "subscribe", chan: 1, after: 0, id: channel });
    expect(offsets(await peer.until("event", 2))).toEqual([1, 2]);

    const again = await plane.start("cs-0", store, a.address);
    await atEpoch(again.address, 1);
    expect(await peer.until("moved")).toMatchObject([{ chan: 1, owner: "cs-0" }]);
    expect((await said(again.address, channel, "three")).offset).toBe(3);
    expect((await post(b.address, channel, say("four", "four"))).status).toBe(421);
  });

  it("finishes what is on its way when it stops, acks only what is stored, and sends everybody to the next", async () => {
    const { a, b, channel, store } = await two();
    const peer = await Peer.open(a.address);
    peer.send({ type: "subscribe", chan: 1, after: 0, id: channel });
    await peer.until("subscribed");
    const acked = new Map<string, number>();
    let stopped = false;
    const posting = Array.from({ length: 4 }, async (_, worker) => {
      for (let i = 0; !stopped || i < 20; i++) {
        const key = `${worker}-${i}`;
        // As Envoy does: the owner, and where it is gone or says so, the next.
        let answer = await post(a.address, channel, say(key, key)).catch(() => undefined);
        while (answer?.status !== 201 && answer?.status !== 200) answer = await post(b.address, channel, say(key, key));
        acked.set(`U1:${key}`, (answer.json as Published).offset);
      }
    });
    await vi.waitFor(() => expect(acked.size).toBeGreaterThan(50));
    await a.stop();
    stopped = true;
    await Promise.all(posting);
    expect(peer.of("moved")).toMatchObject([{ chan: 1, owner: "cs-1" }]);
    const entries = await store.after(channel, 0, 100_000);
    expect(new Map(entries.map(({ key, offset }) => [key, offset]))).toEqual(acked);
    expect(offsets(peer.of("event"))).toEqual(upTo(peer.of("event").length));
    expect((await get<ChannelInfo>(b.address, channel)).head).toBe(entries.length);
  });

  it("waits for the topology by which a request was routed, and hands over what it no longer owns", async () => {
    const { plane, a, b, channel } = await two();
    await said(a.address, channel, "one");
    const peer = await Peer.open(a.address);
    peer.send({ type: "subscribe", chan: 1, after: AFTER_HEAD, id: channel });
    await peer.until("subscribed");
    const early = post(b.address, channel, say("two", "two"), { "x-ringway-epoch": "2" });
    await plane.publish([["cs-0", a.address, "draining"], ["cs-1", b.address]]);
    expect((await early).status).toBe(201);
    expect(await peer.until("moved")).toEqual([{ type: "moved", chan: 1, epoch: 2, owner: "cs-1" }]);
    expect((await post(a.address, channel, say("x", "x"))).status).toBe(421);
  });

  it("hands a slot over to a server that does not know the new topology yet, before it sends anybody there", async () => {
    // Two registries: what the one says comes to the other's servers late, here never.
    const [early, late] = [await Plane.open(), await Plane.open()];
    const shared = { ...openMemoryLog(), close: async () => {} };
    const a = await early.start("cs-0", shared);
    const b = await late.start("cs-1", shared);
    const pin: [number, string][] = [[module.slotOf("C1"), "cs-0"]];
    for (const plane of [early, late]) await plane.publish([["cs-0", a.address], ["cs-1", b.address]], pin);
    await Promise.all([atEpoch(a.address, 1), atEpoch(b.address, 1)]);
    await said(a.address, "C1", "one");
    const peer = await Peer.open(a.address);
    peer.send({ type: "subscribe", chan: 1, after: AFTER_HEAD, id: "C1" });
    await peer.until("subscribed");
    await early.publish([["cs-0", a.address, "draining"], ["cs-1", b.address]]);
    await peer.until("moved");
    expect((await ask(`http://${b.address}/v1/status`)).json).toMatchObject({ epoch: 1, claims: 1 });
    expect((await said(b.address, "C1", "two")).offset).toBe(2);
  });
});

describe("trouble", () => {
  it("refuses clearly while the store fails, acks nothing, keeps its subscribers and what needs no store, and goes on by itself afterwards", async () => {
    const memory = openMemoryLog();
    let broken = false;
    const failing = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => (...args: A): Promise<R> => (broken ? Promise.reject(new StoreUnavailable("disk full")) : call(...args));
    const address = await single({ ...memory, append: failing(memory.append), head: failing(memory.head), history: failing(memory.history) });
    const peer = await Peer.open(address);
    peer.send({ type: "subscribe", chan: 1, after: AFTER_HEAD, id: "C1" });
    await said(address, "C1", "one");
    broken = true;
    const refused = await post(address, "C1", say("two", "two"));
    expect([refused.status, (refused.json as Problem).reason, refused.headers["retry-after"]]).toEqual([503, "store_unavailable", "1"]);
    expect((await get<Problem>(address, "C1/messages")).reason).toBe("store_unavailable");
    expect((await ask(`http://${address}/v1/channels/C1/typing`, { method: "POST", body: { user: "U2" } })).status).toBe(202);
    await peer.until("transient");
    broken = false;
    const offset = await vi.waitFor(async () => (await said(address, "C1", "two")).offset, waitMs);
    expect(offset).toBe(2);
    expect(offsets(await peer.until("event", 2))).toEqual([1, 2]);
    expect(peer.of("moved")).toEqual([]);
    peer.send({ type: "subscribe", chan: 2, after: 0, id: "C1" });
    await peer.until("event", 4);
    expect(offsets(peer.of("event").filter(({ chan }) => chan === 2))).toEqual([1, 2]);
  });

  it.each<[string, unknown, string]>([
    ["no JSON", Buffer.from("{"), "bad_json"],
    ["no object", [], "bad_request"],
    ["an unknown kind", { kind: "x", key: "k" }, "bad_request"],
    ["no key", { kind: "message", user: "U1", draft: { text: "x" } }, "bad_request"],
    ["a key that is too long", { kind: "message", user: "U1", key: "k".repeat(256), draft: { text: "x" } }, "bad_request"],
    ["a user that is no ID", { kind: "message", user: "U 1", key: "k", draft: { text: "x" } }, "bad_request"],
    ["no text", { kind: "message", user: "U1", key: "k", draft: {} }, "bad_request"],
    ["a long text", { kind: "message", user: "U1", key: "k", draft: { text: "x".repeat(40_001) } }, "msg_too_long"],
    ["a ts that is none", { kind: "delete", user: "U1", key: "k", ts: "now" }, "bad_request"],
    ["a ts of nothing", { kind: "delete", user: "U1", key: "k", ts: "1.000001" }, "message_not_found"],
    ["a choice of presence without version", { kind: "control", key: "k", control: { presence: "away" } }, "bad_request"],
    ["a control without channel", { kind: "control", key: "k", control: { after: 1 } }, "bad_request"],
    ["a draft that is too deep", Buffer.from(`{"kind":"message","user":"U1","key":"k","draft":{"text":"x","deep":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`), "bad_json"],
    ["a large body", Buffer.alloc(300_000, " "), "body_too_large"],
  ])("answers a publication with %s by a problem and lives on", async (_, body, reason) => {
    const address = await single(openMemoryLog());
    expect((await post(address, "C1", body)).json).toMatchObject({ reason });
    expect((await said(address, "C1", "x")).offset).toBe(1);
  });

  it.each<[string, unknown, string]>([
    ["no epoch", { slots: [] }, "epoch"],
    ["no slots", { epoch: 1 }, "slots must"],
    ["a slot that is none", { epoch: 1, slots: [[65_536, []]] }, "slots[0][0]"],
    ["channels that are no IDs", { epoch: 1, slots: [[7, ["C1"]], [8, ["C 1"]]] }, "slots[1][1]"],
  ])("answers a release with %s by a problem", async (_, body, field) => {
    const address = await single(openMemoryLog());
    const answer = await ask(`http://${address}/v1/releases`, { method: "POST", body });
    expect(answer.status).toBe(400);
    expect((answer.json as Problem).detail).toContain(field);
  });

  it.each([
    ["C1/messages?limit=0", "bad_request"],
    ["C1/messages?limit=x", "bad_request"],
    ["C1/messages?latest=now", "bad_request"],
    ["C1/events?after=-1", "bad_request"],
    ["C.1", "bad_id"],
    [`${"C".repeat(65)}`, "bad_id"],
    ["C1/messages/now", "bad_request"],
    ["C1/messages/1.000000", "message_not_found"],
    ["C1/other", "not_found"],
  ])("answers GET %s with %s", async (path, reason) => {
    const address = await single(openMemoryLog());
    expect(await get<Problem>(address, path)).toMatchObject({ reason });
  });

  it("sends a link that does not read no transient events, then closes it; another link gets everything", async () => {
    const address = await single(openMemoryLog());
    const peer = await Peer.open(address);
    peer.send({ type: "subscribe", chan: 1, after: AFTER_HEAD, id: "C1" });
    await peer.until("subscribed");
    const stuck = await stuckLink(address, encodeLink({ type: "subscribe", chan: 1, after: AFTER_HEAD, id: "C1" }));
    const status = async (): Promise<{ links: number; subscriptions: number; transientsDropped: number; slowLinks: number }> => (await ask(`http://${address}/v1/status`)).json as never;
    await vi.waitFor(async () => expect(await status()).toMatchObject({ links: 2, subscriptions: 2 }));
    const attachments = "x".repeat(240_000);
    let posts = 0;
    let typed = 0;
    while ((await status()).links === 2 && posts < 400) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => post(address, "C1", { ...say("big", `k${posts++}`), draft: { text: "big", attachments } })));
      expect(answers.every(({ status }) => status === 201)).toBe(true);
      expect((await ask(`http://${address}/v1/channels/C1/typing`, { method: "POST", body: { user: "U1" } })).status).toBe(202);
      typed++;
    }
    const { links, slowLinks, transientsDropped } = await status();
    expect([links, slowLinks]).toEqual([1, 1]);
    expect(transientsDropped).toBeGreaterThan(1);
    await vi.waitFor(() => expect([peer.of("event").length, peer.of("transient").length]).toEqual([posts, typed]), 10_000);
    expect(offsets(peer.of("event"))).toEqual(upTo(posts));
    expect(posts * attachments.length).toBeGreaterThan(limits.linkQueueBytes);
    stuck.destroy();
  });

  it("answers 503 ring_unavailable, and is not ready, before it knows a topology", async () => {
    const plane = await Plane.open();
    const { address } = await plane.start("cs-0", openMemoryLog());
    expect((await post(address, "C1", say("x", "k"))).json).toMatchObject({ reason: "ring_unavailable", status: 503 });
    expect((await ask(`http://${address}/readyz`)).status).toBe(503);
    expect((await ask(`http://${address}/livez`)).status).toBe(200);
  });
});

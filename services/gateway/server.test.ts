/** The gateway over real sockets, between clients and small stand-ins for webapp and the channel and presence servers that speak the real codec. */
import { randomUUID } from "node:crypto";
import { connect as connectTcp } from "node:net";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { AFTER_HEAD, decodeLink, encodeLink, LINK_VERSION, noHops, type Link, type LinkFrame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { Control } from "../protocol/mesh.ts";
import { ProtocolError } from "../protocol/problems.ts";
import { TOPOLOGY_KEY, type Server, type ServerState } from "../protocol/topology.ts";
import { connectRegistry } from "../registry/consul.ts";
import { openEmbedded } from "../registry/embedded.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule, type RingModule, type RingView } from "../ring/ring.ts";
import { sealTopology } from "../ring/seal.ts";
import { systemClock as clock } from "../runtime/clock.ts";
import { createHttp } from "../runtime/http.ts";
import type { Running } from "../runtime/lifecycle.ts";
import { createLog } from "../runtime/log.ts";
import { ask } from "../runtime/request.ts";
import { acceptSockets, connectSocket, type Socket } from "../runtime/socket.ts";
import { readConfig } from "./config.ts";
import { start } from "./server.ts";

const log = createLog("test", "gateway", "silent");
let module: RingModule;
beforeAll(async () => void (module = await loadRingModule(DEV_KEY)));
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

interface Stored {
  readonly origin: number;
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** All channel servers of a plane, on one log, as one store would keep it. */
class Channels {
  readonly #logs = new Map<string, Stored[]>();
  readonly #subs = new Set<{ socket: Socket; chan: number; channel: string }>();
  readonly subscribes: (Link<"subscribe"> & { server: string })[] = [];
  readonly sockets = new Map<string, Socket>();

  head(channel: string): number {
    return this.#logs.get(channel)?.length ?? 0;
  }

  append(channel: string, value: unknown, { origin = 0, kind = 0 } = {}): number {
    const list = this.#logs.get(channel) ?? [];
    this.#logs.set(channel, list);
    list.push({ origin, kind, payload: Buffer.from(JSON.stringify({ ...(value as object), ...(kind === 0 ? { x_off: list.length + 1 } : {}) })) });
    for (const { socket, chan, channel: its } of this.#subs) if (its === channel) socket.send(encodeLink(...this.#events(channel, chan, list.length - 1, 1)));
    return list.length;
  }

  link(server: string, socket: Socket): { text(): void; binary(data: Buffer): void; closed(): void } {
    this.sockets.set(server, socket);
    socket.send(encodeLink({ type: "hello", v: LINK_VERSION, server, epoch: 1 }));
    return {
      text: () => {},
      binary: (data) => decodeLink(data).forEach((frame) => this.#frame(server, socket, frame)),
      closed: () => this.#drop(socket),
    };
  }

  /** Ends the link as a crash would. */
  crash(server: string): void {
    const socket = this.sockets.get(server)!;
    this.#drop(socket);
    socket.destroy();
  }

  #drop(socket: Socket): void {
    for (const sub of this.#subs) if (sub.socket === socket) this.#subs.delete(sub);
  }

  #events(channel: string, chan: number, after: number, limit: number): LinkFrame[] {
    return (this.#logs.get(channel) ?? []).slice(after, after + limit).map((stored, i) => ({ type: "event", chan, offset: after + i + 1, ...noHops, ...stored }));
  }

  #frame(server: string, socket: Socket, frame: LinkFrame): void {
    const sub = "chan" in frame ? [...this.#subs].find((sub) => sub.socket === socket && sub.chan === frame.chan) : undefined;
    if (frame.type === "ping") socket.send(encodeLink({ type: "pong", at: frame.at }));
    else if (frame.type === "subscribe") {
      this.subscribes.push({ ...frame, server });
      const head = this.head(frame.id);
      const after = frame.after === AFTER_HEAD ? head : frame.after;
      socket.send(encodeLink({ type: "subscribed", chan: frame.chan, head, first: after + 1 }, ...this.#events(frame.id, frame.chan, after, head)));
      this.#subs.add({ socket, chan: frame.chan, channel: frame.id });
    } else if (sub === undefined) return;
    else if (frame.type === "unsubscribe") this.#subs.delete(sub);
    else if (frame.type === "publish") {
      const draft = JSON.parse(Buffer.from(frame.draft).toString()) as object;
      const offset = this.append(sub.channel, { type: "message", channel: sub.channel, user: frame.user, ts: `1.${this.head(sub.channel) + 1}`, client_msg_id: frame.key, ...draft }, { origin: frame.origin });
      socket.send(encodeLink({ type: "ack", req: frame.req, offset, ts: `1.${offset}` }));
    } else if (frame.type === "typing") {
      const payload = Buffer.from(JSON.stringify({ type: "user_typing", channel: sub.channel, user: frame.user }));
      for (const { socket, chan, channel } of this.#subs) if (channel === sub.channel) socket.send(encodeLink({ type: "transient", chan, origin: frame.origin, payload }));
    } else if (frame.type === "read") {
      const events = encodeLink(...this.#events(sub.channel, frame.chan, frame.after, frame.limit));
      socket.send(encodeLink({ type: "batch", req: frame.req, chan: frame.chan, head: this.head(sub.channel), events }));
    }
  }
}

/** A registry, and a mesh with webapp, channel servers and one presence server behind it. */
class Plane {
  readonly channels = new Channels();
  readonly memberships = new Map<string, string[]>();
  /** frames that gateways sent to the presence server */
  readonly presence: LinkFrame[] = [];
  readonly tickets = new Map<string, object>();
  webappAway = false;
  view!: RingView;
  presenceSocket: Socket | undefined;
  #registryUrl = "";
  #meshUrl = "";
  #epoch = 0;

  static async open(): Promise<Plane> {
    const plane = new Plane();
    const registry = await openEmbedded({ clock, log });
    const registryDoor = createHttp(registry.routes, log, { bodyBytes: 512 * 1024 });
    plane.#registryUrl = `http://${await registryDoor.listen("127.0.0.1:0")}`;
    cleanUp.push(() => registryDoor.close(50), () => registry.close());
    const mesh = createHttp(
      {
        "POST /v1/sessions": async (request) => {
          if (plane.webappAway) throw new ProtocolError("unavailable");
          const { ticket } = (await request.json()) as { ticket: string };
          const session = plane.tickets.get(ticket);
          if (!plane.tickets.delete(ticket)) throw new ProtocolError("bad_ticket");
          return { status: 200, body: session };
        },
        "GET /v1/users/{id}/channels": ({ params }) => ({ status: 200, body: { channels: plane.memberships.get(params["id"]!) ?? [] } }),
      },
      log,
    );
    acceptSockets(mesh.server, limits.linkMessageBytes, ({ path }) => {
      const [, , , pool, server] = path.split("/") as [string, string, string, string, string];
      return (socket) => (pool === "channel" ? plane.channels.link(server, socket) : plane.#presenceLink(server, socket));
    });
    plane.#meshUrl = `http://${await mesh.listen("127.0.0.1:0")}`;
    cleanUp.push(() => mesh.close(50));
    return plane;
  }

  async publish(channel: readonly string[], gateway: readonly (readonly [string, ServerState])[] = []): Promise<void> {
    const server = (id: string, state: ServerState = "up"): Server => ({ id, addr: "127.0.0.1:1", zone: "", weight: 100, state });
    const pools = { channel: { servers: channel.map((id) => server(id)), pins: [] }, presence: { servers: [server("ps-0")], pins: [] }, gateway: { servers: gateway.map(([id, state]) => server(id, state)), pins: [] } };
    const sealed = sealTopology(module, { epoch: ++this.#epoch, pools });
    this.view = sealed.view;
    await connectRegistry(this.#registryUrl).put(TOPOLOGY_KEY, sealed.json);
  }

  async gateway(...flags: string[]): Promise<Running> {
    const running = await start(readConfig(["--id", "gw-0", "--listen", "127.0.0.1:0", "--registry-url", this.#registryUrl, "--mesh-url", this.#meshUrl, "--ring-key", DEV_KEY, "--drain-ms", "100", ...flags]), log);
    let stopped: Promise<void> | undefined;
    const once = { address: running.address, stop: () => (stopped ??= running.stop()) };
    cleanUp.push(once.stop);
    await vi.waitFor(async () => expect((await ask(`http://${running.address}/readyz`)).status).toBe(200), 5_000);
    return once;
  }

  ticket(user: string, more: object = {}): string {
    const ticket = `${user}.${randomUUID()}`;
    this.tickets.set(ticket, { user: { id: user, name: user }, team: { id: "T", name: "t", domain: "t" }, manual_away: false, manual_away_at: 0, offsets: {}, batch_presence: false, ...more });
    return ticket;
  }

  /** A client that is connected and had its hello. */
  async client(address: string, user: string, more: object = {}): Promise<Client> {
    const client = await Client.open(address, this.ticket(user, more));
    await client.next((frame) => frame["type"] === "hello");
    return client;
  }

  control(user: string, control: Control): void {
    this.channels.append(user, control, { kind: 1 });
  }

  #presenceLink(server: string, socket: Socket): ReturnType<Channels["link"]> {
    this.presenceSocket = socket;
    socket.send(encodeLink({ type: "hello", v: LINK_VERSION, server, epoch: 1 }));
    return { text: () => {}, closed: () => {}, binary: (data) => void this.presence.push(...decodeLink(data).filter(({ type }) => type !== "ping")) };
  }
}

type Frame = Readonly<Record<string, unknown>>;

class Client {
  readonly frames: Frame[] = [];
  closed: { code: number; reason: string } | undefined;
  #socket!: Socket;

  static async open(address: string, ticket: string): Promise<Client> {
    const client = new Client();
    client.#socket = await connectSocket(`ws://${address}/ws/${ticket}`, 8 << 20, 2_000, () => ({
      text: (text) => void client.frames.push(JSON.parse(text) as Frame),
      binary: () => {},
      closed: (code, reason) => void (client.closed = { code, reason }),
    }));
    cleanUp.push(async () => client.#socket.destroy());
    return client;
  }

  send(frame: unknown): void {
    this.#socket.send(frame instanceof Uint8Array || typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  close(): void {
    this.#socket.close(1000, "");
  }

  next(which: (frame: Frame) => boolean): Promise<Frame> {
    return vi.waitFor(() => {
      const found = this.frames.find(which);
      if (found === undefined) throw new Error(`not among ${JSON.stringify(this.frames).slice(0, 500)}, closed ${JSON.stringify(this.closed)}`);
      return found;
    }, 5_000);
  }

  end(): Promise<{ code: number; reason: string }> {
    return vi.waitFor(() => this.closed ?? Promise.reject(new Error("still open")), 5_000);
  }

  /** Offsets of the channel's events in the order they came. */
  offsets(channel = "C1"): unknown[] {
    return this.frames.filter((frame) => frame["x_off"] !== undefined && frame["channel"] === channel).map((frame) => frame["x_off"]);
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const note = (i: number | string): object => ({ type: "message", channel: "C1", text: String(i) });

async function plane(): Promise<Plane> {
  const made = await Plane.open();
  for (const user of ["UADA", "UGRACE"]) made.memberships.set(user, ["C1"]);
  await made.publish(["cs-0", "cs-1", "cs-2"]);
  return made;
}

describe("clients", () => {
  test("chat: hello first, an ack for the sender, the message for the others, typing", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    const [ada, grace] = [await p.client(address, "UADA"), await p.client(address, "UGRACE")];
    expect(ada.frames[0]).toEqual({ type: "hello", x_session: expect.any(Number) as number, x_gateway: "gw-0" });
    ada.send({ id: 1, type: "typing", channel: "C1" });
    ada.send({ id: 2, type: "message", channel: "C1", text: "hello, ünïcode ☃", client_msg_id: "k" });
    expect(await ada.next((frame) => frame["reply_to"] === 2)).toEqual({ ok: true, reply_to: 2, ts: "1.1", text: "hello, ünïcode ☃", x_off: 1 });
    expect(await grace.next((frame) => frame["type"] === "message")).toMatchObject({ user: "UADA", text: "hello, ünïcode ☃", client_msg_id: "k", x_off: 1 });
    expect(grace.frames.map((frame) => frame["type"])).toEqual(["hello", "user_typing", "message"]);
    ada.send({ id: 3, type: "ping", extra: [1] });
    expect(await ada.next((frame) => frame["type"] === "pong")).toEqual({ type: "pong", reply_to: 3, extra: [1] });
    expect(ada.frames).toHaveLength(3);
  });

  test("who asks is told how many listen to a channel here, and up to which offset; a user's own stream counts the user's sessions", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    const subscribers = async (channel: string): Promise<unknown> => (await ask(`http://${address}/v1/subscribers/${channel}`)).json;
    expect(await subscribers("C1")).toEqual({ gateway: "gw-0", channel: "C1", subscribers: 0, last: null });
    const [ada] = [await p.client(address, "UADA"), await p.client(address, "UGRACE"), await p.client(address, "UGRACE")];
    ada.send({ id: 1, type: "message", channel: "C1", text: "one" });
    await ada.next((frame) => frame["reply_to"] === 1);
    expect(await subscribers("C1")).toEqual({ gateway: "gw-0", channel: "C1", subscribers: 3, last: 1 });
    expect(await subscribers("UGRACE")).toMatchObject({ subscribers: 2, last: 0 });
    expect(await subscribers("C%201")).toMatchObject({ status: 400, reason: "bad_id" });
  });

  test("bad frames are answered or close their own socket, and nobody else's", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    const [ada, grace, linus] = [await p.client(address, "UADA"), await p.client(address, "UGRACE"), await p.client(address, "ULINUS")];
    ada.send("{");
    expect(await ada.next((frame) => frame["x_reason"] === "bad_json")).toMatchObject({ ok: false, error: { code: 1 } });
    ada.send({ id: 1, type: "ping" });
    await ada.next((frame) => frame["reply_to"] === 1);
    ada.send(Buffer.from([1, 2]));
    expect(await ada.end()).toMatchObject({ code: 1002 });
    grace.send("x".repeat(limits.clientFrameBytes + 1));
    expect(await grace.end()).toMatchObject({ code: 1009 });
    linus.send({ id: 1, type: "ping" });
    await linus.next((frame) => frame["reply_to"] === 1);
  });

  test.each([
    ["a ticket that was used", async (p: Plane, address: string) => {
      const ticket = p.ticket("UADA");
      await Client.open(address, ticket);
      return ticket;
    }, 401],
    ["a ticket of no user", () => Promise.resolve("nonsense"), 401],
    ["an unknown path", () => Promise.resolve("a/b"), 404],
    ["webapp away", (p: Plane) => {
      p.webappAway = true;
      return Promise.resolve(p.ticket("UADA"));
    }, 503],
    ["too many sessions", async (p: Plane, address: string) => {
      await p.client(address, "UADA");
      await p.client(address, "UADA");
      return p.ticket("UADA");
    }, 503],
    ["a draining gateway", async (p: Plane, address: string) => {
      await p.publish(["cs-0"], [["gw-0", "draining"]]);
      await vi.waitFor(async () => expect((await ask(`http://${address}/v1/status`)).json).toMatchObject({ draining: true }));
      return p.ticket("UADA");
    }, 421],
  ])("%s: the upgrade is refused with its status", async (_, prepare, status) => {
    const p = await plane();
    const { address } = await p.gateway("--max-sessions", "2");
    const ticket = await prepare(p, address);
    await expect(Client.open(address, ticket)).rejects.toThrow(String(status));
  });

  test("its flags bound what one user sends, and the answer says when to send it again", async () => {
    const p = await plane();
    const { address } = await p.gateway("--user-messages-per-second", "1", "--user-typing-per-second", "1", "--burst-seconds", "2");
    const [ada, grace] = [await p.client(address, "UADA"), await p.client(address, "UGRACE")];
    for (const id of range(1, 20)) ada.send({ id, type: "message", channel: "C1", text: String(id) });
    for (const id of range(21, 40)) ada.send({ id, type: "typing", channel: "C1" });
    ada.send({ id: 41, type: "ping" });
    await ada.next((frame) => frame["type"] === "pong");
    expect(ada.frames.find((frame) => frame["ok"] === false)).toMatchObject({ x_reason: "rate_limited", x_retry_after_ms: expect.any(Number) as number });
    grace.send({ id: 7, type: "message", channel: "C1", text: "mine" });
    await ada.next((frame) => frame["text"] === "mine");
    const { counters } = (await ask(`http://${address}/v1/status`)).json as { counters: { rateLimited: number; typingDropped: number } };
    expect(counters.rateLimited).toBe(ada.frames.filter((frame) => frame["ok"] === false).length);
    expect(counters.typingDropped).toBeGreaterThan(0);
  });

  test("a client that does not read is closed; the others get everything", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    const ada = await p.client(address, "UADA");
    const [host, port] = address.split(":") as [string, string];
    const stuck = connectTcp(Number(port), host);
    cleanUp.push(async () => stuck.destroy());
    stuck.write(`GET /ws/${p.ticket("UGRACE")} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`);
    await new Promise((resolve) => stuck.once("data", resolve));
    stuck.pause();
    const status = async (): Promise<{ sessions: number; counters: { slowConsumers: number } }> => (await ask(`http://${address}/v1/status`)).json as never;
    await vi.waitFor(async () => expect((await status()).sessions).toBe(2));
    let sent = 0;
    await vi.waitFor(async () => {
      for (let i = 0; i < 20; i++) p.channels.append("C1", note("x".repeat(50_000))), sent++;
      expect((await status()).counters.slowConsumers).toBe(1);
    }, { timeout: 10_000, interval: 10 });
    await vi.waitFor(() => expect(ada.offsets()).toEqual(range(1, sent)), 5_000);
    expect((await status()).sessions).toBe(1);
  });

  test("one that shows no sign of life is closed, one that answers pings stays", async () => {
    const p = await plane();
    const { address } = await p.gateway("--heartbeat-ms", "200");
    const ada = await p.client(address, "UADA");
    const [host, port] = address.split(":") as [string, string];
    const dead = connectTcp(Number(port), host);
    const closed = new Promise((resolve) => dead.once("close", resolve));
    dead.on("data", () => {});
    dead.write(`GET /ws/${p.ticket("UGRACE")} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`);
    await closed;
    expect(ada.closed).toBeUndefined();
  });
});

describe("events", () => {
  test("a burst reaches every socket in order, once", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    const clients = await Promise.all(range(1, 5).map((i) => p.client(address, i % 2 === 0 ? "UADA" : "UGRACE")));
    for (const i of range(1, 500)) p.channels.append("C1", note(i));
    for (const client of clients) await vi.waitFor(() => expect(client.offsets()).toEqual(range(1, 500)), 5_000);
  });

  test("what was said while the link was down comes when the next server answers; nothing twice", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    const ada = await p.client(address, "UADA");
    const [owner, second] = p.view.preference("channel", "C1").map(({ id }) => id) as [string, string];
    p.channels.append("C1", note(1));
    await vi.waitFor(() => expect(ada.offsets()).toEqual([1]));
    p.channels.crash(owner);
    for (const i of range(2, 20)) p.channels.append("C1", note(i));
    ada.send({ id: 1, type: "message", channel: "C1", text: "in the middle" });
    await ada.next((frame) => frame["reply_to"] === 1);
    p.channels.append("C1", note(22));
    await vi.waitFor(() => expect(ada.offsets()).toEqual([...range(1, 20), 22]), 5_000);
    const asked = p.channels.subscribes.filter(({ id }) => id === "C1").map(({ server, after }) => [server, after]);
    expect(asked.slice(0, 2)).toEqual([[owner, AFTER_HEAD], [second, 1]]);
    // the link to the owner comes back, and the channel with it
    await vi.waitFor(() => expect(p.channels.subscribes.findLast(({ id }) => id === "C1")).toMatchObject({ server: owner }), 5_000);
    p.channels.append("C1", note(23));
    await vi.waitFor(() => expect(ada.offsets()).toEqual([...range(1, 20), 22, 23]), 5_000);
  });

  test("a client that comes back with its offsets gets exactly what it missed, also while more is said", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    for (const i of range(1, 900)) p.channels.append("C1", note(i));
    const opening = p.client(address, "UADA", { offsets: { C1: 100 } });
    for (const i of range(901, 1_000)) p.channels.append("C1", note(i));
    const ada = await opening;
    for (const i of range(1_001, 1_100)) p.channels.append("C1", note(i));
    await vi.waitFor(() => expect(ada.offsets()).toEqual(range(101, 1_100)), 5_000);
  });

  test("joining and leaving takes effect on sockets that are open", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    const ada = await p.client(address, "UADA");
    p.channels.append("C2", { type: "message", channel: "C2" });
    p.channels.append("C2", { type: "message", channel: "C2" });
    p.control("UADA", { join: "C2", after: 1 });
    await vi.waitFor(() => expect(ada.offsets("C2")).toEqual([2]));
    p.control("UADA", { leave: "C2" });
    ada.send({ id: 1, type: "ping" });
    await ada.next((frame) => frame["reply_to"] === 1);
    p.channels.append("C2", { type: "message", channel: "C2" });
    p.channels.append("C1", note(1));
    await vi.waitFor(() => expect(ada.offsets("C1")).toEqual([1]));
    ada.send({ id: 2, type: "message", channel: "C2", text: "x" });
    expect(await ada.next((frame) => frame["reply_to"] === 2)).toMatchObject({ x_reason: "channel_not_found" });
    expect(ada.offsets("C2")).toEqual([2]);
  });
});

describe("presence", () => {
  test("users are announced, watched users reach the socket, and all is told again on a new link", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    const ada = await p.client(address, "UADA");
    ada.send({ type: "presence_sub", ids: ["UGRACE"] });
    const told = (): unknown[] => p.presence.map(({ type, ...rest }) => [type, (rest as { user?: string }).user]);
    await vi.waitFor(() => expect(told()).toEqual(expect.arrayContaining([["online", "UADA"], ["watch", "UGRACE"]])));
    p.presenceSocket!.send(encodeLink({ type: "presence", user: "UGRACE", active: 1 }));
    expect(await ada.next((frame) => frame["type"] === "presence_change")).toEqual({ type: "presence_change", presence: "active", user: "UGRACE" });
    p.presence.length = 0;
    p.presenceSocket!.destroy();
    await vi.waitFor(() => expect(told()).toEqual([["hello", undefined], ["online", "UADA"], ["watch", "UGRACE"], ["announced", undefined]]), 5_000);
    p.presence.length = 0;
    ada.close();
    await vi.waitFor(() => expect(told()).toEqual(expect.arrayContaining([["unwatch", "UGRACE"], ["offline", "UADA"]])));
  });
});

describe("the end", () => {
  test("stop says goodbye to every client, closes with 1000 and gives its port back", async () => {
    const p = await plane();
    const running = await p.gateway();
    const clients = await Promise.all(range(1, 10).map(() => p.client(running.address, "UADA")));
    await running.stop();
    for (const client of clients) {
      expect(await client.end()).toMatchObject({ code: 1000 });
      expect(client.frames.at(-1)).toMatchObject({ type: "goodbye", x_delay_ms: expect.any(Number) as number });
    }
    const [host, port] = running.address.split(":") as [string, string];
    const refused = new Promise((resolve) => connectTcp(Number(port), host).once("error", resolve));
    expect(await refused).toMatchObject({ code: "ECONNREFUSED" });
  });

  test("a drain by the topology closes the clients there are and leaves the process up", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    const ada = await p.client(address, "UADA");
    await p.publish(["cs-0", "cs-1", "cs-2"], [["gw-0", "draining"]]);
    expect(await ada.end()).toMatchObject({ code: 1000 });
    expect((await ask(`http://${address}/livez`)).status).toBe(200);
    await p.publish(["cs-0", "cs-1", "cs-2"], [["gw-0", "up"]]);
    await vi.waitFor(async () => expect((await ask(`http://${address}/readyz`)).status).toBe(200));
    await p.client(address, "UADA");
  });

  test("a link message that is no link message breaks that link alone, and it is opened again", async () => {
    const p = await plane();
    const { address } = await p.gateway();
    const ada = await p.client(address, "UADA");
    p.channels.sockets.get(p.view.owner("channel", "C1")!.id)!.send(Buffer.from([1, 2, 3]));
    p.channels.append("C1", note(1));
    await vi.waitFor(() => expect(ada.offsets()).toEqual([1]), 5_000);
  });
});

/** All that a gateway needs around it, played by this process: a registry, webapp's answers, and a channel server with its log in memory, over a real link. */
import { LinkTurns } from "../../../services/channel/link-turns.ts";
import { AFTER_HEAD, decodeLink, encodeLink, LINK_VERSION, noHops, type Link, type LinkFrame } from "../../../services/protocol/link.ts";
import { limits } from "../../../services/protocol/limits.ts";
import type { Session } from "../../../services/protocol/mesh.ts";
import { systemClock } from "../../../services/runtime/clock.ts";
import { createHttp } from "../../../services/runtime/http.ts";
import { createLog } from "../../../services/runtime/log.ts";
import { acceptSockets, type Socket, type SocketEvents } from "../../../services/runtime/socket.ts";
import { openBenchRegistry } from "../registry.ts";

interface Subscription {
  readonly socket: Socket;
  readonly chan: number;
  readonly channel: string;
}

export class Feed {
  registryUrl = "";
  meshUrl = "";
  readonly #logs = new Map<string, Uint8Array[]>();
  readonly #subs = new Map<string, Subscription>();
  readonly #byChannel = new Map<string, Set<Subscription>>();
  readonly #tickets = new Map<string, Session>();
  readonly #channelsOf = new Map<string, readonly string[]>();
  #lastSocket = 0;
  #lastTicket = 0;
  readonly #ends: (() => Promise<unknown>)[] = [];

  static async start(): Promise<Feed> {
    const feed = new Feed();
    const log = createLog("bench", "feed", "silent");
    const registry = await openBenchRegistry();
    feed.registryUrl = registry.url;
    const mesh = createHttp(
      {
        "POST /v1/sessions": async (request) => ({ status: 200, body: feed.#tickets.get(((await request.json()) as { ticket: string }).ticket) }),
        "GET /v1/users/{id}/channels": ({ params }) => ({ status: 200, body: { channels: feed.#channelsOf.get(params["id"]!) ?? [] } }),
      },
      log,
    );
    acceptSockets(mesh.server, limits.linkMessageBytes, () => (socket) => feed.#link(socket));
    feed.meshUrl = `http://${await mesh.listen("127.0.0.1:0")}`;
    feed.#ends.push(() => mesh.close(50), () => registry.close());
    // The gateway asks for it by ID, through the mesh.
    await registry.crown({ channel: ["cs-0", "127.0.0.1:1"] });
    return feed;
  }

  /** @param offsets where the user's client stood before */
  ticket(user: string, channels: readonly string[], offsets: Readonly<Record<string, number>>): string {
    const ticket = `${user}.${++this.#lastTicket}`;
    this.#channelsOf.set(user, channels);
    this.#tickets.set(ticket, { user: { id: user, name: user }, team: { id: "T", name: "t", domain: "t" }, manual_away: false, manual_away_at: 0, offsets, batch_presence: false, paced: false });
    return ticket;
  }

  head(channel: string): number {
    return this.#logs.get(channel)?.length ?? 0;
  }

  publish(channel: string, text: string): void {
    const list = this.#logs.get(channel) ?? [];
    this.#logs.set(channel, list);
    const at = performance.now().toFixed(3);
    list.push(Buffer.from(`{"type":"message","channel":"${channel}","x_off":${list.length + 1},"at":${at},"text":"${text}"}`));
    for (const { socket, chan } of this.#byChannel.get(channel) ?? []) socket.send(encodeLink(...this.#events(channel, chan, list.length - 1, 1)));
  }

  async stop(): Promise<void> {
    for (const end of this.#ends) await end();
  }

  #events(channel: string, chan: number, after: number, limit: number): LinkFrame[] {
    return (this.#logs.get(channel) ?? []).slice(after, after + limit).map((payload, i) => ({ type: "event", chan, offset: after + i + 1, origin: 0, kind: 0, ...noHops, payload }));
  }

  #link(socket: Socket): SocketEvents {
    const number = ++this.#lastSocket;
    const turns = new LinkTurns(() => socket.queuedBytes <= limits.linkCreditBytes, systemClock);
    socket.send(encodeLink({ type: "hello", v: LINK_VERSION, server: "cs-0", epoch: 1 }));
    return {
      text: () => {},
      binary: (data) => decodeLink(data).forEach((frame) => this.#frame(`${number}`, socket, turns, frame)),
      closed: () => {
        turns.close();
        for (const key of this.#subs.keys()) if (key.startsWith(`${number}/`)) this.#end(key);
      },
    };
  }

  #end(key: string): void {
    const sub = this.#subs.get(key);
    this.#subs.delete(key);
    if (sub !== undefined) this.#byChannel.get(sub.channel)?.delete(sub);
  }

  #frame(number: string, socket: Socket, turns: LinkTurns, frame: LinkFrame): void {
    if (frame.type === "ping") return void socket.send(encodeLink({ type: "pong", at: frame.at }));
    if (!("chan" in frame)) return;
    const { chan } = frame;
    const key = `${number}/${chan}`;
    if (frame.type === "subscribe") {
      const { id: channel, after } = frame;
      const head = this.head(channel);
      const from = after === AFTER_HEAD ? head : after;
      const sub = { socket, chan, channel };
      this.#subs.set(key, sub);
      const all = this.#byChannel.get(channel) ?? new Set();
      this.#byChannel.set(channel, all.add(sub));
      socket.send(encodeLink({ type: "subscribed", chan, head, first: from + 1 }, ...this.#events(channel, chan, from, head)));
    } else if (frame.type === "unsubscribe") this.#end(key);
    else if (frame.type === "read") void this.#read(this.#subs.get(key)!, turns, frame);
  }

  /** As a channel server does: in turns, while its gateway takes what is sent. */
  async #read({ socket, chan, channel }: Subscription, turns: LinkTurns, { req, after, limit }: Link<"read">): Promise<void> {
    if (!(await turns.begin())) return;
    const events: LinkFrame[] = [];
    let bytes = 0;
    for (const event of this.#events(channel, chan, after, limit)) {
      if (event.type !== "event" || (events.length > 0 && (bytes += event.payload.length) > limits.batchBytes)) break;
      events.push(event);
    }
    socket.send(encodeLink({ type: "batch", req, chan, head: this.head(channel), events: encodeLink(...events) }));
    turns.end();
  }
}

/**
 * Ringway's gateway alone: this plays all that stands around it. A registry with a ring of one channel and one presence server, webapp
 * (any ticket is good; a user's channels are those of its group) and the servers' end of the links, on which messages
 * are published as a channel server does it: what one turn of the event loop has leaves in one link message.
 */
import type { Socket as TcpSocket } from "node:net";
import { microsOf, wallMs } from "../../../../../services/runtime/clock.ts";
import { AFTER_HEAD, decodeLink, encodeLink, eventKinds, LINK_VERSION, NO_ORIGIN, type LinkFrame } from "../../../../../services/protocol/link.ts";
import { limits } from "../../../../../services/protocol/limits.ts";
import { createHttp } from "../../../../../services/runtime/http.ts";
import { createLog } from "../../../../../services/runtime/log.ts";
import { acceptSockets, type Socket, type SocketEvents } from "../../../../../services/runtime/socket.ts";
import { openBenchRegistry } from "../../../registry.ts";
import { channelName, groupOf, type Shape } from "../../shape.ts";
import { addressOf, type Driver, type Target } from "../driver.ts";
import { isHello } from "../hello.ts";
import { openGreeted, type TakeText } from "../websocket.ts";

/** The servers' address: the gateway asks for them by ID, through the mesh. */
const nowhere = "127.0.0.1:1";

/** One link as a channel server sees it. */
interface Link {
  readonly socket: Socket;
  /** number on this link → channel */
  readonly channels: Map<number, string>;
  outbox: LinkFrame[];
}

export class RingwayLinkDriver implements Driver {
  readonly wrap = ['{"type":"message","text":"', '"}'] as const;
  readonly #heads = new Map<string, number>();
  readonly #subscribers = new Map<string, Map<Link, number>>();
  readonly #closing: (() => Promise<unknown>)[] = [];
  #target!: Target;
  #shape!: Shape;
  #lastUser = 0;

  async prepare(): Promise<Readonly<Record<string, string>>> {
    const log = createLog("bench", "load", "silent");
    const registry = await openBenchRegistry();
    const mesh = createHttp(
      {
        "POST /v1/sessions": async (request) => {
          const { ticket } = (await request.json()) as { ticket: string };
          const id = ticket.slice(0, ticket.indexOf("."));
          return { status: 200, body: { user: { id, name: id }, team: { id: "T", name: "t", domain: "t" }, manual_away: false, manual_away_at: 0, offsets: {}, batch_presence: false } };
        },
        "GET /v1/users/{id}/channels": ({ params }) => ({ status: 200, body: { channels: this.#channelsOf(params["id"]!) } }),
      },
      log,
    );
    acceptSockets(mesh.server, limits.linkMessageBytes, ({ path }) => {
      const [, , , pool, server] = path.split("/") as [string, string, string, string, string];
      return (socket) => this.#link(pool, server, socket);
    });
    const meshUrl = `http://${await mesh.listen("127.0.0.1:0")}`;
    this.#closing.push(() => mesh.close(50), () => registry.close());
    await registry.crown({ channel: ["cs-0", nowhere], presence: ["ps-0", nowhere] });
    return { registryUrl: registry.url, meshUrl };
  }

  target(target: Target): void {
    this.#target = target;
  }

  async begin(shape: Shape): Promise<void> {
    this.#shape = shape;
  }

  subscribe(socket: number, take: TakeText, closed: (why: string) => void): Promise<TcpSocket> {
    // Its own user each time, whose ID says which channels it has.
    const user = `U${groupOf(this.#shape, socket)}_${++this.#lastUser}`;
    return openGreeted(addressOf(this.#target, socket), `/ws/${user}.bench`, { greets: isHello }, take, closed);
  }

  publish(channel: number, payload: Buffer): void {
    const name = channelName(channel);
    const offset = (this.#heads.get(name) ?? 0) + 1;
    this.#heads.set(name, offset);
    const copy = Buffer.from(payload);
    const at = microsOf(wallMs());
    for (const [link, chan] of this.#subscribers.get(name) ?? []) this.#send(link, { type: "event", chan, offset, origin: NO_ORIGIN, kind: eventKinds.client, taken: at, received: at, stored: at, trace: "", payload: copy });
  }

  async end(): Promise<void> {}

  async stop(): Promise<void> {
    for (const close of this.#closing) await close();
  }

  #channelsOf(user: string): string[] {
    const { channelsPerGroup } = this.#shape;
    const first = Number(/^U(\d+)_/.exec(user)?.[1]) * channelsPerGroup;
    return [user, ...Array.from({ length: channelsPerGroup }, (_, i) => channelName(first + i))];
  }

  #send(link: Link, frame: LinkFrame): void {
    if (link.outbox.push(frame) > 1) return;
    setImmediate(() => {
      link.socket.send(encodeLink(...link.outbox));
      link.outbox = [];
    });
  }

  #link(pool: string, server: string, socket: Socket): SocketEvents {
    const link: Link = { socket, channels: new Map(), outbox: [] };
    this.#send(link, { type: "hello", v: LINK_VERSION, server, epoch: 1 });
    return {
      text: () => {},
      binary: (data) => {
        for (const frame of decodeLink(data)) this.#take(link, pool, frame);
      },
      closed: () => {
        for (const channel of link.channels.values()) this.#subscribers.get(channel)?.delete(link);
      },
    };
  }

  #take(link: Link, pool: string, frame: LinkFrame): void {
    if (frame.type === "ping") return this.#send(link, { type: "pong", at: frame.at });
    if (pool !== "channel") return;
    if (frame.type === "subscribe") {
      const head = this.#heads.get(frame.id) ?? 0;
      if (frame.after !== AFTER_HEAD && frame.after !== head) throw new Error(`the gateway missed something of ${frame.id}`);
      link.channels.set(frame.chan, frame.id);
      let links = this.#subscribers.get(frame.id);
      if (links === undefined) this.#subscribers.set(frame.id, (links = new Map()));
      links.set(link, frame.chan);
      this.#send(link, { type: "subscribed", chan: frame.chan, head, first: head + 1 });
    } else if (frame.type === "unsubscribe") {
      const channel = link.channels.get(frame.chan);
      link.channels.delete(frame.chan);
      if (channel === undefined) return;
      const links = this.#subscribers.get(channel);
      links?.delete(link);
      if (links?.size === 0) this.#subscribers.delete(channel);
    }
  }
}

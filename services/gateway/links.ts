/**
 * One link per channel server and presence server. A link is broken from the moment it fails until it is open again;
 * a first attempt that is under way is not, so that a gateway that starts waits for owners instead of asking strangers.
 */
import { LINK_VERSION, type LinkFrame } from "../protocol/link.ts";
import { ProtocolError } from "../protocol/problems.ts";
import { backOffMs, type Core } from "./core.ts";
import type { LinkPool } from "./events.ts";
import type { Timer } from "../runtime/timers.ts";

/** A connection must be open, and its peer have said hello, within this time. */
const openWithinMs = 1_000;
const backOff = { least: 50, most: 500 };

export interface Link {
  readonly pool: LinkPool;
  readonly server: string;
  /** number of the current (or last) connection; those of earlier ones mean nothing any more */
  conn: number;
  state: "connecting" | "greeting" | "open" | "pausing";
  broken: boolean;
  failures: number;
  heardAt: number;
  timer: Timer | undefined;
}

export interface LinkHooks {
  opened(link: Link): void;
  /** nothing can be sent there any more */
  broke(link: Link): void;
  frame(link: Link, frame: LinkFrame): void;
}

export class Links {
  readonly #core: Core;
  readonly #hooks: LinkHooks;
  readonly #byServer = { channel: new Map<string, Link>(), presence: new Map<string, Link>() };
  readonly #byConn = new Map<number, Link>();
  #lastConn = 0;

  constructor(core: Core, hooks: LinkHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  /** Opens links to servers that are new in the ring. */
  grow(): void {
    for (const pool of ["channel", "presence"] as const) {
      for (const { id, state } of this.#core.ring?.servers(pool) ?? []) {
        if (state === "down" || this.#byServer[pool].has(id)) continue;
        const link: Link = { pool, server: id, conn: 0, state: "pausing", broken: false, failures: 0, heardAt: 0, timer: undefined };
        this.#byServer[pool].set(id, link);
        this.#connect(link);
      }
    }
  }

  /** Says by which topology this gateway routes from here on. */
  tell(epoch: number): void {
    for (const { conn } of this.open("channel")) this.send(conn, { type: "epoch", epoch });
  }

  /** Ends links to servers that left the ring; called after everything was routed elsewhere. */
  shrink(): void {
    for (const pool of ["channel", "presence"] as const) {
      const stay = new Set((this.#core.ring?.servers(pool) ?? []).filter(({ state }) => state !== "down").map(({ id }) => id));
      for (const link of [...this.#byServer[pool].values()]) if (!stay.has(link.server)) this.#drop(link);
    }
  }

  stop(): void {
    for (const pool of ["channel", "presence"] as const) for (const link of [...this.#byServer[pool].values()]) this.#drop(link);
  }

  /** The first server of the preference list whose link isn't broken. */
  target(pool: LinkPool, id: string): Link | undefined {
    for (const server of this.#core.ring?.preference(pool, id) ?? []) {
      const link = this.#byServer[pool].get(server.id);
      if (link !== undefined && !link.broken) return link;
    }
    return undefined;
  }

  open(pool: LinkPool): Link[] {
    return [...this.#byServer[pool].values()].filter((link) => link.state === "open");
  }

  isOpen(conn: number): boolean {
    return this.#byConn.get(conn)?.state === "open";
  }

  send(conn: number, frame: LinkFrame): void {
    this.#core.emit({ type: "link", conn, frame });
  }

  opened(conn: number): void {
    const link = this.#byConn.get(conn);
    if (link?.state !== "connecting") return;
    link.state = "greeting";
    this.send(conn, { type: "hello", v: LINK_VERSION, server: this.#core.options.id, epoch: this.#core.ring?.epoch ?? 0 });
  }

  closed(conn: number): void {
    const link = this.#byConn.get(conn);
    if (link !== undefined) this.#fail(link);
  }

  frames(conn: number, frames: readonly LinkFrame[]): void {
    const link = this.#byConn.get(conn);
    if (link === undefined) return;
    link.heardAt = this.#core.now;
    for (const frame of frames) {
      if (link.conn !== conn || link.state === "pausing") return; // what it said earlier in this message broke it
      if (frame.type === "ping") this.send(conn, { type: "pong", at: frame.at });
      else if (frame.type === "hello") this.#greeted(link, frame.v, frame.server);
      else if (link.state === "open") this.#take(link, frame);
    }
  }

  /** For status: server → state. */
  describe(): Record<LinkPool, Record<string, string>> {
    const list = (pool: LinkPool): Record<string, string> =>
      Object.fromEntries([...this.#byServer[pool].values()].map((link) => [link.server, link.broken ? "broken" : link.state === "open" ? "open" : "connecting"]));
    return { channel: list("channel"), presence: list("presence") };
  }

  #greeted(link: Link, v: number, server: string): void {
    if (link.state !== "greeting") return;
    if (v !== LINK_VERSION || server !== link.server) {
      return this.#break(link);
    }
    link.state = "open";
    link.broken = false;
    link.failures = 0;
    this.#core.cancel(link.timer);
    this.#beat(link);
    this.#hooks.opened(link);
  }

  #beat(link: Link): void {
    const { linkPingMs, linkSilenceMs } = this.#core.options;
    link.timer = this.#core.after(linkPingMs, () => {
      if (this.#core.now - link.heardAt >= linkSilenceMs) {
        this.#break(link);
      } else {
        this.send(link.conn, { type: "ping", at: Math.floor(this.#core.now) });
        this.#beat(link);
      }
    });
  }

  #connect(link: Link): void {
    link.conn = ++this.#lastConn;
    link.state = "connecting";
    link.heardAt = this.#core.now;
    this.#byConn.set(link.conn, link);
    this.#core.emit({ type: "connect", conn: link.conn, pool: link.pool, server: link.server });
    link.timer = this.#core.after(openWithinMs, () => this.#break(link));
  }

  /** What a peer says must not end this process; a peer that says nonsense loses its link. */
  #take(link: Link, frame: LinkFrame): void {
    try {
      this.#hooks.frame(link, frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#break(link);
    }
  }

  #break(link: Link): void {
    this.#core.emit({ type: "disconnect", conn: link.conn });
    this.#fail(link);
  }

  #fail(link: Link): void {
    const first = !link.broken;
    this.#byConn.delete(link.conn);
    this.#core.cancel(link.timer);
    link.state = "pausing";
    link.broken = true;
    link.timer = this.#core.after(backOffMs(link.failures++, backOff.least, backOff.most), () => this.#connect(link));
    if (first) this.#hooks.broke(link);
  }

  #drop(link: Link): void {
    this.#core.cancel(link.timer);
    this.#byServer[link.pool].delete(link.server);
    if (!this.#byConn.delete(link.conn)) return;
    this.#core.emit({ type: "disconnect", conn: link.conn });
    link.state = "pausing";
    link.broken = true;
    this.#hooks.broke(link);
  }
}

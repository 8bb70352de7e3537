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
  /** the version that the peer speaks, where it is not ours */
  strange: number | undefined;
  /** epoch of the newest topology that the peer was told of */
  epoch: number;
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
        const link: Link = { pool, server: id, conn: 0, state: "pausing", broken: false, strange: undefined, epoch: 0, failures: 0, heardAt: 0, timer: undefined };
        this.#byServer[pool].set(id, link);
        this.#connect(link);
      }
    }
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

  /** The link to a server, if it is open. */
  openTo(pool: LinkPool, server: string): Link | undefined {
    const link = this.#byServer[pool].get(server);
    return link?.state === "open" ? link : undefined;
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

  /** What is sent after this was routed by the topology of that epoch; a channel server that has not got it yet waits for it. */
  tellEpoch(link: Link, epoch: number): void {
    if (link.epoch >= epoch) return;
    link.epoch = epoch;
    this.send(link.conn, { type: "epoch", epoch });
  }

  opened(conn: number): void {
    const link = this.#byConn.get(conn);
    if (link?.state !== "connecting") return;
    link.state = "greeting";
    link.epoch = this.#core.ring?.epoch ?? 0;
    this.send(conn, { type: "hello", v: LINK_VERSION, server: this.#core.options.id, epoch: link.epoch });
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
      Object.fromEntries([...this.#byServer[pool].values()].map((link) => [link.server, stateOf(link)]));
    return { channel: list("channel"), presence: list("presence") };
  }

  #greeted(link: Link, v: number, server: string): void {
    if (link.state !== "greeting") return;
    link.strange = v === LINK_VERSION ? undefined : v;
    if (link.strange !== undefined || server !== link.server) return this.#break(link);
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

function stateOf({ broken, strange, state }: Link): string {
  if (strange !== undefined) return `broken: it speaks version ${strange}, not ${LINK_VERSION}`;
  if (broken) return "broken";
  return state === "open" ? "open" : "connecting";
}

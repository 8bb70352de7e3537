/**
 * The sockets of the links. Frames of one turn of the event loop travel as one message, and those that arrive in one
 * turn are handed on together, so that a burst in a channel becomes one write per subscriber.
 */
import { decodeLink, type LinkFrame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/problems.ts";
import type { Log } from "../runtime/log.ts";
import { LinkOutbox } from "../runtime/link-outbox.ts";
import { connectSocket, type Socket } from "../runtime/socket.ts";
import type { LinkPool } from "./events.ts";

const handshakeMs = 2_000;

interface Conn {
  readonly url: string;
  socket: Socket | undefined;
  over: boolean;
  inbox: LinkFrame[];
  outbox: LinkOutbox | undefined;
}

export interface LinkEvents {
  opened(conn: number): void;
  frames(conn: number, frames: readonly LinkFrame[]): void;
  closed(conn: number): void;
}

export class LinkSockets {
  readonly #base: string;
  readonly #events: LinkEvents;
  readonly #log: Log;
  readonly #conns = new Map<number, Conn>();

  /** @param meshUrl http URL of the mesh listener */
  constructor(meshUrl: string, events: LinkEvents, log: Log) {
    this.#base = `${meshUrl.replace(/^http/, "ws").replace(/\/$/, "")}/v1/links`;
    this.#events = events;
    this.#log = log;
  }

  connect(number: number, pool: LinkPool, server: string): void {
    const conn: Conn = { url: `${this.#base}/${pool}/${server}`, socket: undefined, over: false, inbox: [], outbox: undefined };
    this.#conns.set(number, conn);
    connectSocket(conn.url, limits.linkMessageBytes, handshakeMs, (socket) => {
      conn.socket = socket;
      conn.outbox = new LinkOutbox(socket);
      return {
        text: () => this.#fault(number, conn, "a text message"),
        binary: (data) => this.#receive(number, conn, data),
        closed: (code, reason) => {
          this.#log.debug({ url: conn.url, code, reason }, "link closed");
          this.#end(number, conn);
        },
      };
    }).then(
      (socket) => {
        if (conn.over) socket.destroy();
        else this.#events.opened(number);
      },
      (error: unknown) => {
        this.#log.debug({ err: error, url: conn.url }, "link not opened");
        this.#end(number, conn);
      },
    );
  }

  send(number: number, frame: LinkFrame): void {
    const conn = this.#conns.get(number);
    if (conn?.outbox === undefined) return;
    if (conn.outbox.isEmpty) setImmediate(() => this.#flush(conn));
    conn.outbox.add(frame);
  }

  /** Sends what waits, then ends it; `closed` is not called. */
  disconnect(number: number): void {
    const conn = this.#conns.get(number);
    if (conn === undefined) return;
    this.#flush(conn);
    conn.over = true;
    this.#conns.delete(number);
    const { socket } = conn;
    socket?.close(1000, "");
    // A peer that does not answer the Close frame must not hold the process.
    if (socket !== undefined) setTimeout(() => socket.destroy(), 500).unref();
  }

  #flush(conn: Conn): void {
    if (conn.outbox === undefined || conn.over) return;
    conn.outbox.flush();
    if (conn.outbox.queuedBytes <= limits.linkQueueBytes) return;
    this.#log.warn({ url: conn.url }, "link queue is full; opening it anew");
    conn.socket?.destroy();
  }

  #receive(number: number, conn: Conn, data: Buffer): void {
    if (conn.over) return;
    let frames: LinkFrame[];
    try {
      frames = decodeLink(data);
    } catch (error) {
      return this.#fault(number, conn, error instanceof ProtocolError ? error.message : String(error));
    }
    if (conn.inbox.length === 0) setImmediate(() => this.#hand(number, conn));
    for (const frame of frames) conn.inbox.push(frame);
  }

  #hand(number: number, conn: Conn): void {
    const frames = conn.inbox;
    if (frames.length === 0 || conn.over) return;
    conn.inbox = [];
    this.#events.frames(number, frames);
  }

  #fault(number: number, conn: Conn, detail: string): void {
    this.#log.warn({ url: conn.url, detail }, "bad link message");
    conn.socket?.close(1002, detail.slice(0, 100));
    this.#end(number, conn);
  }

  #end(number: number, conn: Conn): void {
    if (conn.over) return;
    this.#hand(number, conn);
    conn.over = true;
    this.#conns.delete(number);
    this.#events.closed(number);
  }
}

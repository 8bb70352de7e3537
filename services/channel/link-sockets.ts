/**
 * The sockets of the gateways' links. What one turn of the event loop has for a link leaves in one WebSocket message. A gateway
 * that reads slowly is left behind alone: first it gets no transient events and nothing of the past, then its link is closed.
 */
import { decodeLink, encodeLink, type LinkFrame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/problems.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Attach, Socket } from "../runtime/socket.ts";
import type { Event } from "./events.ts";
import { LinkTurns } from "./link-turns.ts";

/** Bytes of payload in one message; with records of at most 600 kB it stays below limits.linkMessageBytes. */
const messageBytes = 4 * 1024 * 1024;

interface Open {
  readonly socket: Socket;
  readonly turns: LinkTurns;
  outbox: LinkFrame[];
  outboxBytes: number;
}

export class LinkSockets {
  readonly #take: (event: Event) => void;
  readonly #clock: Clock;
  readonly #open = new Map<number, Open>();
  #flushing = false;
  #last = 0;
  readonly counters = { transientsDropped: 0, slowLinks: 0 };

  /** @param take is given the events of the links */
  constructor(take: (event: Event) => void, clock: Clock) {
    this.#take = take;
    this.#clock = clock;
  }

  /** Takes an accepted socket over as a new link. */
  readonly attach: Attach = (socket) => {
    const link = ++this.#last;
    const open: Open = { socket, turns: new LinkTurns(() => queued(open) <= limits.linkCreditBytes, this.#clock), outbox: [], outboxBytes: 0 };
    this.#open.set(link, open);
    this.#take({ type: "linkOpened", link });
    return {
      text: () => this.close(link, 1003, "frames are binary"),
      binary: (data) => this.#receive(link, data),
      closed: () => this.#closed(link),
    };
  };

  send(link: number, frame: LinkFrame): void {
    const open = this.#open.get(link);
    if (open === undefined) return;
    if (frame.type === "transient" && queued(open) > limits.linkCreditBytes) return void this.counters.transientsDropped++;
    open.outbox.push(frame);
    open.outboxBytes += bytesOf(frame);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.flush());
  }

  /** Sends now what is gathered. */
  flush(): void {
    this.#flushing = false;
    let full = false;
    for (const [link, open] of this.#open) {
      const frames = open.outbox;
      if (frames.length === 0) continue;
      open.outbox = [];
      open.outboxBytes = 0;
      for (const part of split(frames)) open.socket.send(encodeLink(...part));
      full ||= queued(open) > limits.linkCreditBytes;
      if (queued(open) > limits.linkQueueBytes) this.#drop(link, open);
    }
    if (full) this.#dropLongest();
  }

  /** Keeps all queues together within their bound. */
  #dropLongest(): void {
    const links = [...this.#open].sort(([, a], [, b]) => queued(a) - queued(b));
    let sum = links.reduce((bytes, [, open]) => bytes + queued(open), 0);
    while (sum > limits.linksQueueBytes) {
      const [link, open] = links.pop()!;
      sum -= queued(open);
      this.#drop(link, open);
    }
  }

  close(link: number, code: number, reason: string): void {
    this.flush();
    this.#open.get(link)?.socket.close(code, reason);
  }

  get size(): number {
    return this.#open.size;
  }

  closeAll(): void {
    this.flush();
    for (const { socket } of this.#open.values()) socket.close(1001, "stopping");
  }

  destroyAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }

  /** How many wait for a turn on the link. */
  waiting(link: number): number {
    return this.#open.get(link)?.turns.waiting ?? 0;
  }

  /** Reads something of the past and sends it, when it is its turn on the link; not at all where that is closed before. */
  async inTurn(link: number, work: () => Promise<void>): Promise<void> {
    const turns = this.#open.get(link)?.turns;
    if (turns === undefined || !(await turns.begin())) return;
    try {
      await work();
    } finally {
      turns.end();
    }
  }

  #receive(link: number, data: Buffer): void {
    try {
      for (const frame of decodeLink(data)) this.#take({ type: "linkFrame", link, frame });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close(link, 1002, error.message.slice(0, 120));
    }
  }

  /** The gateway opens a new one and asks for what it missed. */
  #drop(link: number, { socket }: Open): void {
    this.counters.slowLinks++;
    socket.destroy();
    this.#closed(link);
  }

  #closed(link: number): void {
    const open = this.#open.get(link);
    if (open === undefined) return;
    this.#open.delete(link);
    open.turns.close();
    this.#take({ type: "linkClosed", link });
  }
}

/** Bytes that the kernel has not taken yet. */
function queued({ socket, outboxBytes }: Open): number {
  return socket.queuedBytes + outboxBytes;
}

function bytesOf(frame: LinkFrame): number {
  return "payload" in frame ? frame.payload.length : "events" in frame ? frame.events.length : 0;
}

function split(frames: readonly LinkFrame[]): LinkFrame[][] {
  const parts: LinkFrame[][] = [[]];
  let bytes = 0;
  for (const frame of frames) {
    bytes += bytesOf(frame);
    if (bytes > messageBytes && parts.at(-1)!.length > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(frame);
  }
  return parts;
}

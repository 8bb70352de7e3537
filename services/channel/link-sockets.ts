/**
 * The sockets of the gateways' links. What one turn of the event loop has for a link leaves in one WebSocket message. A gateway
 * that reads slowly is left behind alone: first it gets no transient events and nothing of the past, then its link is closed.
 */
import { decodeLink, type LinkFrame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/problems.ts";
import type { Clock } from "../runtime/clock.ts";
import { LinkOutbox } from "../runtime/link-outbox.ts";
import type { Attach, Socket } from "../runtime/socket.ts";
import type { Event } from "./events.ts";
import { LinkTurns } from "./link-turns.ts";

interface Open {
  readonly socket: Socket;
  readonly outbox: LinkOutbox;
  readonly turns: LinkTurns;
  /** that wait for a turn */
  reads: number;
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
    const outbox = new LinkOutbox(socket);
    this.#open.set(link, { socket, outbox, turns: new LinkTurns(() => outbox.queuedBytes <= limits.linkCreditBytes, this.#clock), reads: 0 });
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
    if (frame.type === "transient" && open.outbox.queuedBytes > limits.linkCreditBytes) return void this.counters.transientsDropped++;
    open.outbox.add(frame);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.flush());
  }

  /** Sends now what is gathered. */
  flush(): void {
    this.#flushing = false;
    let full = false;
    for (const [link, open] of this.#open) {
      open.outbox.flush();
      const { queuedBytes } = open.outbox;
      full ||= queuedBytes > limits.linkCreditBytes;
      if (queuedBytes > limits.linkQueueBytes) this.#drop(link, open);
    }
    if (full) this.#dropLongest();
  }

  /** Keeps all queues together within their bound. */
  #dropLongest(): void {
    const links = [...this.#open].sort(([, a], [, b]) => a.outbox.queuedBytes - b.outbox.queuedBytes);
    let sum = links.reduce((bytes, [, open]) => bytes + open.outbox.queuedBytes, 0);
    while (sum > limits.linksQueueBytes) {
      const [link, open] = links.pop()!;
      sum -= open.outbox.queuedBytes;
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

  /** How many reads wait for a turn on the link; of replays there is one per subscription at most. */
  reads(link: number): number {
    return this.#open.get(link)?.reads ?? 0;
  }

  /** Reads something of the past and sends it, when it is its turn on the link; not at all where that is closed before. */
  async inTurn(link: number, what: "read" | "replay", work: () => Promise<void>): Promise<void> {
    const open = this.#open.get(link);
    if (open === undefined) return;
    const reads = what === "read" ? 1 : 0;
    open.reads += reads;
    const mayGo = await open.turns.begin();
    open.reads -= reads;
    if (!mayGo) return;
    try {
      await work();
    } finally {
      open.turns.end();
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

/** The sockets of the gateways' links. What one turn of the event loop has for a link leaves in one WebSocket message. */
import { decodeLink, encodeLink, type LinkFrame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/problems.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Attach, Socket } from "../runtime/socket.ts";
import type { Event } from "./events.ts";

/** Bytes of payload in one message; with records of at most 600 kB it stays below limits.linkMessageBytes. */
const messageBytes = 4 * 1024 * 1024;
/** A replay waits while more than this is queued on its link, in bytes, looking again every so many ms. */
const replayQueueBytes = 1024 * 1024;
const replayWaitMs = 5;

interface Open {
  readonly socket: Socket;
  outbox: LinkFrame[];
}

export class LinkSockets {
  readonly #take: (event: Event) => void;
  readonly #clock: Clock;
  readonly #open = new Map<number, Open>();
  #flushing = false;
  #last = 0;

  /** @param take is given the events of the links */
  constructor(take: (event: Event) => void, clock: Clock) {
    this.#take = take;
    this.#clock = clock;
  }

  /** Takes an accepted socket over as a new link. */
  readonly attach: Attach = (socket) => {
    const link = ++this.#last;
    this.#open.set(link, { socket, outbox: [] });
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
    open.outbox.push(frame);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.flush());
  }

  /** Sends now what is gathered. */
  flush(): void {
    this.#flushing = false;
    for (const [link, open] of this.#open) {
      const frames = open.outbox;
      if (frames.length === 0) continue;
      open.outbox = [];
      let queued = 0;
      for (const part of split(frames)) queued = open.socket.send(encodeLink(...part));
      // The gateway opens a new one and asks for what it missed.
      if (queued > limits.linkQueueBytes) this.#drop(link, open);
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

  /** Waits until the link has room for a replay. @returns false where it is closed */
  async room(link: number): Promise<boolean> {
    for (;;) {
      const open = this.#open.get(link);
      if (open === undefined) return false;
      if (open.socket.queuedBytes <= replayQueueBytes) return true;
      await this.#clock.sleep(replayWaitMs);
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

  #drop(link: number, { socket }: Open): void {
    socket.destroy();
    this.#closed(link);
  }

  #closed(link: number): void {
    if (this.#open.delete(link)) this.#take({ type: "linkClosed", link });
  }
}

function split(frames: readonly LinkFrame[]): LinkFrame[][] {
  const parts: LinkFrame[][] = [[]];
  let bytes = 0;
  for (const frame of frames) {
    bytes += "payload" in frame ? frame.payload.length : "events" in frame ? frame.events.length : 0;
    if (bytes > messageBytes && parts.at(-1)!.length > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(frame);
  }
  return parts;
}

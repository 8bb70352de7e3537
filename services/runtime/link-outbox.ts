import { encodeLink, type LinkFrame } from "../protocol/link.ts";
import type { Socket } from "./socket.ts";

/** Frames, and about as many bytes, of one message; one record more (600 kB at most) stays below limits.linkMessageBytes. */
const framesPerMessage = 500;
const bytesPerMessage = 4 * 1024 * 1024;
/** What a record takes beside its payload, about. */
const recordBytes = 64;

/** What waits to be sent on a link: frames of one turn of the event loop travel as one message, or as few as their number and size allow. */
export class LinkOutbox {
  readonly #socket: Socket;
  #frames: LinkFrame[] = [];
  #bytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  /** Bytes that the kernel has not taken yet, about. */
  get queuedBytes(): number {
    return this.#bytes + this.#socket.queuedBytes;
  }

  /** Whoever adds the first sees to it that `flush` is called at the end of the turn. */
  add(frame: LinkFrame): void {
    this.#frames.push(frame);
    this.#bytes += recordBytes + ("payload" in frame ? frame.payload.length : "events" in frame ? frame.events.length : "draft" in frame ? frame.draft.length : 0);
    if (this.#frames.length >= framesPerMessage || this.#bytes >= bytesPerMessage) this.flush();
  }

  flush(): void {
    if (this.#frames.length === 0) return;
    this.#socket.send(encodeLink(...this.#frames));
    this.#frames = [];
    this.#bytes = 0;
  }
}

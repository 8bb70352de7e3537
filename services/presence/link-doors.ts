/** The links that gateways opened, by number; frames of one turn of the event loop travel as one message. */
import { decodeLink, type LinkFrame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/problems.ts";
import { LinkOutbox } from "../runtime/link-outbox.ts";
import type { Socket, SocketEvents } from "../runtime/socket.ts";

interface Door {
  readonly socket: Socket;
  readonly outbox: LinkOutbox;
}

export interface DoorEvents {
  opened(link: number): void;
  frames(link: number, frames: readonly LinkFrame[]): void;
  closed(link: number): void;
}

export class LinkDoors {
  readonly #events: DoorEvents;
  readonly #doors = new Map<number, Door>();
  #last = 0;

  constructor(events: DoorEvents) {
    this.#events = events;
  }

  open(socket: Socket): SocketEvents {
    const link = ++this.#last;
    this.#doors.set(link, { socket, outbox: new LinkOutbox(socket) });
    this.#events.opened(link);
    return {
      text: () => this.#fault(link, "a link takes binary messages only"),
      binary: (data) => {
        if (!this.#doors.has(link)) return;
        let frames: LinkFrame[];
        try {
          frames = decodeLink(data);
        } catch (error) {
          return this.#fault(link, error instanceof ProtocolError ? error.message : String(error));
        }
        this.#events.frames(link, frames);
      },
      closed: () => this.#end(link),
    };
  }

  send(link: number, frame: LinkFrame): void {
    const door = this.#doors.get(link);
    if (door === undefined) return;
    if (door.outbox.isEmpty) setImmediate(() => this.#flush(link, door));
    door.outbox.add(frame);
  }

  /** The state closed it and knows. */
  close(link: number, detail: string): void {
    const door = this.#doors.get(link);
    if (door === undefined) return;
    this.#flush(link, door);
    this.#doors.delete(link);
    door.socket.close(1002, detail.slice(0, 100));
  }

  closeAll(): void {
    for (const [link, door] of [...this.#doors]) {
      this.#flush(link, door);
      this.#doors.delete(link);
      door.socket.destroy();
    }
  }

  #flush(link: number, door: Door): void {
    if (!this.#doors.has(link)) return;
    door.outbox.flush();
    // A gateway that does not read is cut off; it opens a new link and announces all again.
    if (door.outbox.queuedBytes > limits.linkQueueBytes) door.socket.destroy();
  }

  #fault(link: number, detail: string): void {
    this.#doors.get(link)?.socket.close(1002, detail.slice(0, 100));
    this.#end(link);
  }

  #end(link: number): void {
    if (this.#doors.delete(link)) this.#events.closed(link);
  }
}

/** Client sockets by session, and the writing of one event to many of them. */
import { limits } from "../protocol/limits.ts";
import { textFrame, type Socket } from "../runtime/socket.ts";
import type { Outgoing, SessionId } from "./events.ts";

/** Beyond this share of its queue's bound a socket gets no transient events any more. */
const transientShare = 0.5;

export class FanOut {
  readonly #sockets = new Map<SessionId, Socket>();
  /** bytes of replays that are not written out yet; they come at the client's own pace and do not make it a slow one */
  readonly #replaying = new Map<SessionId, number>();
  readonly #overflow: (session: SessionId) => void;

  /** @param overflow called when more comes for a socket that has more queued than limits.socketQueueBytes */
  constructor(overflow: (session: SessionId) => void) {
    this.#overflow = overflow;
  }

  get size(): number {
    return this.#sockets.size;
  }

  add(session: SessionId, socket: Socket): void {
    this.#sockets.set(session, socket);
  }

  get(session: SessionId): Socket | undefined {
    return this.#sockets.get(session);
  }

  remove(session: SessionId): void {
    this.#sockets.delete(session);
    this.#replaying.delete(session);
  }

  all(): IterableIterator<Socket> {
    return this.#sockets.values();
  }

  send(session: SessionId, text: string): void {
    const socket = this.#sockets.get(session);
    if (socket !== undefined) this.#check(session, socket.send(text));
  }

  /** Each frame is built once, and all of them are one write per socket. The sender of an event does not get it. */
  deliver(to: readonly SessionId[], events: readonly Outgoing[], transient: boolean): void {
    const frames = events.map(({ payload }) => textFrame(payload));
    const whole = join(frames);
    const senders = new Set(events.map(({ origin }) => origin).filter((origin) => this.#sockets.has(origin)));
    for (const session of to) {
      const socket = this.#sockets.get(session);
      if (socket === undefined || (transient && socket.queuedBytes > limits.socketQueueBytes * transientShare)) continue;
      const bytes = senders.has(session) ? join(frames.filter((_, i) => events[i]!.origin !== session)) : whole;
      // What one turn brings may be more than the bound: slow is who has so much left from before.
      if (bytes.length > 0) this.#check(session, socket.writeFrame(bytes) - bytes.length);
    }
  }

  /** @param written called when the process has handed all of it to the kernel */
  replay(session: SessionId, payloads: readonly Uint8Array[], written: () => void): void {
    const bytes = join(payloads.map(textFrame));
    this.#replaying.set(session, (this.#replaying.get(session) ?? 0) + bytes.length);
    this.#sockets.get(session)?.writeFrame(bytes, () => {
      const left = (this.#replaying.get(session) ?? 0) - bytes.length;
      if (left > 0) this.#replaying.set(session, left);
      else this.#replaying.delete(session);
      written();
    });
  }

  #check(session: SessionId, queued: number): void {
    if (queued <= limits.socketQueueBytes) return;
    if (queued > limits.socketQueueBytes + (this.#replaying.get(session) ?? 0)) this.#overflow(session);
  }
}

function join(frames: readonly Buffer[]): Buffer {
  return frames.length === 1 ? frames[0]! : Buffer.concat(frames);
}

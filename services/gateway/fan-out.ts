/** Client sockets by session, and the writing of one event to many of them. */
import { limits } from "../protocol/limits.ts";
import { textFrame, type Socket } from "../runtime/socket.ts";
import type { Outgoing, SessionId } from "./events.ts";

/** Beyond this share of its queue's bound a socket gets no transient events any more. */
const transientShare = 0.5;

export class FanOut {
  readonly #sockets = new Map<SessionId, Socket>();
  readonly #overflow: (session: SessionId) => void;

  /** @param overflow called when a socket has more queued than limits.socketQueueBytes */
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
  }

  all(): IterableIterator<Socket> {
    return this.#sockets.values();
  }

  send(session: SessionId, text: string): void {
    const socket = this.#sockets.get(session);
    if (socket !== undefined && socket.send(text) > limits.socketQueueBytes) this.#overflow(session);
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
      if (bytes.length > 0 && socket.writeFrame(bytes) > limits.socketQueueBytes) this.#overflow(session);
    }
  }

  /** @param written called when the process has handed all of it to the kernel */
  replay(session: SessionId, payloads: readonly Uint8Array[], written: () => void): void {
    this.#sockets.get(session)?.writeFrame(join(payloads.map(textFrame)), written);
  }
}

function join(frames: readonly Buffer[]): Buffer {
  return frames.length === 1 ? frames[0]! : Buffer.concat(frames);
}

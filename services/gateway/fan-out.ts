/** Client sockets by session, and the writing of one event to many of them. */
import { NO_ORIGIN } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { deflatedFrame, textFrame, type Socket } from "../runtime/socket.ts";
import type { Times } from "../runtime/times.ts";
import type { Outgoing, SessionId } from "./events.ts";
import { Gatherer, newOutlet, type Clock, type Outlet } from "./gatherer.ts";

/** Beyond this share of its queue's bound a socket gets no transient events any more. */
const transientShare = 0.5;

interface Client extends Outlet {
  readonly session: SessionId;
  isGone: boolean;
  /** bytes of replays that are not written out yet; they come at the client's own pace and do not make it a slow one */
  replaying: number;
}

export interface FanOutOptions {
  /** see Gatherer */
  readonly gatherMs: number;
  /** events of so many bytes are compressed, once for all sockets that take that; 0 = none */
  readonly deflateBytes: number;
}

export class FanOut {
  readonly #deflateBytes: number;
  readonly #clients = new Map<SessionId, Client>();
  readonly #gatherer: Gatherer<Client>;
  /** Lists of sessions as the state lends them, which never change: looked up once, not for each event. */
  readonly #resolved = new WeakMap<readonly SessionId[], readonly Client[]>();

  /** @param overflow called when more comes for a socket that has more queued than limits.socketQueueBytes */
  constructor({ gatherMs, deflateBytes }: FanOutOptions, overflow: (session: SessionId) => void, clock?: Clock) {
    this.#deflateBytes = deflateBytes === 0 ? Infinity : deflateBytes;
    this.#gatherer = new Gatherer<Client>(
      gatherMs,
      ({ session, replaying }, left) => {
        if (left > limits.socketQueueBytes + replaying) overflow(session);
      },
      clock,
    );
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Writes to sockets so far, the frames in them, and how many of the writes had waited. */
  get counters(): { readonly writes: number; readonly frames: number; readonly gathered: number } {
    return this.#gatherer.counters;
  }

  /** How long the first event of each write that had waited did. */
  get gathering(): Times {
    return this.#gatherer.times;
  }

  add(session: SessionId, socket: Socket): void {
    this.#clients.set(session, { ...newOutlet(socket), session, isGone: false, replaying: 0 });
  }

  get(session: SessionId): Socket | undefined {
    return this.#clients.get(session)?.socket;
  }

  /** Bytes for a session that the kernel has not taken yet. */
  queuedBytes(session: SessionId): number {
    const client = this.#clients.get(session);
    return client === undefined ? 0 : client.bytes + client.socket.queuedBytes;
  }

  /** The same for all sessions together. */
  get queuedBytesOfAll(): number {
    let sum = 0;
    for (const { bytes, socket } of this.#clients.values()) sum += bytes + socket.queuedBytes;
    return sum;
  }

  remove(session: SessionId): void {
    const client = this.#clients.get(session);
    if (client === undefined) return;
    client.isGone = true;
    this.#clients.delete(session);
  }

  *all(): IterableIterator<Socket> {
    for (const { socket } of this.#clients.values()) yield socket;
  }

  /** To one client, at the end of this turn: somebody waits for an answer. */
  send(session: SessionId, text: string): void {
    const client = this.#clients.get(session);
    if (client !== undefined) this.#gatherer.add(client, textFrame(Buffer.from(text)), false);
  }

  /** Each frame is built once, and all of them are one write per socket. The sender of an event does not get it. */
  deliver(to: readonly SessionId[], events: readonly Outgoing[], transient: boolean): void {
    const plain = new Frames(events, textFrame);
    let deflated: Frames | undefined;
    const hasSender = events.some(({ origin }) => origin !== NO_ORIGIN && this.#clients.has(origin));
    for (const client of this.#clientsOf(to)) {
      if (client.isGone || (transient && client.socket.queuedBytes > limits.socketQueueBytes * transientShare)) continue;
      const frames = client.socket.deflates ? (deflated ??= new Frames(events, this.#deflated)) : plain;
      const bytes = hasSender ? frames.without(client.session) : frames.whole;
      if (bytes.length > 0) this.#gatherer.add(client, bytes, true);
    }
  }

  #clientsOf(to: readonly SessionId[]): readonly Client[] {
    let clients = this.#resolved.get(to);
    if (clients === undefined) this.#resolved.set(to, (clients = to.flatMap((session) => this.#clients.get(session) ?? [])));
    return clients;
  }

  /** @param written called when the process has handed all of it to the kernel */
  replay(session: SessionId, payloads: readonly Uint8Array[], written: () => void): void {
    const client = this.#clients.get(session);
    if (client === undefined) return;
    this.#gatherer.flush(client);
    const bytes = join(payloads.map(client.socket.deflates ? this.#deflated : textFrame));
    client.replaying += bytes.length;
    client.socket.writeFrame(bytes, () => {
      client.replaying -= bytes.length;
      written();
    });
  }

  readonly #deflated = (payload: Uint8Array): Buffer => (payload.length < this.#deflateBytes ? textFrame(payload) : deflatedFrame(payload));

  /** Writes what is ready, and closes. */
  close(session: SessionId, code: number, reason: string): void {
    const client = this.#clients.get(session);
    if (client === undefined) return;
    this.#gatherer.flush(client);
    client.socket.close(code, reason);
  }
}

/** The frames of one delivery, made when the first socket needs them. */
class Frames {
  readonly #events: readonly Outgoing[];
  readonly #make: (payload: Uint8Array) => Buffer;
  #list: readonly Buffer[] | undefined;
  #whole: Buffer | undefined;

  constructor(events: readonly Outgoing[], make: (payload: Uint8Array) => Buffer) {
    this.#events = events;
    this.#make = make;
  }

  get whole(): Buffer {
    return (this.#whole ??= join(this.#all));
  }

  without(origin: SessionId): Buffer {
    if (!this.#events.some((event) => event.origin === origin)) return this.whole;
    return join(this.#all.filter((_, i) => this.#events[i]!.origin !== origin));
  }

  get #all(): readonly Buffer[] {
    return (this.#list ??= this.#events.map(({ payload }) => this.#make(payload)));
  }
}

function join(frames: readonly Buffer[]): Buffer {
  return frames.length === 1 ? frames[0]! : Buffer.concat(frames);
}

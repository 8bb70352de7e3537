/**
 * Sessions that want the past of a channel: batches are read from its owner and written to the one session until it is
 * where the gateway's own subscription is; only then does it join the live subscribers. No queue, no gap, no duplicate.
 * The next batch is read when the one before has left the process, so that a slow client is not flooded.
 */
import { decodeLink, eventKinds, type Link as Frame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { Core } from "./core.ts";
import type { SessionId } from "./events.ts";
import type { Links } from "./links.ts";
import { UNKNOWN, type Subscription } from "./subscriptions.ts";

/** Pause after a read that the owner could not answer. */
const readAgainMs = 250;

export interface CatchUp {
  readonly session: SessionId;
  /** offset of the last event the client has */
  cursor: number;
  /** number of the read that is under way, 0 = none */
  read: number;
  /** a batch is being written */
  writing: boolean;
  /** the owner confirmed that the client's offset, beyond our own, exists */
  confirmed: boolean;
}

export interface CatchUpHooks {
  /** the session has all up to `sub.last`; it is live from here */
  caughtUp(sub: Subscription, session: SessionId): void;
  /** the server does not answer reads of this channel */
  misdirected(sub: Subscription): void;
  /** events between `after` and `sub.last` are not replayed */
  gap(sub: Subscription, session: SessionId, after: number): void;
}

export class CatchUps {
  readonly #core: Core;
  readonly #links: Links;
  readonly #hooks: CatchUpHooks;
  readonly #reads = new Map<number, readonly [Subscription, CatchUp]>();

  constructor(core: Core, links: Links, hooks: CatchUpHooks) {
    this.#core = core;
    this.#links = links;
    this.#hooks = hooks;
  }

  /** @param after offset of the last event the client has */
  start(sub: Subscription, session: SessionId, after: number): void {
    const catchUp: CatchUp = { session, cursor: after, read: 0, writing: false, confirmed: false };
    sub.catching.set(session, catchUp);
    this.#go(sub, catchUp);
  }

  cancel(sub: Subscription, session: SessionId): void {
    const catchUp = sub.catching.get(session);
    if (catchUp === undefined) return;
    this.#reads.delete(catchUp.read);
    sub.catching.delete(session);
  }

  /** The subscription is (again) subscribed, or took an event. */
  advance(sub: Subscription): void {
    for (const catchUp of [...sub.catching.values()]) this.#go(sub, catchUp);
  }

  /** Answers to reads that are under way may never come. */
  lost(sub: Subscription): void {
    for (const catchUp of sub.catching.values()) {
      this.#reads.delete(catchUp.read);
      catchUp.read = 0;
    }
  }

  replayed(sub: Subscription, session: SessionId): void {
    const catchUp = sub.catching.get(session);
    if (catchUp === undefined) return;
    catchUp.writing = false;
    this.#go(sub, catchUp);
  }

  onBatch(frame: Frame<"batch">): void {
    const found = this.#reads.get(frame.req);
    if (found === undefined) return;
    this.#reads.delete(frame.req);
    const [sub, catchUp] = found;
    catchUp.read = 0;
    if (catchUp.cursor > sub.last) {
      if (frame.head < catchUp.cursor) return this.#skip(sub, catchUp);
      catchUp.confirmed = true;
      return this.#go(sub, catchUp);
    }
    this.#write(sub, catchUp, frame.events);
  }

  onRefused(frame: Frame<"refused">): void {
    const found = this.#reads.get(frame.req);
    if (found === undefined) return;
    this.#reads.delete(frame.req);
    const [sub, catchUp] = found;
    catchUp.read = 0;
    if (frame.reason === "misdirected" || frame.reason === "unavailable") this.#hooks.misdirected(sub);
    else
      this.#core.after(readAgainMs, () => {
        if (sub.catching.get(catchUp.session) === catchUp) this.#go(sub, catchUp);
      });
  }

  #write(sub: Subscription, catchUp: CatchUp, events: Uint8Array): void {
    const payloads: Uint8Array[] = [];
    const before = catchUp.cursor;
    for (const event of decodeLink(events)) {
      // What lies beyond our own last offset comes live.
      if (event.type !== "event" || event.offset <= catchUp.cursor || event.offset > sub.last) continue;
      catchUp.cursor = event.offset;
      if (event.kind === eventKinds.client && event.origin !== catchUp.session) payloads.push(event.payload);
    }
    if (catchUp.cursor === before) return this.#skip(sub, catchUp); // the owner has nothing there, though it should
    if (payloads.length > 0) {
      catchUp.writing = true;
      this.#core.emit({ type: "replay", session: catchUp.session, channel: sub.channel, payloads });
    } else this.#go(sub, catchUp);
  }

  #go(sub: Subscription, catchUp: CatchUp): void {
    if (catchUp.read !== 0 || catchUp.writing || sub.last === UNKNOWN) return;
    if (catchUp.cursor === sub.last) {
      sub.catching.delete(catchUp.session);
      return this.#hooks.caughtUp(sub, catchUp.session);
    }
    if (sub.last - catchUp.cursor > limits.resumeEvents) return this.#skip(sub, catchUp);
    // A client may have seen more elsewhere than we have here: it waits for us, once the owner confirms that this exists.
    if (catchUp.cursor > sub.last && catchUp.confirmed) return;
    if (sub.state !== "subscribed") return;
    catchUp.read = this.#core.nextReq();
    this.#reads.set(catchUp.read, [sub, catchUp]);
    this.#links.send(sub.conn, { type: "read", req: catchUp.read, chan: sub.chan, after: catchUp.cursor, limit: limits.batchEvents });
  }

  #skip(sub: Subscription, catchUp: CatchUp): void {
    const after = catchUp.cursor;
    sub.catching.delete(catchUp.session);
    this.#core.counters.gaps++;
    this.#hooks.gap(sub, catchUp.session, after);
    this.#hooks.caughtUp(sub, catchUp.session);
  }
}

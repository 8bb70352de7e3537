/**
 * Sessions that want the past of a channel: batches are read from its owner and written to the one session until it is
 * where the gateway's own subscription is; only then does it join the live subscribers. No queue, no gap, no duplicate.
 * The next batch is read when the one before has left the process, so that a slow client is not flooded. What lies outside
 * the client's window is not read: the client is told of a gap.
 */
import { decodeLink, eventKinds, type Link as Frame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { Timer } from "../runtime/timers.ts";
import type { Gap } from "./client-frames.ts";
import { doubtMs, type Core } from "./core.ts";
import type { SessionId } from "./events.ts";
import type { Links } from "./links.ts";
import { UNKNOWN, type Subscription } from "./subscriptions.ts";
import { Turns } from "./turns.ts";

/** Pause after a read that the owner could not answer. */
const readAgainMs = 250;

/** Channels of one session that are read at a time: a client that resumes hundreds does not get all of it at once. */
const readsPerSession = 2;

export interface CatchUp {
  readonly sub: Subscription;
  readonly session: SessionId;
  /** offset of the last event the client has */
  cursor: number;
  /** number of the read that is under way, 0 = none */
  read: number;
  /** a batch is being written */
  writing: boolean;
  /** the owner could not answer: asked again when this is due, whatever comes meanwhile */
  rest: Timer | undefined;
  /** the owner has said what of it lies in the client's window; what it reads later grew old while it waited */
  bounded: boolean;
  /** the owner confirmed that the client's offset, beyond our own, exists */
  confirmed: boolean;
  /** since when owners answer with a head below the client's offset */
  doubtedAt: number | undefined;
}

export interface CatchUpHooks {
  /** the session has all up to `sub.last`; it is live from here */
  caughtUp(sub: Subscription, session: SessionId): void;
  /** the server does not answer reads of this channel */
  misdirected(sub: Subscription): void;
  gap(session: SessionId, gap: Gap): void;
}

export class CatchUps {
  readonly #core: Core;
  readonly #links: Links;
  readonly #hooks: CatchUpHooks;
  readonly #reads = new Map<number, CatchUp>();
  readonly #turns = new Turns<CatchUp>(readsPerSession);
  /** sessions with room for the next of those that wait */
  readonly #yielded = new Set<SessionId>();
  #serving = false;

  constructor(core: Core, links: Links, hooks: CatchUpHooks) {
    this.#core = core;
    this.#links = links;
    this.#hooks = hooks;
  }

  /** @param after offset of the last event the client has */
  start(sub: Subscription, session: SessionId, after: number): void {
    const catchUp: CatchUp = { sub, session, cursor: after, read: 0, writing: false, rest: undefined, bounded: false, confirmed: false, doubtedAt: undefined };
    sub.catching.set(session, catchUp);
    this.#go(catchUp);
  }

  cancel(sub: Subscription, session: SessionId): void {
    const catchUp = sub.catching.get(session);
    if (catchUp === undefined) return;
    this.#reads.delete(catchUp.read);
    this.#core.cancel(catchUp.rest);
    sub.catching.delete(session);
    this.#yield(catchUp);
  }

  /** The session is over; what it catches up on is to be cancelled next. */
  gone(session: SessionId): void {
    this.#turns.forget(session);
  }

  /** The subscription is (again) subscribed, or took an event. */
  advance(sub: Subscription): void {
    for (const catchUp of [...sub.catching.values()]) this.#go(catchUp);
  }

  /** Answers to reads that are under way may never come. */
  lost(sub: Subscription): void {
    for (const catchUp of sub.catching.values()) {
      this.#core.cancel(catchUp.rest); // who is asked next knows nothing of it
      catchUp.rest = undefined;
      if (catchUp.read === 0) continue;
      this.#reads.delete(catchUp.read);
      catchUp.read = 0;
      this.#yield(catchUp);
    }
  }

  replayed(sub: Subscription, session: SessionId): void {
    const catchUp = sub.catching.get(session);
    if (catchUp === undefined) return;
    catchUp.writing = false;
    this.#go(catchUp);
  }

  onBatch(frame: Frame<"batch">): void {
    const catchUp = this.#answered(frame.req);
    if (catchUp === undefined) return;
    if (frame.head > catchUp.cursor && catchUp.sub.last > catchUp.cursor) return this.#write(catchUp, frame.events);
    if (frame.head < catchUp.cursor) {
      catchUp.doubtedAt ??= this.#core.now;
      return this.#core.now - catchUp.doubtedAt < doubtMs ? this.#later(catchUp) : this.#skip(catchUp);
    }
    // When it was asked there was nothing yet beyond what the client has; our own subscription may have gone on since.
    catchUp.confirmed = true;
    this.#go(catchUp);
  }

  onWindow(frame: Frame<"window">): void {
    const catchUp = this.#answered(frame.req);
    if (catchUp === undefined) return;
    const { sub, session, cursor } = catchUp;
    catchUp.bounded = true;
    // Beyond our own last offset what it skips exists all the same: we shall see it.
    catchUp.confirmed = true;
    if (frame.from > cursor) {
      catchUp.cursor = frame.from;
      this.#gap(session, { channel: sub.channel, after: cursor, head: frame.from, oldest: frame.afterTs, latest: frame.fromTs });
    }
    this.#go(catchUp);
  }

  onRefused(frame: Frame<"refused">): void {
    const catchUp = this.#answered(frame.req);
    if (catchUp === undefined) return;
    if (frame.reason !== "misdirected" && frame.reason !== "unavailable") return this.#later(catchUp, frame.retryAfterMs);
    this.#yield(catchUp);
    this.#hooks.misdirected(catchUp.sub);
  }

  #later(catchUp: CatchUp, afterMs = 0): void {
    this.#yield(catchUp);
    catchUp.rest = this.#core.after(Math.max(readAgainMs, afterMs), () => {
      catchUp.rest = undefined;
      this.#go(catchUp);
    });
  }

  #answered(read: number): CatchUp | undefined {
    const catchUp = this.#reads.get(read);
    if (catchUp === undefined) return undefined;
    this.#reads.delete(read);
    catchUp.read = 0;
    return catchUp;
  }

  #write(catchUp: CatchUp, events: Uint8Array): void {
    const { sub, session } = catchUp;
    const payloads: Uint8Array[] = [];
    const before = catchUp.cursor;
    for (const event of decodeLink(events)) {
      // What lies beyond our own last offset comes live.
      if (event.type !== "event" || event.offset <= catchUp.cursor || event.offset > sub.last) continue;
      catchUp.cursor = event.offset;
      if (event.kind === eventKinds.client && event.origin !== session) payloads.push(event.payload);
    }
    catchUp.bounded = true;
    if (catchUp.cursor === before) return this.#skip(catchUp); // its head says that there is more: the owner lost it
    if (payloads.length === 0) return this.#go(catchUp);
    catchUp.writing = true;
    this.#core.emit({ type: "replay", session, channel: sub.channel, payloads });
  }

  #go(catchUp: CatchUp): void {
    const { sub, session } = catchUp;
    if (catchUp.read !== 0 || catchUp.writing || sub.last === UNKNOWN) return;
    if (catchUp.rest !== undefined) return this.#yield(catchUp);
    if (catchUp.cursor === sub.last) {
      sub.catching.delete(session);
      this.#hooks.caughtUp(sub, session);
      return this.#yield(catchUp);
    }
    // A client may have seen more elsewhere than we have here: it waits for us, once the owner confirms that this exists.
    const waits = catchUp.cursor > sub.last && catchUp.confirmed;
    if (waits || sub.state !== "subscribed") return this.#yield(catchUp);
    if (!this.#turns.begin(catchUp)) return;
    catchUp.read = this.#core.nextReq();
    this.#reads.set(catchUp.read, catchUp);
    const { resumeMs, resumeEvents } = this.#core.options;
    const [maxAgeMs, maxEvents] = catchUp.bounded ? [0, 0] : [resumeMs, resumeEvents];
    this.#links.send(sub.conn, { type: "read", req: catchUp.read, chan: sub.chan, after: catchUp.cursor, limit: limits.batchEvents, maxAgeMs, maxEvents });
  }

  #gap(session: SessionId, gap: Gap): void {
    this.#core.counters.gaps++;
    this.#hooks.gap(session, gap);
  }

  /** What the client lacks is lost. */
  #skip(catchUp: CatchUp): void {
    const { sub, session, cursor } = catchUp;
    sub.catching.delete(session);
    this.#gap(session, { channel: sub.channel, after: cursor, head: sub.last });
    this.#hooks.caughtUp(sub, session);
    this.#yield(catchUp);
  }

  /** Lets other channels of the session go on; one after the other, for one that goes on may yield at once, and there may be thousands. */
  #yield(catchUp: CatchUp): void {
    this.#turns.end(catchUp);
    this.#yielded.add(catchUp.session);
    if (this.#serving) return;
    this.#serving = true;
    for (const session of this.#yielded) {
      this.#yielded.delete(session);
      for (let next = this.#turns.next(session); next !== undefined; next = this.#turns.next(session)) this.#go(next);
    }
    this.#serving = false;
  }
}

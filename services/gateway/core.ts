import type { Effect, Ring } from "./events.ts";
import { Timers, type Timer } from "../runtime/timers.ts";
import { Times } from "../runtime/times.ts";

/** The knobs of a gateway (config.ts has their ranges and defaults). Times in milliseconds. */
export interface Options {
  readonly id: string;
  readonly maxSessions: number;
  /** a client is pinged this often and closed after three of these without a sign of life */
  readonly heartbeatMs: number;
  /** a session gets its hello after this long even when some owner does not answer */
  readonly helloWithinMs: number;
  /** what a client may resume of a channel: events that are at most so old, and at most so many */
  readonly resumeMs: number;
  readonly resumeEvents: number;
  /** a gateway that drains, or all that do together, sends at most so many clients to the others per second */
  readonly reconnectsPerSecond: number;
  /** a client that was told when to leave is closed when it has not left so long after */
  readonly leaveWithinMs: number;
  /** a gateway that stops takes leave of all its sessions within this time, at whatever rate that takes */
  readonly drainMs: number;
  /** a publish that nobody took for this long is refused */
  readonly publishWithinMs: number;
  /** token buckets of each user at this gateway: how many a second, and how many seconds of that at once; 0 or absent = no limit */
  readonly userMessagesPerSecond?: number;
  readonly userTypingPerSecond?: number;
  readonly userPresencePerSecond?: number;
  readonly burstSeconds?: number;
  readonly linkPingMs: number;
  /** a link that was silent for this long is broken */
  readonly linkSilenceMs: number;
}

export interface Counters {
  accepted: number;
  refused: number;
  published: number;
  acked: number;
  publishesRefused: number;
  events: number;
  duplicates: number;
  holes: number;
  gaps: number;
  moved: number;
  slowConsumers: number;
  shed: number;
  silent: number;
  badFrames: number;
  /** messages and queries that were too many */
  rateLimited: number;
  typingDropped: number;
}

/** What all parts of the gateway's state share: the time of this step, the ring, the timers and the effects so far. */
export class Core {
  readonly options: Options;
  readonly counters: Counters = {
    accepted: 0,
    refused: 0,
    published: 0,
    acked: 0,
    publishesRefused: 0,
    events: 0,
    duplicates: 0,
    holes: 0,
    gaps: 0,
    moved: 0,
    slowConsumers: 0,
    shed: 0,
    silent: 0,
    badFrames: 0,
    rateLimited: 0,
    typingDropped: 0,
  };
  /** from a message until its ack; from a message's `ts` until it went to its readers; and each event's hops, see Journeys */
  readonly times = { ack: new Times(), delivery: new Times(), toOwner: new Times(), atOwner: new Times(), toGateway: new Times() };
  readonly #timers = new Timers();
  ring: Ring | undefined;
  now = 0;
  /** ms since the epoch, by this machine's clock: for what others are told, not for what waits */
  wallMs = 0;
  /** rises with every step */
  stepNumber = 0;
  #effects: Effect[] = [];
  #lastReq = 0;

  constructor(options: Options) {
    this.options = options;
  }

  begin(now: number, wallMs: number): void {
    this.wallMs = wallMs;
    this.now = Math.max(this.now, now);
    this.stepNumber++;
    this.#timers.runDue(this.now);
  }

  /** The effects since the last call. */
  take(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** A number for a publish or a read; `refused` names either. */
  nextReq(): number {
    return (this.#lastReq = nextU32(this.#lastReq));
  }

  after(ms: number, run: () => void): Timer {
    return this.#timers.set(this.now + ms, run);
  }

  cancel(timer: Timer | undefined): void {
    this.#timers.cancel(timer);
  }

  nextAt(): number | undefined {
    return this.#timers.nextAt();
  }
}

/**
 * A server whose head lies below what was seen before is more likely an owner that does not know yet that it was replaced
 * than a store that forgot. For so long it is asked again.
 */
export const doubtMs = 5_000;

/** The next of the numbers that name something on a link, 1..2^32-1 and round again: a gateway that runs for weeks gives out more than there are. */
export function nextU32(last: number): number {
  return last >= 0xffff_ffff ? 1 : last + 1;
}

/** The pause before a retry: doubles from `leastMs` to `mostMs`. @param failures how many there were before, 0.. */
export function backOffMs(failures: number, leastMs: number, mostMs: number): number {
  return Math.min(leastMs * 2 ** Math.min(failures, 16), mostMs);
}

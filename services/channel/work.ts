import type { Reason } from "../protocol/problems.ts";
import type { Found } from "./events.ts";
import { Flights, type Job } from "./flights.ts";
import type { Subscription } from "./subscription.ts";

/** Somebody who waits for the channel to be loaded, or confirmed. */
export interface Waiting {
  readonly go: () => void;
  readonly abandon: (reason: Reason) => void;
}

/** Stays empty: that of all channels that are only loaded. */
const noFlights = new Flights();

/**
 * What a channel holds while something is under way in it. There are millions of channels and nearly all are silent at any
 * time: at rest a channel has none of this.
 */
export class Work {
  /** where the log ended was known before this work began */
  known: boolean;
  /** number of the load that is awaited */
  load = 0;
  /** the store could not say where the log ends, though it could once: what needs the store is refused at once */
  stalled = false;
  /** offset and ts of the last entry that has one, durable or not */
  assigned: { readonly offset: number; readonly ts: string };
  /** the latest time that was given out, also to entries that failed */
  micros: number;
  readonly waiting: Job[] = [];
  lookup: { readonly id: number; readonly jobs: readonly Job[] } | undefined;
  #flights = noFlights;
  /** publications that are not answered yet */
  pending = 0;
  /** those whose replay the store did not give */
  unread: readonly Subscription[] = [];
  readonly onLoaded: Waiting[] = [];
  readonly doubting: (Waiting & { readonly check: number })[] = [];

  /** @param known the channel was loaded before, and `head` is where it ends */
  constructor(known: boolean, head: { readonly offset: number; readonly ts: string }, micros: number) {
    this.known = known;
    this.assigned = head;
    this.micros = micros;
  }

  get flights(): Flights {
    return this.#flights;
  }

  /** Look-ups come before flights. */
  lookUp(id: number, jobs: readonly Job[]): void {
    this.lookup = { id, jobs };
    if (this.#flights === noFlights) this.#flights = new Flights();
  }

  /** A message's JSON after all that is under way; undefined where there is none. */
  message(ts: string, found: Found): Uint8Array | undefined {
    const changed = this.flights.message(ts);
    return changed === undefined ? found.messages.get(ts) : (changed.json ?? undefined);
  }

  /** Nothing is left of it. */
  get isDone(): boolean {
    return this.pending === 0 && this.flights.empty && this.unread.length === 0 && this.onLoaded.length === 0 && this.doubting.length === 0;
  }
}

/**
 * What was published and who got it. Every delivery is checked: each subscriber of a channel gets each of its messages once,
 * in order. That costs a handful of array reads, since the load must cost less than the server.
 */
import { channelsOf, type Shape } from "../shape.ts";
import type { Latencies } from "./latencies.ts";

/** Publications on their way at most. */
const CAPACITY = 1 << 16;

/** What one subscriber has seen: the last message of each of its channels. */
export interface Seen {
  readonly firstChannel: number;
  readonly last: Int32Array;
}

export class Ledger {
  readonly #shape: Shape;
  readonly #latencies: Latencies;
  readonly #completed: (id: number) => void;
  /** by ID modulo CAPACITY */
  readonly #channel = new Int32Array(CAPACITY);
  readonly #previous = new Int32Array(CAPACITY);
  readonly #left = new Int32Array(CAPACITY);
  readonly #at = new Float64Array(CAPACITY);
  readonly #lastOf: Int32Array;
  #newest = 0;
  #open = 0;
  #deliveries = 0;
  #fault: string | undefined;

  /** @param completed called when a publication reached all its subscribers */
  constructor(shape: Shape, latencies: Latencies, completed: (id: number) => void) {
    this.#shape = shape;
    this.#latencies = latencies;
    this.#completed = completed;
    this.#lastOf = new Int32Array(channelsOf(shape));
  }

  /** Deliveries so far. */
  get deliveries(): number {
    return this.#deliveries;
  }

  /** Publications so far. */
  get published(): number {
    return this.#newest;
  }

  /** Publications that have not reached everybody. */
  get open(): number {
    return this.#open;
  }

  /** The first thing that went wrong. */
  get fault(): string | undefined {
    return this.#fault;
  }

  fail(what: string): void {
    this.#fault ??= what;
  }

  subscriber(group: number): Seen {
    const { channelsPerGroup } = this.#shape;
    return { firstChannel: group * channelsPerGroup, last: new Int32Array(channelsPerGroup) };
  }

  /** Whether there is room for one more publication. */
  get hasRoom(): boolean {
    return this.#left[(this.#newest + 1) & (CAPACITY - 1)] === 0;
  }

  /** Notes a publication. @returns its ID, from 1 */
  publish(channel: number, now: number): number {
    const id = ++this.#newest;
    const slot = id & (CAPACITY - 1);
    this.#channel[slot] = channel;
    this.#previous[slot] = this.#lastOf[channel]!;
    this.#lastOf[channel] = id;
    this.#left[slot] = this.#shape.socketsPerGroup;
    this.#at[slot] = now;
    this.#open++;
    return id;
  }

  /** A subscriber got the message `id`. */
  deliver(seen: Seen, id: number, now: number): void {
    const slot = id & (CAPACITY - 1);
    const local = this.#channel[slot]! - seen.firstChannel;
    if (!(id > this.#newest - CAPACITY && id <= this.#newest) || local < 0 || local >= seen.last.length) return this.fail(`message ${id} came to somebody who is not in its channel`);
    if (seen.last[local] !== this.#previous[slot]) {
      return this.fail(`message ${id} came ${seen.last[local]! >= id ? "twice or late" : `after ${seen.last[local]}, where ${this.#previous[slot]} was missing`}`);
    }
    seen.last[local] = id;
    this.#deliveries++;
    this.#latencies.add(now - this.#at[slot]!);
    if (--this.#left[slot]! > 0) return;
    this.#open--;
    this.#completed(id);
  }
}

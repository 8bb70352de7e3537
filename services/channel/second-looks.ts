import type { Channel } from "./channel.ts";

/** How long after an append was given up its channel is looked at again, ms: each counts from the look before. */
const pausesMs = [1_000, 4_000, 16_000, 64_000] as const;

/**
 * Channels of which the store gave up an append: it may carry it out all the same, later, and tell nobody. Where somebody
 * publishes again that is found out by the way; where nobody does, the channel's subscribers would not be shown what is in its log.
 */
export class SecondLooks {
  /** one per pause, in the order in which they are due */
  readonly #queues = pausesMs.map(() => new Map<Channel, number>());

  /** when the next is due; undefined where none is */
  get at(): number | undefined {
    let next: number | undefined;
    for (const queue of this.#queues) for (const at of queue.values()) {
      if (next === undefined || at < next) next = at;
      break;
    }
    return next;
  }

  /** An append of the channel was given up. */
  add(channel: Channel, now: number): void {
    for (const queue of this.#queues) queue.delete(channel);
    this.#queues[0]!.set(channel, now + pausesMs[0]);
  }

  /** Those that are to be looked at now. */
  take(now: number): Channel[] {
    const due: Channel[] = [];
    for (const [i, queue] of this.#queues.entries()) {
      for (const [channel, at] of queue) {
        if (at > now) break;
        queue.delete(channel);
        due.push(channel);
        this.#queues[i + 1]?.set(channel, now + pausesMs[i + 1]!);
      }
    }
    return due;
  }
}

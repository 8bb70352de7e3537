import type { Channel } from "./channel.ts";

const backOff = { least: 50, most: 500 };

/**
 * Channels that wait for a store that is down. One of them asks it now and then; once it has had its answer, all do. So a
 * store that has trouble is not asked by thousands.
 */
export class Stalled {
  readonly #channels = new Set<Channel>();
  #at = -Infinity;
  #pauseMs: number = backOff.least;
  /** the last answer was a good one */
  #open = false;

  /** when somebody is to ask, on the clock of `add`; undefined where nobody waits */
  get at(): number | undefined {
    return this.#channels.size === 0 ? undefined : this.#at;
  }

  add(channel: Channel, now: number): void {
    this.#open = false;
    if (this.#channels.size === 0 && this.#at <= now) this.#rest(now);
    this.#channels.delete(channel); // another one is the next to ask
    this.#channels.add(channel);
  }

  /** Who asks now: one, or all. */
  take(now: number): Channel[] {
    if (this.#channels.size === 0 || now < this.#at) return [];
    const list = [...this.#channels].slice(0, this.#open ? undefined : 1);
    for (const channel of list) this.#channels.delete(channel);
    this.#rest(now);
    return list;
  }

  /** The store answers. */
  recovered(now: number): void {
    this.#open = true;
    this.#pauseMs = backOff.least;
    this.#at = Math.min(this.#at, now + backOff.least);
  }

  #rest(now: number): void {
    this.#at = now + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, backOff.most);
  }
}

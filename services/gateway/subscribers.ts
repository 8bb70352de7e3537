import type { SessionId } from "./events.ts";

/** Remembers where its session stands in a list; there are as many as memberships, too many for a map. */
export interface Placed {
  /** -1: nowhere */
  place: number;
}

/**
 * The sessions that get a channel's live events: a dense array, so that a fan-out is one loop. Adding and removing cost O(1);
 * an array that was handed out is copied before the next change, so that cost is never more than that of the fan-out before it.
 */
export class Subscribers {
  #list: SessionId[] = [];
  readonly #placed: Placed[] = [];
  #lent = false;

  get size(): number {
    return this.#list.length;
  }

  /** @returns false when it was there already */
  add(session: SessionId, placed: Placed): boolean {
    if (placed.place >= 0) return false;
    this.#own();
    placed.place = this.#list.length;
    this.#list.push(session);
    this.#placed.push(placed);
    return true;
  }

  /** @returns false when it was not there */
  remove(placed: Placed): boolean {
    const { place } = placed;
    if (place < 0) return false;
    this.#own();
    placed.place = -1;
    const last = this.#placed.pop()!;
    const session = this.#list.pop()!;
    if (last !== placed) {
      this.#list[place] = session;
      this.#placed[place] = last;
      last.place = place;
    }
    return true;
  }

  /** The list as it is now; this array never changes any more. */
  lend(): readonly SessionId[] {
    this.#lent = true;
    return this.#list;
  }

  #own(): void {
    if (!this.#lent) return;
    this.#list = this.#list.slice();
    this.#lent = false;
  }
}

import type { SessionId } from "./events.ts";

/**
 * The sessions that get a channel's live events: a dense array, so that a fan-out is one loop. Adding and removing cost O(1);
 * an array that was handed out is copied before the next change, so that cost is never more than that of the fan-out before it.
 */
export class Subscribers {
  #list: SessionId[] = [];
  readonly #place = new Map<SessionId, number>();
  #lent = false;

  get size(): number {
    return this.#list.length;
  }

  has(session: SessionId): boolean {
    return this.#place.has(session);
  }

  /** @returns false when it was there already */
  add(session: SessionId): boolean {
    if (this.#place.has(session)) return false;
    this.#own();
    this.#place.set(session, this.#list.length);
    this.#list.push(session);
    return true;
  }

  /** @returns false when it was not there */
  remove(session: SessionId): boolean {
    const place = this.#place.get(session);
    if (place === undefined) return false;
    this.#own();
    this.#place.delete(session);
    const last = this.#list.pop()!;
    if (last !== session) {
      this.#list[place] = last;
      this.#place.set(last, place);
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

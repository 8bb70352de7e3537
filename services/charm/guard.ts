/**
 * The churn guard of one pool: when more than half of it turns critical within a short time, the fault is likelier in
 * the network or the registry than in every server, and a ring that throws most of them out does more harm than one
 * that stays. Members that are held keep their place. Pure.
 */
export class ChurnGuard {
  readonly #windowMs: number;
  /** who turned critical, and when; within the window */
  readonly #turned = new Map<string, number>();
  readonly #held = new Set<string>();
  #changedAt = 0;
  /** size of the pool when the hold began */
  #aliveBefore = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  isHeld(id: string): boolean {
    return this.#held.has(id);
  }

  get held(): readonly string[] {
    return [...this.#held].sort();
  }

  /** A member turned critical. @param alive how many of the pool the published topology counts on, this one included */
  turned(id: string, alive: number, now: number): void {
    this.#prune(now);
    this.#turned.set(id, now);
    if (this.#held.size === 0) {
      if (this.#turned.size <= alive / 2) return;
      this.#aliveBefore = alive;
    }
    for (const each of this.#turned.keys()) this.#held.add(each);
    this.#changedAt = now;
  }

  /** A member passes again, or left of its own will. */
  recovered(id: string, now: number): void {
    this.#turned.delete(id);
    if (this.#held.delete(id)) this.#changedAt = now;
  }

  /** Lets go of a rest of at most half of the pool when nothing has changed for a whole window. */
  settle(now: number): void {
    if (now >= this.settlesAt()) this.release();
  }

  /** When `settle` may do something; Infinity while nothing, or too much, is held. */
  settlesAt(): number {
    return this.#held.size === 0 || this.#held.size > this.#aliveBefore / 2 ? Infinity : this.#changedAt + this.#windowMs;
  }

  /** The operator's word: those that are critical go. */
  release(): void {
    this.#held.clear();
    this.#turned.clear();
  }

  /** Whether it turned critical within the window. */
  isRecent(id: string, now: number): boolean {
    this.#prune(now);
    return this.#turned.has(id);
  }

  #prune(now: number): void {
    for (const [id, at] of this.#turned) if (now - at >= this.#windowMs) this.#turned.delete(id);
  }
}

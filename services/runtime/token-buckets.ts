/** Fractions of a token get lost in floating point: so much of a token's time is given away, ms. */
const slackMs = 1e-3;

/**
 * Token buckets, one per key: a bucket is given tokens at a steady rate up to its size, and each action takes one. Pure:
 * the time is the caller's, and must not go back.
 *
 * A bucket is one number, the time at which it will be full. There are two generations of them, which change when the
 * time that fills a bucket has passed: all in the older one is full by then, and is forgotten as a whole.
 */
export class TokenBuckets {
  readonly #everyMs: number;
  readonly #fillMs: number;
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  #turnAt = 0;

  /**
   * @param perSecond tokens that a bucket is given per second; 0: there is no limit
   * @param size tokens in a full bucket, at least 1
   */
  constructor(perSecond: number, size: number) {
    this.#everyMs = perSecond === 0 ? 0 : 1_000 / perSecond;
    this.#fillMs = this.#everyMs * size;
  }

  /** Numbers that are kept: of keys that took a token within twice the time that fills a bucket before the last take. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Takes tokens: 1, or so many as a full bucket has at most. @returns 0, or in how many ms there are so many */
  take(key: string, now: number, tokens = 1): number {
    if (this.#everyMs === 0) return 0;
    if (now >= this.#turnAt) this.#turn(now);
    const known = this.#young.get(key) ?? this.#old.get(key) ?? 0;
    const fullAt = Math.max(known, now) + this.#everyMs * tokens;
    const waitMs = fullAt - now - this.#fillMs;
    if (waitMs > slackMs) return Math.ceil(waitMs);
    this.#young.set(key, fullAt);
    return 0;
  }

  #turn(now: number): void {
    const late = now >= this.#turnAt + this.#fillMs;
    this.#old = late ? new Map() : this.#young;
    this.#young = new Map();
    this.#turnAt = (late ? now : this.#turnAt) + this.#fillMs;
  }
}

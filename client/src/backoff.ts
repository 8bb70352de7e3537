/** How long to wait before another try. What the server says counts; else the pause doubles, and chance spreads those who were cut off together. */
export class Backoff {
  readonly #leastMs: number;
  readonly #mostMs: number;
  readonly #chance: () => number;
  #failures = 0;

  /** @param chance 0..1, for tests */
  constructor({ leastMs = 100, mostMs = 10_000 } = {}, chance: () => number = Math.random) {
    this.#leastMs = leastMs;
    this.#mostMs = mostMs;
    this.#chance = chance;
  }

  /**
   * One more failure.
   * @param serverMs what the server assigned: nothing is added to it
   * @returns ms; the first try after a connection that worked comes within `leastMs`
   */
  next(serverMs?: number): number {
    const bound = Math.min(this.#mostMs, this.#leastMs * 2 ** Math.min(this.#failures++, 16));
    return serverMs ?? bound * this.#chance();
  }

  reset(): void {
    this.#failures = 0;
  }
}

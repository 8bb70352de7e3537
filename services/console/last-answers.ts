/** The last answer of each peer: one that is late once is shown as it was, and marked. Pure. */

export interface Kept<T> {
  readonly answer: T;
  /** it is of an earlier look: this time there was none */
  readonly stale: boolean;
}

export class LastAnswers<T> {
  readonly #forMs: number;
  #kept: ReadonlyMap<string, { readonly answer: T; readonly at: number }> = new Map();

  /** @param forMs how long an answer stands for those that do not come */
  constructor(forMs: number) {
    this.#forMs = forMs;
  }

  /** Every peer's answer of this look, or the last one that it gave; peers that are not asked any more are forgotten. */
  take(asked: readonly string[], answers: ReadonlyMap<string, T>, now: number): ReadonlyMap<string, Kept<T>> {
    const kept = asked.flatMap((key) => {
      const answer = answers.get(key);
      const one = answer === undefined ? this.#kept.get(key) : { answer, at: now };
      return one === undefined || now - one.at > this.#forMs ? [] : [[key, one] as const];
    });
    this.#kept = new Map(kept);
    return new Map(kept.map(([key, { answer }]) => [key, { answer, stale: !answers.has(key) }]));
  }
}

/** Actions run one after the other, in the order of their calls. Pure but for the promises. */
import { ProtocolError } from "../protocol/problems.ts";

export class Turns {
  readonly #most: number;
  #last: Promise<unknown> = Promise.resolve();
  #length = 0;

  /** @param most actions that wait or run; one more is refused */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * @returns what the action returns; an action that fails does not keep the next from its turn
   * @throws ProtocolError overloaded
   */
  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#length >= this.#most) throw new ProtocolError("overloaded", `${this.#most} changes wait already`);
    this.#length++;
    const turn = this.#last.then(action);
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#length--;
    }
  }
}

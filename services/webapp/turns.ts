import { limits } from "../protocol/limits.ts";
import { ApiError } from "./errors.ts";

/** Actions of one key run one after the other, in the order of their calls; those of different keys at once. */
export class Turns {
  readonly #lines = new Map<string, { last: Promise<unknown>; length: number }>();
  #size = 0;

  isBusy(key: string): boolean {
    return this.#lines.has(key);
  }

  /**
   * @returns what the action returns; an action that fails does not keep the next from its turn
   * @throws ApiError ratelimited
   */
  async run<T>(key: string, action: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { last: Promise.resolve(), length: 0 };
    if (line.length >= limits.membershipTurns || this.#size >= limits.membershipTurnsAll) throw new ApiError("ratelimited");
    this.#lines.set(key, line);
    line.length += 1;
    this.#size += 1;
    const turn = line.last.then(action);
    line.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#size -= 1;
      line.length -= 1;
      if (line.length === 0) this.#lines.delete(key);
    }
  }
}

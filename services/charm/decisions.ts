/** What charm decided, with its reasons, for an operator to read: the last `limits.charmDecisions` of it. Pure. */
import { limits } from "../protocol/limits.ts";
import type { Decision } from "../protocol/operator.ts";

export type Told = Pick<Decision, "kind" | "text" | "pool" | "servers">;

export class Decisions {
  readonly #list: Decision[] = [];
  #last: number;

  /** @param now numbers begin here: one decision each millisecond is more than a charm makes, so that the next one's are higher */
  constructor(now: number) {
    this.#last = Math.floor(now);
  }

  /** What is said again at once, as when a write fails for minutes, is kept once. */
  add(told: Told, epoch: number, now: number): void {
    const last = this.#list.at(-1);
    if (last?.text === told.text && last.epoch === epoch) return;
    this.#list.push({ n: ++this.#last, at: Math.floor(now), epoch, ...told });
    if (this.#list.length > limits.charmDecisions) this.#list.shift();
  }

  /** Those with a higher number, oldest first. */
  after(n: number): readonly Decision[] {
    return this.#list.filter((decision) => decision.n > n);
  }
}

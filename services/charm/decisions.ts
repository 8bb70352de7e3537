/** What charm decided, with its reasons, for an operator to read: the last `limits.charmDecisions` of it. Pure. */
import { limits } from "../protocol/limits.ts";
import type { Decision } from "../protocol/operator.ts";

export type Told = Pick<Decision, "kind" | "text" | "pool" | "servers">;

/** What is said again within so long of the last time is no news. */
const repeatMs = 60_000;

export class Decisions {
  readonly #list: Decision[] = [];
  /** kind and pool → what was said last, and when, repeats included */
  readonly #said = new Map<string, { readonly text: string; readonly epoch: number; readonly at: number }>();
  #last: number;

  /** @param now numbers begin here: one decision each millisecond is more than a charm makes, so that the next one's are higher */
  constructor(now: number) {
    this.#last = Math.floor(now);
  }

  /** What is said again and again, as while writes fail for minutes, is kept once, also where other kinds and pools speak between. */
  add(told: Told, epoch: number, now: number): void {
    const about = `${told.kind} ${told.pool ?? ""}`;
    const last = this.#said.get(about);
    const isRepeat = last !== undefined && last.text === told.text && last.epoch === epoch && now - last.at < repeatMs;
    this.#said.set(about, { text: told.text, epoch, at: now });
    if (isRepeat) return;
    this.#list.push({ n: ++this.#last, at: Math.floor(now), epoch, ...told });
    if (this.#list.length > limits.charmDecisions) this.#list.shift();
  }

  /** Those with a higher number, oldest first. */
  after(n: number): readonly Decision[] {
    return this.#list.filter((decision) => decision.n > n);
  }
}

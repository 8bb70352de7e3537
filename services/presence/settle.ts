/**
 * When a presence server may call a user away whom nobody announced. After a start or a change of the ring it knows
 * less than the gateways: it waits until each gateway of the ring said that it announced all, at most `settleMs`.
 */
import type { Timer, Timers } from "../runtime/timers.ts";

export class Settle {
  readonly #timers: Timers;
  readonly #settleMs: number;
  readonly #done: () => void;
  #expected: readonly string[] = [];
  readonly #announced = new Map<string, number>();
  #epoch = 0;
  #timer: Timer | undefined;
  #settled = false;

  /** @param done called each time it becomes settled */
  constructor(timers: Timers, settleMs: number, done: () => void) {
    this.#timers = timers;
    this.#settleMs = settleMs;
    this.#done = done;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** @param gateways IDs of those that may have users */
  topology(epoch: number, gateways: readonly string[], now: number): void {
    this.#epoch = epoch;
    this.#expected = gateways;
    this.#settled = false;
    this.#timers.cancel(this.#timer);
    this.#timer = this.#timers.set(now + this.#settleMs, () => this.#settle());
    this.#check();
  }

  announced(gateway: string, epoch: number): void {
    this.#announced.set(gateway, epoch);
    this.#check();
  }

  /** What it announced is void. */
  gone(gateway: string): void {
    this.#announced.delete(gateway);
  }

  #check(): void {
    if (this.#settled || this.#epoch === 0) return;
    if (this.#expected.every((gateway) => (this.#announced.get(gateway) ?? 0) >= this.#epoch)) this.#settle();
  }

  #settle(): void {
    this.#timers.cancel(this.#timer);
    this.#settled = true;
    this.#done();
  }
}

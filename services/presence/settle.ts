/**
 * When a presence server may call a user away whom nobody announced. When users have moved between presence servers, or
 * when a gateway's link broke, it knows less than the gateways: it waits until each gateway of the ring, and each that is linked
 * here, said that it announced all, at most `settleMs`. After a start it waits so long in any case: a gateway that is leaving
 * is in no ring any more, and may still have sessions. Other changes of the topology take no user from any server, and begin no such wait: there are many in a row.
 */
import type { Timer, Timers } from "../runtime/timers.ts";

/** It is settled after so many times `settleMs` at the latest, however often links break meanwhile. */
const unsettledMost = 3;

export class Settle {
  readonly #timers: Timers;
  readonly #settleMs: number;
  readonly #done: () => void;
  #expected: readonly string[] = [];
  readonly #announced = new Map<string, number>();
  /** epoch of the topology that moved users */
  #epoch = 0;
  #placement: string | undefined;
  #timer: Timer | undefined;
  #settled = false;
  #unsettledAt = 0;
  #isNew = true;

  /** @param done called each time it becomes settled */
  constructor(timers: Timers, settleMs: number, done: () => void) {
    this.#timers = timers;
    this.#settleMs = settleMs;
    this.#done = done;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /**
   * @param placement of users on presence servers
   * @param gateways IDs of those that are known to be there
   */
  topology(epoch: number, placement: string, gateways: readonly string[], now: number): void {
    this.#expected = gateways;
    if (placement !== this.#placement) {
      this.#placement = placement;
      this.#epoch = epoch;
      if (this.#settled) this.#unsettledAt = now;
      this.#settled = false;
      this.#timers.cancel(this.#timer);
      this.#timer = this.#timers.set(now + this.#settleMs, () => this.#settle());
    }
    this.#check();
  }

  announced(gateway: string, epoch: number): void {
    this.#announced.set(gateway, epoch);
    this.#check();
  }

  /** What it announced is void. Who came to it since then, it may have announced elsewhere. */
  gone(gateway: string, now: number): void {
    this.#announced.delete(gateway);
    if (this.#isNew || !this.#expected.includes(gateway)) return;
    if (this.#settled) this.#unsettledAt = now;
    this.#settled = false;
    this.#timers.cancel(this.#timer);
    // A link that breaks again and again must not keep everybody else unknown.
    this.#timer = this.#timers.set(Math.min(now + this.#settleMs, this.#unsettledAt + unsettledMost * this.#settleMs), () => this.#settle());
  }

  #check(): void {
    if (this.#settled || this.#isNew) return;
    if (this.#expected.every((gateway) => (this.#announced.get(gateway) ?? 0) >= this.#epoch)) this.#settle();
  }

  #settle(): void {
    this.#timers.cancel(this.#timer);
    this.#settled = true;
    this.#isNew = false;
    this.#done();
  }
}

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
  #expected = new Set<string>();
  /** when their links broke, of those that did within `settleMs`: one that leaves is in no ring any more, and comes back to say who is there */
  readonly #goneAt = new Map<string, number>();
  readonly #linked = new Set<string>();
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
   * @param gateways IDs of those that the ring has; those that are linked, or were a moment ago, count as well
   */
  topology(epoch: number, placement: string, gateways: readonly string[], now: number): void {
    for (const [gateway, at] of this.#goneAt) if (now - at >= this.#settleMs) this.#goneAt.delete(gateway);
    this.#expected = new Set([...gateways, ...this.#linked, ...this.#goneAt.keys()]);
    if (placement !== this.#placement) {
      this.#placement = placement;
      this.#epoch = epoch;
      // Other users are here now: what was waited for before has no part in it.
      this.#unsettledAt = now;
      this.#settled = false;
      this.#timers.cancel(this.#timer);
      this.#timer = this.#timers.set(now + this.#settleMs, () => this.#settle());
    }
    this.#check();
  }

  /** A gateway has opened a link. */
  linked(gateway: string): void {
    this.#linked.add(gateway);
    this.#expected.add(gateway);
    this.#goneAt.delete(gateway);
  }

  announced(gateway: string, epoch: number): void {
    this.#announced.set(gateway, epoch);
    this.#check();
  }

  /** What it announced is void. Who came to it since then, it may have announced elsewhere. */
  gone(gateway: string, now: number): void {
    this.#announced.delete(gateway);
    this.#linked.delete(gateway);
    this.#goneAt.set(gateway, now);
    if (this.#isNew) return;
    if (this.#settled) this.#unsettledAt = now;
    this.#settled = false;
    this.#timers.cancel(this.#timer);
    // A link that breaks again and again must not keep everybody else unknown.
    this.#timer = this.#timers.set(Math.min(now + this.#settleMs, this.#unsettledAt + unsettledMost * this.#settleMs), () => this.#settle());
  }

  #check(): void {
    if (this.#settled || this.#isNew) return;
    if ([...this.#expected].every((gateway) => (this.#announced.get(gateway) ?? 0) >= this.#epoch)) this.#settle();
  }

  #settle(): void {
    this.#timers.cancel(this.#timer);
    this.#settled = true;
    this.#isNew = false;
    this.#done();
  }
}

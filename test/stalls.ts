/** What tests that hurt a plane under the delivery checker's load share: waiting until its messages are through, and how long many events kept people waiting. */
import { setTimeout as pause } from "node:timers/promises";
import type { Stalls, Timeline } from "../services/delivery/stalls.ts";
import { spread } from "./bench/stats.ts";

/** Messages are through again when none has waited for longer. */
export const throughMs = 500;
const lookEveryMs = 20;

/**
 * @param since messages that were due before, ms of the log's clock, are not waited for
 * @throws Error where that takes longer than `withinMs`
 */
export async function untilThrough(timeline: Timeline, since: number, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (let oldest; (oldest = timeline.oldestWaiting(since)) !== undefined && performance.now() - oldest > throughMs; await pause(lookEveryMs)) {
    if (performance.now() > deadline) throw new Error(`a message is not through that was due ${Math.round(performance.now() - oldest)} ms ago`);
  }
}

export interface Spread {
  readonly median: number;
  readonly worst: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const { median, max } = spread(values);
  return { median, worst: max };
}

export function pair({ median, worst }: Spread): string {
  return `${Math.round(median)} / ${Math.round(worst)}`;
}

/** Of all events together, by reason. */
export function refusedIn(all: readonly Pick<Stalls, "refused">[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { refused } of all) for (const [reason, times] of Object.entries(refused)) total[reason] = (total[reason] ?? 0) + times;
  return total;
}

export function reasons(refused: Stalls["refused"]): string {
  return Object.entries(refused).map(([reason, times]) => `${times} ${reason}`).join(", ") || "none";
}

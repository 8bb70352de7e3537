/** Figures of a run, read off what happened. Pure. */
import type { Happened } from "../../services/delivery/happened.ts";

/** The most of these times that lie within a window, both in ms. */
export function peakWithin(times: readonly number[], windowMs: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let peak = 0;
  for (let from = 0, to = 0; to < sorted.length; to++) {
    while (sorted[to]! - sorted[from]! >= windowMs) from++;
    peak = Math.max(peak, to - from + 1);
  }
  return peak;
}

/** From when each message was first sent until each of the readers had it, ms; `fetched` ones count, too. */
export function deliveryTimes(happened: readonly Happened[]): number[] {
  const sentAt = new Map<string, number>();
  const times: number[] = [];
  for (const event of happened) {
    if (event.type === "sent") sentAt.set(event.key, event.at);
    else if ((event.type === "shown" || event.type === "fetched") && event.key !== undefined) {
      const at = sentAt.get(event.key);
      if (at !== undefined) times.push(event.at - at);
    }
  }
  return times;
}

/** @param share 0..1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

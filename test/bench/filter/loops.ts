/** Envoy's own measure of its workers: how long each turn of their event loops took. */
import { setTimeout as sleep } from "node:timers/promises";
import type { BenchEnvoy } from "./envoy.ts";
import type { Weighted } from "./histogram.ts";

/** What the bootstrap needs for it. */
export const LOOP_STATS = { enable_dispatcher_stats: true, stats_flush_on_admin: true };

/** Turns so far, by upper bound in µs. Envoy's buckets are a tenth to a hundredth of their value wide. */
export type Loops = ReadonlyMap<number, number>;

interface Answer {
  readonly stats: readonly { readonly histograms?: { readonly details: readonly { readonly name: string; readonly totals: readonly { lower_bound: number; width: number; count: number }[] }[] } }[];
}

/** Of all workers together, since the start. */
export async function loopsOf(envoy: BenchEnvoy): Promise<Loops> {
  const read = async (): Promise<Answer> => (await envoy.stats("histogram_buckets=detailed&filter=worker_.*dispatcher.loop_duration_us")) as Answer;
  await read(); // each reading asks the workers for what they have; it is there for the next one
  await sleep(50);
  const loops = new Map<number, number>();
  for (const { histograms } of (await read()).stats) {
    for (const { lower_bound, width, count } of (histograms?.details ?? []).flatMap(({ totals }) => totals)) {
      const us = Math.round((lower_bound + width) * 10) / 10;
      loops.set(us, (loops.get(us) ?? 0) + count);
    }
  }
  if (loops.size === 0) throw new Error("Envoy tells nothing of its loops");
  return loops;
}

/** The turns between two readings. */
export function between(before: Loops, after: Loops): Weighted[] {
  return [...after].map(([us, count]) => ({ us, count: count - (before.get(us) ?? 0) }));
}

/** Connections of each worker. */
export async function connectionsOf(envoy: BenchEnvoy): Promise<number[]> {
  const { stats } = (await envoy.stats("filter=^listener\\..*\\.worker_\\d%2B\\.downstream_cx_active$")) as { stats: { name: string; value: number }[] };
  return stats.filter(({ name }) => !name.startsWith("listener.admin.")).map(({ value }) => value);
}

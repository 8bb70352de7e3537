/** Durations in named buckets. */

/** Upper bounds, µs; what is longer falls into one more. */
const BOUNDS_US = [10, 30, 100, 300, 1_000, 3_000];
export const BUCKET_NAMES = ["≤ 10 µs", "≤ 30 µs", "≤ 100 µs", "≤ 300 µs", "≤ 1 ms", "≤ 3 ms", "more"] as const;

export interface Histogram {
  readonly name: string;
  /** One per bucket name. */
  readonly counts: readonly number[];
  readonly medianUs: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

/** A duration, or how many of it there were. */
export interface Weighted {
  readonly us: number;
  readonly count: number;
}

export function histogram(name: string, samplesUs: readonly number[]): Histogram {
  return weightedHistogram(name, samplesUs.map((us) => ({ us, count: 1 })));
}

export function weightedHistogram(name: string, samples: readonly Weighted[]): Histogram {
  const sorted = samples.filter(({ count }) => count > 0).sort((a, b) => a.us - b.us);
  const counts = BUCKET_NAMES.map(() => 0);
  for (const { us, count } of sorted) {
    const found = BOUNDS_US.findIndex((bound) => us <= bound);
    const bucket = found < 0 ? BOUNDS_US.length : found;
    counts[bucket] = (counts[bucket] ?? 0) + count;
  }
  return { name, counts, medianUs: quantile(sorted, 0.5), p999Us: quantile(sorted, 0.999), maxUs: sorted.at(-1)?.us ?? NaN };
}

/** @param sorted ascending */
export function quantile(sorted: readonly Weighted[], part: number): number {
  let left = Math.ceil(sorted.reduce((sum, { count }) => sum + count, 0) * part);
  for (const { us, count } of sorted) {
    left -= count;
    if (left <= 0) return us;
  }
  return NaN;
}

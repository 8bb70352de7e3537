/** What `ringway top` and the console read: two looks at a service's /metrics, and what happened in between. */

/** Name, with its labels where it has some → value. */
export type Samples = ReadonlyMap<string, number>;

/** Reads Prometheus' text format; lines that are no samples are passed over. */
export function samplesOf(text: string): Samples {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    const found = /^([a-zA-Z_:][\w:]*(?:\{[^}]*\})?) (\S+)/.exec(line);
    if (found !== null) samples.set(found[1]!, Number(found[2]));
  }
  return samples;
}

/** How much a counter rose a second; 0 where it is new, or its process is. */
export function rate(name: string, before: Samples, now: Samples, seconds: number): number {
  return Math.max(0, (now.get(name) ?? 0) - (before.get(name) ?? now.get(name) ?? 0)) / seconds;
}

/** Upper bound in seconds → observations up to it between the two looks, added up over several processes. */
export function bucketsBetween(name: string, looks: readonly (readonly [before: Samples, now: Samples])[]): ReadonlyMap<number, number> {
  const sum = new Map<number, number>();
  const shape = new RegExp(`^${name}_bucket\\{le="([^"]+)"\\}$`);
  for (const [before, now] of looks) {
    for (const [key, value] of now) {
      const le = shape.exec(key)?.[1];
      if (le === undefined) continue;
      const bound = le === "+Inf" ? Infinity : Number(le);
      sum.set(bound, (sum.get(bound) ?? 0) + Math.max(0, value - (before.get(key) ?? value)));
    }
  }
  return sum;
}

/**
 * As `histogram_quantile` does it: within a bucket observations are taken to be spread evenly.
 * @returns seconds; undefined where there was no observation; what lies beyond the last bound counts as that
 */
export function quantile(share: number, buckets: ReadonlyMap<number, number>): number | undefined {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const wanted = share * (sorted.at(-1)?.[1] ?? 0);
  if (wanted === 0) return undefined;
  let [lower, below] = [0, 0];
  for (const [bound, count] of sorted) {
    if (count >= wanted) return bound === Infinity ? lower : lower + ((bound - lower) * (wanted - below)) / (count - below);
    [lower, below] = [bound, count];
  }
  return lower;
}

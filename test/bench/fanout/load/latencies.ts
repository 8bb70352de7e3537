/** Latencies in steps of 10 µs: exact enough for a socket, and adding one costs next to nothing. */

const STEPS_PER_MS = 100;
const LONGEST_MS = 5_000;

export interface LatencySummary {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class Latencies {
  readonly #counts = new Uint32Array(LONGEST_MS * STEPS_PER_MS + 1);
  #total = 0;
  #max = 0;

  add(ms: number): void {
    this.#counts[Math.min(LONGEST_MS, ms) * STEPS_PER_MS | 0]!++;
    this.#total++;
    if (ms > this.#max) this.#max = ms;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#max = 0;
  }

  summary(): LatencySummary {
    return { p50Ms: this.#quantile(0.5), p99Ms: this.#quantile(0.99), p999Ms: this.#quantile(0.999), maxMs: this.#max };
  }

  #quantile(part: number): number {
    let left = Math.ceil(this.#total * part);
    for (let step = 0; step < this.#counts.length; step++) {
      left -= this.#counts[step]!;
      if (left <= 0) return Math.min((step + 1) / STEPS_PER_MS, this.#max);
    }
    return NaN;
  }
}

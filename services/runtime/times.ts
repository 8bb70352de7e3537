/** A histogram of times: an observation is a few comparisons and two additions, without a label or an allocation, so that every message can be counted. Pure. */

/** Upper bounds, ms; what is longer counts as well, beyond the last. */
export const timesBoundsMs: readonly number[] = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

export class Times {
  /** how many lay in each bound and not in the one before; the last: beyond all */
  readonly counts: number[] = timesBoundsMs.map(() => 0).concat(0);
  sumMs = 0;

  /** @param ms less than 0 counts as 0: clocks of two machines differ */
  observe(ms: number): void {
    const time = ms > 0 ? ms : 0;
    let i = 0;
    while (i < timesBoundsMs.length && time > timesBoundsMs[i]!) i++;
    this.counts[i]!++;
    this.sumMs += time;
  }
}

/** Time as services see it. Production uses `systemClock`; the simulation never comes here, since `state.ts` is given `now`. */
export interface Clock {
  /** milliseconds since the Unix epoch */
  now(): number;
  /** Resolves after `ms`, or at once when `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

let offsetMs = 0;

/** Milliseconds since the epoch, with fractions: the system's clock, which itself tells whole ones. */
export function wallMs(): number {
  const [whole, monotonic] = [Date.now(), performance.now()];
  // What goes on steadily within the millisecond that the system's clock tells; where that is left, or the clock was set, begin anew.
  const left = monotonic + offsetMs - whole;
  if (left < 0 || left >= 1) offsetMs = whole - monotonic;
  return monotonic + offsetMs;
}

/** Whole microseconds of a time in milliseconds. */
export function microsOf(ms: number): number {
  return Math.floor(ms * 1_000);
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done);
    }),
};

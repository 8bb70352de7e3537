/** Time as services see it. Production uses `systemClock`; the simulation never comes here, since `state.ts` is given `now`. */
export interface Clock {
  /** milliseconds since the Unix epoch */
  now(): number;
  /** Resolves after `ms`, or at once when `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** More than that ahead of the system's clock, and that was set back. */
const setBackMs = 5;
let offsetMs = 0;
let lastMs = 0;

/** Milliseconds since the epoch, with fractions: the system's clock, which itself tells whole ones. It goes back only where that is set back. */
export function wallMs(): number {
  const [whole, monotonic] = [Date.now(), performance.now()];
  // What goes on steadily within the millisecond that the system's clock tells. Where it runs ahead of that, it waits.
  const ahead = monotonic + offsetMs - whole;
  if (ahead < 0 || ahead >= setBackMs) offsetMs = whole - monotonic;
  else if (ahead >= 1) offsetMs = whole + 0.999 - monotonic;
  const now = monotonic + offsetMs;
  return (lastMs = now < lastMs && lastMs - now < setBackMs ? lastMs : now);
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

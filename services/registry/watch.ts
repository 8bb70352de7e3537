import type { Blocking } from "./client.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";

const WAIT_MS = 30_000;
/** Pause after a registry that fails; it doubles up to the second value. */
const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 2_000;

/** Pause after an answer that brings nothing: a registry that does not wait must not make us spin. */
const IDLE_MS = 50;

export interface Watch<T extends { readonly index: number }> {
  /** a blocking query */
  readonly ask: (blocking: Blocking) => Promise<T>;
  /** every answer, also one that repeats the last; what it throws is logged */
  readonly take: (answer: T) => Promise<void> | void;
  /** the registry does not answer any more: what was taken is getting old */
  readonly lost?: () => void;
  readonly what: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Follows one thing in the registry until `signal` is aborted; resolves then. */
export async function watch<T extends { readonly index: number }>({ ask, take, lost, what, clock, log, signal }: Watch<T>): Promise<void> {
  let index = 0;
  let backoffMs = BACKOFF_MS;
  while (!signal.aborted) {
    try {
      const answer = await ask({ index, waitMs: WAIT_MS, signal });
      if (signal.aborted) return;
      if (backoffMs > BACKOFF_MS) log.info({ what }, "the registry is back");
      backoffMs = BACKOFF_MS;
      await take(answer);
      if (answer.index === index) await clock.sleep(IDLE_MS, signal);
      index = answer.index;
    } catch (error) {
      if (signal.aborted) return;
      if (backoffMs === BACKOFF_MS) log.warn({ err: error, what }, "the registry is away");
      if (backoffMs === BACKOFF_MS) lost?.();
      index = 0;
      await clock.sleep(backoffMs, signal);
      backoffMs = Math.min(2 * backoffMs, BACKOFF_MAX_MS);
    }
  }
}

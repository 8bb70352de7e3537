/** Retention (`--retain-days`): what is older is removed from the store, by one channel server for all. */
import type { RingView } from "./events.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import { StoreUnavailable, type LogStore } from "../store/log.ts";

export interface Retention {
  readonly store: LogStore;
  /** 0: for ever */
  readonly days: number;
  /** Whether this server is the one. Two that think so for a while do no harm, and none for a while neither. */
  isMine(): boolean;
  readonly clock: Clock;
  /** milliseconds on a clock that never jumps */
  monotonic(): number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** How often the store is gone through, and how much of it at once: who serves clients waits meanwhile. */
const everyMs = 600_000;
const channelsAtOnce = 100;
const pauseMs = 20;
const dayMs = 86_400_000;
/** A wall clock that ran ahead of the other by more than this was set, and may be wrong: nothing is removed by it. */
const jumpMs = 3_600_000;

/** The server whose turn it is: the first that slot 0 has, by this topology. */
export function sweeperOf(ring: RingView | undefined): string | undefined {
  return ring?.preferenceOfSlot("channel", 0)[0]?.id;
}

/** Goes on until `signal`. */
export async function keepSweeping(retention: Retention): Promise<void> {
  const { days, clock, monotonic, log, signal } = retention;
  if (days === 0) return;
  const ahead = clock.now() - monotonic();
  for (;;) {
    await clock.sleep(everyMs, signal);
    if (signal.aborted) return;
    if (!retention.isMine()) continue;
    if (clock.now() - monotonic() - ahead > jumpMs) {
      log.error("nothing is removed by --retain-days: this machine's clock was set ahead; restart this server if it is right now");
      continue;
    }
    await sweepAll(retention, clock.now() - days * dayMs).catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) throw error;
      log.warn({ err: error }, "the store does not answer; what is old is removed later");
    });
  }
}

async function sweepAll({ store, clock, signal, isMine }: Retention, beforeMs: number): Promise<void> {
  const ts = `${Math.floor(beforeMs / 1_000)}.000000`;
  let cursor = "";
  do {
    cursor = await store.sweep(ts, cursor, channelsAtOnce);
    await clock.sleep(pauseMs, signal);
  } while (cursor !== "" && !signal.aborted && isMine());
}

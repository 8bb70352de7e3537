/** Announces what was left unsettled: by calls whose announcement failed, and by webapps that ended between two steps. */
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Change, Directory } from "../store/directory.ts";
import type { Membership } from "./membership.ts";

/** Between two looks, ms. A look where all is settled is one read. */
const everyMs = 2_000;
/** Changes announced at once. The rest waits in the directory, which holds one a channel and user at most. */
const atOnce = 16;

export interface Settling {
  /** Begins no further announcement. One that is under way may fail when the directory is closed; it is then unsettled still. */
  stop(): void;
}

/** Looks at once, and then again and again. */
export function keepSettling(directory: Directory, membership: Membership, clock: Clock, log: Log): Settling {
  const stopped = new AbortController();

  const look = async (): Promise<void> => {
    for (let after: readonly [string, string] = ["", ""]; !stopped.signal.aborted; ) {
      const page: Change[] = await directory.unsettled(after, atOnce);
      const last = page.at(-1);
      if (last === undefined) return;
      const outcomes = await Promise.allSettled(page.map((change) => membership.settle(change)));
      const failed = outcomes.filter((outcome) => outcome.status === "rejected");
      if (failed[0] !== undefined && !stopped.signal.aborted) log.warn({ err: failed[0].reason as unknown, changes: failed.length }, "changes of membership are not announced yet");
      after = [last.channel, last.user];
    }
  };

  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await look().catch((error: unknown) => {
        if (!stopped.signal.aborted) log.warn({ err: error }, "unsettled changes of membership can't be read");
      });
      await clock.sleep(everyMs, stopped.signal);
    }
  };
  void run();
  return { stop: () => stopped.abort() };
}

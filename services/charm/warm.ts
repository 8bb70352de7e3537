/** Asks servers until they are warm: nothing more to hand over or to take up to an epoch. */
import type { Clock } from "../runtime/clock.ts";
import { ask } from "../runtime/request.ts";
import { urlOf } from "../runtime/tls.ts";

/** Pause before each round, ms. Before the first one, too: what a step sets going in every process shall not meet with what the next one does. */
const EVERY_MS = 100;
const ANSWER_MS = 500;
/** Servers that are asked at a time. */
const LANES = 16;

export interface AwaitWarm {
  readonly servers: readonly { readonly id: string; readonly addr: string }[];
  readonly epoch: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** once for each server, also for one whose port is closed: nobody waits for it */
  readonly onWarm: (id: string) => void;
}

export async function awaitWarm({ servers, epoch, clock, signal, onWarm }: AwaitWarm): Promise<void> {
  for (let cold = [...servers]; cold.length > 0; ) {
    await clock.sleep(EVERY_MS, signal);
    if (signal.aborted) return;
    const queue = [...cold];
    cold = [];
    const lane = async (): Promise<void> => {
      for (let server = queue.shift(); server !== undefined && !signal.aborted; server = queue.shift()) {
        if (await isWarm(server.addr, epoch, signal)) onWarm(server.id);
        else cold.push(server);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }
}

async function isWarm(addr: string, epoch: number, signal: AbortSignal): Promise<boolean> {
  try {
    const { json } = await ask(`${urlOf(addr)}/v1/status`, { timeoutMs: ANSWER_MS, signal });
    const { warm } = (json ?? {}) as { warm?: unknown };
    return typeof warm === "number" && warm >= epoch;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ECONNREFUSED" || code === "ECONNRESET";
  }
}

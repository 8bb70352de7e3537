import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Registration, Registry, RegistryError } from "./client.ts";
import { startEnds } from "./refusal.ts";

export interface KeepRegistered {
  readonly registry: Registry;
  readonly registration: Registration;
  /** at most half of the registration's ttlMs, so that one lost pass does no harm */
  readonly passEveryMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Between tries at a registry that does not answer: doubling from the first to the longest. What comes back shall find its servers within charm's grace. */
const backOffMs = { first: 100, longest: 1_000 };

export interface Registered {
  /** resolves when the registry knows the server for the first time; never rejects */
  readonly registered: Promise<void>;
  /** rejects where the registry does not take it from the first, for a reason that trying on does not change, or has not in REFUSAL_STANDS_AFTER_MS (RegistryError); nothing is tried then */
  readonly failed: Promise<void>;
  /** Stops passing and deregisters; resolves in any case, also when the registry is gone. */
  stop(): Promise<void>;
}

/**
 * Registers a server and passes its check until `stop`. Registers again whenever the registry does not know the
 * check, as after a restart of charm. While the registry is away it tries on, with growing pauses and one line in the log for each
 * cause; the server serves meanwhile.
 */
export function keepRegistered({ registry, registration, passEveryMs, clock, log }: KeepRegistered): Registered {
  const stopped = new AbortController();
  const isEnd = startEnds(clock);
  let known = false;
  let everKnown = false;
  let isRefused = false;
  /** why the last try failed */
  let trouble = "";
  let pauseMs = backOffMs.first;
  let first!: () => void;
  const registered = new Promise<void>((resolve) => (first = resolve));
  let refuse!: (error: RegistryError) => void;
  const failed = new Promise<void>((_, reject) => (refuse = reject));
  // Who does not ask is not told.
  failed.catch(() => undefined);

  const pass = async (): Promise<void> => {
    if (known && (await registry.pass(registration.id))) return;
    if (known) log.warn({ server: registration.id }, "the registry forgot this server; registering again");
    known = false;
    await registry.register(registration);
    known = everKnown = true;
    first();
  };
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        await pass();
        if (trouble !== "") log.info("the registry is back");
        trouble = "";
        pauseMs = backOffMs.first;
        await clock.sleep(passEveryMs, stopped.signal);
      } catch (error) {
        if (!everKnown && isEnd(error)) {
          isRefused = true;
          return refuse(error as RegistryError);
        }
        if ((error as Error).message !== trouble) log.warn({ err: error }, "the registry is away, or takes nothing; trying on");
        trouble = (error as Error).message;
        await clock.sleep(pauseMs, stopped.signal);
        pauseMs = Math.min(2 * pauseMs, Math.max(backOffMs.longest, passEveryMs));
      }
    }
  };

  const running = run();
  return {
    registered,
    failed,
    async stop() {
      stopped.abort();
      await running;
      if (isRefused) return;
      try {
        await registry.deregister(registration.id);
      } catch (error) {
        log.warn({ err: error }, "could not deregister; the check will expire");
      }
    },
  };
}

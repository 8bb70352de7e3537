import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Registration, Registry } from "./client.ts";

export interface KeepRegistered {
  readonly registry: Registry;
  readonly registration: Registration;
  /** at most half of the registration's ttlMs, so that one lost pass does no harm */
  readonly passEveryMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Registered {
  /** resolves when the registry knows the server for the first time; never rejects */
  readonly registered: Promise<void>;
  /** Stops passing and deregisters; resolves in any case, also when the registry is gone. */
  stop(): Promise<void>;
}

/**
 * Registers a server and passes its check until `stop`. Registers again whenever the registry does not know the
 * check, as after a restart of charm. While the registry is away it tries on; the server serves meanwhile.
 */
export function keepRegistered({ registry, registration, passEveryMs, clock, log }: KeepRegistered): Registered {
  const stopped = new AbortController();
  let known = false;
  let away = false;
  let first!: () => void;
  const registered = new Promise<void>((resolve) => (first = resolve));

  const pass = async (): Promise<void> => {
    if (known && (await registry.pass(registration.id))) return;
    if (known) log.warn({ server: registration.id }, "the registry forgot this server; registering again");
    known = false;
    await registry.register(registration);
    known = true;
    first();
  };
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        await pass();
        if (away) log.info("the registry is back");
        away = false;
      } catch (error) {
        if (!away) log.warn({ err: error }, "the registry is away; trying on");
        away = true;
      }
      await clock.sleep(passEveryMs, stopped.signal);
    }
  };

  const running = run();
  return {
    registered,
    async stop() {
      stopped.abort();
      await running;
      try {
        await registry.deregister(registration.id);
      } catch (error) {
        log.warn({ err: error }, "could not deregister; the check will expire");
      }
    },
  };
}

import { getPriority, setPriority } from "node:os";
import type { IdentityFiles } from "../runtime/certificate.ts";
import { systemClock } from "../runtime/clock.ts";
import { UsageError, type Flags } from "../runtime/flags.ts";
import { exitOnSignal, runUntilSignal, type Running } from "../runtime/lifecycle.ts";
import type { Log } from "../runtime/log.ts";
import { takeIdentity } from "../runtime/tls.ts";
import type { Verb } from "./verb.ts";

interface Service<C> {
  readonly summary: string;
  readonly flags: Flags;
  /** least niceness of its process, 0..19: how far it gives way to others on its machine */
  readonly niceness?: number;
  readConfig(argv: readonly string[]): C;
  start(config: C, log: Log): Promise<Running>;
}

/** The verb that runs one service until it is told to stop. What it cannot start with is one line and exit code 1. */
export function serviceVerb<C extends IdentityFiles & { readonly logLevel: string }>(name: string, service: Service<C>): Verb {
  return {
    summary: service.summary,
    flags: service.flags,
    async run(argv) {
      const config = service.readConfig(argv);
      const id = "id" in config && typeof config.id === "string" ? config.id : name;
      const { createLog } = await import("../runtime/log.ts");
      const log = createLog(name, id, config.logLevel);
      if (service.niceness !== undefined) giveWay(service.niceness);
      takeIdentity(config, name, log);
      const refuse = (error: NodeJS.ErrnoException): number => {
        log.fatal({ err: error }, "could not start");
        process.stderr.write(`ringway ${name}: could not start: ${error.code === "EADDRINUSE" ? "its address is taken" : error.message.split("\n")[0]}\n`);
        return 1;
      };
      const takeOver = exitOnSignal(log);
      let running: Running;
      try {
        running = await service.start(config, log);
      } catch (error) {
        if (error instanceof UsageError) throw error;
        return refuse(error as Error);
      }
      log.info({ address: running.address }, "listening");
      takeOver();
      runUntilSignal(running, log, refuse);
      return new Promise<number>(() => {});
    },
  };
}

function giveWay(niceness: number): void {
  try {
    if (getPriority() < niceness) setPriority(niceness);
  } catch {
    // Where that is forbidden, it runs as it is.
  }
}

/** Waits between two questions whether the store is there: doubling from the first to the longest. */
const backOff = { firstMs: 250, longestMs: 10_000 };

/**
 * Starts a service that keeps things, unless the store refuses it. One that doesn't answer may come later: it is asked again, and the service says so until then. What it refuses then
 * ends the service.
 */
export function onStore<C extends { readonly store: string }>(start: (config: C, log: Log) => Promise<Running>): (config: C, log: Log) => Promise<Running> {
  return async (config, log) => {
    // Engines are loaded when they are needed.
    const [{ checkStore }, { StoreRefused, StoreUnavailable }] = await Promise.all([import("../store/open.ts"), import("../store/log.ts")]);
    let why = "";
    const isThere = async (): Promise<boolean> => {
      try {
        await checkStore(config);
        return true;
      } catch (error) {
        if (error instanceof StoreRefused || !(error instanceof StoreUnavailable)) throw error;
        if (error.message !== why) log.warn({ why: error.message }, "the store is not there; it is asked again until it is");
        why = error.message;
        return false;
      }
    };
    if (await isThere()) return start(config, log);
    const running = await start(config, log);
    const stopped = new AbortController();
    const failed = (async () => {
      for (let waitMs = backOff.firstMs; !stopped.signal.aborted; waitMs = Math.min(2 * waitMs, backOff.longestMs)) {
        await systemClock.sleep(waitMs, stopped.signal);
        if (!stopped.signal.aborted && (await isThere())) return log.info("the store is there");
      }
    })();
    return {
      address: running.address,
      failed: Promise.all([failed, running.failed]).then(() => undefined),
      stop() {
        stopped.abort();
        return running.stop();
      },
    };
  };
}

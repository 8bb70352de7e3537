import type { Log } from "./log.ts";

/** What a service hands to its main: it runs until `stop`. */
export interface Running {
  /** where it listens, ip:port */
  readonly address: string;
  /** rejects where it turns out that what it was started with can't be used */
  readonly failed?: Promise<void>;
  /** Drains, deregisters, closes; resolves when nothing is left open. */
  stop(): Promise<void>;
}

const stopSignals = ["SIGTERM", "SIGINT"] as const;

/**
 * Until the returned function is called, SIGTERM and SIGINT exit 0 at once: a service that still starts has nothing to drain. The first process of a container can't be stopped without
 * a handler.
 */
export function exitOnSignal(log: Log): () => void {
  const exit = (signal: string): void => {
    log.info({ signal }, "stopped before it was up");
    process.exit(0);
  };
  for (const signal of stopSignals) process.on(signal, exit);
  return () => {
    for (const signal of stopSignals) process.removeListener(signal, exit);
  };
}

/**
 * Runs a service until SIGTERM or SIGINT, then stops it and exits 0; a second signal, or `graceMs` passing, exits 1. So does what makes it fail, which `refuse` is told.
 * An exception nobody caught is a programmer's fault: it is logged and the process exits 1 (the launcher restarts it).
 */
export function runUntilSignal(running: Running, log: Log, refuse: (error: Error) => void = () => {}, graceMs = 10_000): void {
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, "stopping");
    setTimeout(() => process.exit(1), graceMs).unref();
    running.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, "stop failed");
        process.exit(1);
      },
    );
  };
  running.failed?.catch(async (error: Error) => {
    refuse(error);
    setTimeout(() => process.exit(1), graceMs).unref();
    await running.stop().catch(() => undefined);
    process.exit(1);
  });
  for (const signal of stopSignals) process.on(signal, stop);
  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "uncaught exception");
    process.exit(1);
  });
  process.on("unhandledRejection", (error) => {
    log.fatal({ err: error }, "unhandled rejection");
    process.exit(1);
  });
}

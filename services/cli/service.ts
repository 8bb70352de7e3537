import { getPriority, setPriority } from "node:os";
import { UsageError, type Flags } from "../runtime/flags.ts";
import { runUntilSignal, type Running } from "../runtime/lifecycle.ts";
import type { Log } from "../runtime/log.ts";
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
export function serviceVerb<C extends { logLevel: string }>(name: string, service: Service<C>): Verb {
  return {
    summary: service.summary,
    flags: service.flags,
    async run(argv) {
      const config = service.readConfig(argv);
      const id = "id" in config && typeof config.id === "string" ? config.id : name;
      const { createLog } = await import("../runtime/log.ts");
      const log = createLog(name, id, config.logLevel);
      if (service.niceness !== undefined) giveWay(service.niceness);
      let running: Running;
      try {
        running = await service.start(config, log);
      } catch (error) {
        if (error instanceof UsageError) throw error;
        const { code, message } = error as NodeJS.ErrnoException;
        log.fatal({ err: error }, "could not start");
        process.stderr.write(`ringway ${name}: could not start: ${code === "EADDRINUSE" ? "its address is taken" : message.split("\n")[0]}\n`);
        return 1;
      }
      log.info({ address: running.address }, "listening");
      runUntilSignal(running, log);
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

/** Starts a service that keeps things, unless the store refuses it. One that doesn't answer may come later; the service says so until then. */
export function onStore<C extends { readonly store: string }>(start: (config: C, log: Log) => Promise<Running>): (config: C, log: Log) => Promise<Running> {
  return async (config, log) => {
    // Engines are loaded when they are needed.
    const { checkStore } = await import("../store/open.ts");
    await checkStore(config, true);
    return start(config, log);
  };
}

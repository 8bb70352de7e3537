/**
 * The embedded registry: the subset of Consul's HTTP API that Ringway uses, in one process, with Consul's own paths,
 * parameters and JSON. One machine only; with more, point RINGWAY_CONSUL_URL at a real Consul.
 */
import type { Clock } from "../runtime/clock.ts";
import type { Handler, Routes } from "../runtime/http.ts";
import type { Log } from "../runtime/log.ts";
import { agentRoutes } from "./agent-routes.ts";
import { Core } from "./core.ts";
import { openDisk } from "./disk.ts";
import { healthRoutes } from "./health-routes.ts";
import { kvRoutes } from "./kv-routes.ts";
import { sessionRoutes } from "./session-routes.ts";

const SWEEP_MS = 100;

export interface EmbeddedOptions {
  /** folder that keeps keys and the index; undefined forgets all at the process's end */
  readonly data?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface EmbeddedRegistry {
  /** to be mounted into an HTTP door that takes bodies of 512 KiB */
  readonly routes: Routes;
  /** Answers all blocking queries, hangs up with each answer and ends timers; resolves when the last change is on disk. The door closes first. */
  close(): Promise<void>;
}

/** @throws Error when the data folder is unusable */
export async function openEmbedded({ data, clock, log }: EmbeddedOptions): Promise<EmbeddedRegistry> {
  const disk = data === undefined ? undefined : openDisk(data);
  const saved = await disk?.load();
  const core = new Core(saved?.reserved ?? 1, saved?.entries ?? new Map(), disk, clock, log);
  await core.change(() => new Map()); // the data folder can be written
  let lastSweep = clock.now();
  const timer = setInterval(() => {
    const now = clock.now();
    // Off by more than one round: this process stood still, so that it could not hear anybody, or the clock was set.
    const late = now - lastSweep - SWEEP_MS;
    lastSweep = now;
    core.sweep(now, Math.abs(late) > SWEEP_MS ? late : 0);
  }, SWEEP_MS);
  return {
    routes: mapRoutes({ ...agentRoutes(core), ...healthRoutes(core), ...kvRoutes(core), ...sessionRoutes(core) }, (handler) => hangUpWhenClosed(core, handler)),
    async close() {
      clearInterval(timer);
      core.waiters.close();
      await core.settled();
    },
  };
}

/** After close a client's connection ends with its answer: one that polls at once again would keep the door open. */
function hangUpWhenClosed(core: Core, handler: Handler): Handler {
  return async (request) => {
    const reply = await handler(request);
    return core.waiters.closed ? { ...reply, headers: { ...reply.headers, connection: "close" } } : reply;
  };
}

function mapRoutes(routes: Routes, wrap: (handler: Handler) => Handler): Routes {
  return Object.fromEntries(Object.entries(routes).map(([route, handler]) => [route, wrap(handler)]));
}

/** How a gateway's clients leave while it drains: what the topology asks of it, and the pace that follows. Pure. */
import type { Options } from "./core.ts";
import type { Ring } from "./events.ts";
import type { Pace } from "./farewell.ts";

/** Within the time that an operator chose, or with so many gateways that share one rate; undefined: it does not drain. */
export type Drain = { readonly withinMs: number } | { readonly sharers: number } | undefined;

/** Turns are so much further apart than the rate demands: clients do not come back to the millisecond. */
const turnRoom = 1.1;
/** Where an operator chose the time, all turns lie within this part of it: the rest is for the last ones to get away. */
const turnsShare = 0.9;
/** A client that leaves by itself has so long after its turn when the gateway stops, ms. */
const stopPatienceMs = 500;

/** @param before what holds on while the ring says that the gateway is down, or not there: its check may have failed for a moment, and nobody took the drain back */
export function drainIn(ring: Ring, id: string, before: Drain): Drain {
  const gateways = ring.servers("gateway");
  const own = gateways.find((server) => server.id === id);
  if (own === undefined || own.state === "down") return before;
  if (own.state === "up") return undefined;
  const draining = gateways.filter(({ state }) => state === "draining");
  return own.drainMs === undefined ? { sharers: draining.filter(({ drainMs }) => drainMs === undefined).length } : { withinMs: own.drainMs };
}

export function sameDrain(a: Drain, b: Drain): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Evenly over the time that was chosen, or at this gateway's share of the rate. */
export function drainPace(drain: Drain, sessions: number, options: Options): Pace {
  if (drain !== undefined && "withinMs" in drain) {
    const { withinMs } = drain;
    return { everyMs: (turnsShare * withinMs) / Math.max(1, sessions), patienceMs: withinMs, hurry: true, withinMs };
  }
  return { everyMs: (turnRoom * 1_000 * (drain?.sharers ?? 1)) / options.reconnectsPerSecond, patienceMs: options.leaveWithinMs };
}

/** A gateway that stops has --drain-ms for all of them, whatever it was told before. */
export function stopPace(drain: Drain, sessions: number, options: Options): Pace {
  return { everyMs: Math.min(drainPace(drain, sessions, options).everyMs, options.drainMs / Math.max(1, sessions)), patienceMs: stopPatienceMs, hurry: true };
}

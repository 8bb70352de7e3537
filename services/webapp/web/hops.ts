/** How a message travelled, hop by hop. Pure. */
import type { Journey } from "@ringway/client";

export interface Hop {
  readonly from: string;
  readonly to: string;
  /** undefined: nobody measured it */
  readonly ms: number | undefined;
  readonly note?: string;
}

export interface Own {
  /** from its sending to its ack, by this page's clock */
  readonly ackMs: number | undefined;
}

/**
 * Differences are between times of the servers alone: this page's clock is another one. The leg between this page and its gateway is half of a ping's way.
 * @param own for a message of this very page
 * @param roundTripMs of a ping
 */
export function hops(journey: Journey, own: Own | undefined, roundTripMs: number | undefined): Hop[] {
  const { taken, received, stored, arrived, server, gateway } = journey;
  const leg = roundTripMs === undefined ? undefined : roundTripMs / 2;
  const halfPing = "half of a ping’s round trip";
  const sender = own === undefined ? "the sender’s gateway" : gateway;
  const first: Hop[] =
    taken === 0
      ? [{ from: "the sender", to: `Envoy → the Web API → Envoy → ${server}`, ms: undefined, note: "not measured: it came by the Web API" }]
      : [
          own === undefined ? { from: "the sender", to: `Envoy → ${sender}`, ms: undefined, note: "only the sender knows" } : { from: "this page", to: `Envoy → ${sender}`, ms: leg, note: halfPing },
          { from: sender, to: server, ms: between(taken, received) },
        ];
  return [...first, { from: server, to: "durable in the store", ms: between(received, stored) }, { from: server, to: gateway, ms: between(stored, arrived) }, { from: gateway, to: "Envoy → this page", ms: leg, note: halfPing }];
}

/** Clocks of two machines may differ by more than the way takes. */
function between(from: number, to: number): number {
  return Math.max(0, to - from);
}

export function inMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(ms < 100 ? 1 : 0)} ms`;
}

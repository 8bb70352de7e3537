/** A zone with an Envoy, two gateways and a channel server is cut off from the others under load, and joined again. */
import { setTimeout as pause } from "node:timers/promises";
import { DeliveryRun } from "../../services/delivery/run.ts";
import { devTokens } from "../../services/webapp/dev.ts";
import { untilThrough } from "../stalls.ts";
import { judge, type Outcome } from "./outcome.ts";
import type { HostsPlane, Site } from "./plane.ts";

export const cutSites: readonly Site[] = [
  { zone: "b", names: ["charm", "webapp", "cs-0", "cs-1", "ps-0", "gw-0", "gw-1"] },
  { zone: "a", names: ["cs-2", "gw-2", "gw-3"] },
];

/**
 * Half of the readers and writers are clients of each zone's Envoy, and reach it all the time. The embedded store is reached from both sides of the cut
 * (a file is no network), which is the harder case: only the fences keep the channel server that is cut off from writing on.
 * @param times how often it is cut off, each time for `forMs`
 */
export async function zoneCut(plane: HostsPlane, times: number, forMs: number, say: (line: string) => void): Promise<Outcome> {
  const places = cutSites.map(({ zone }) => plane.url(zone));
  const run = new DeliveryRun({ api: places[0]!, readersAt: places, writersAt: [places[0]!, places[0]!, places[1]!, places[1]!], tokens: Object.keys(devTokens), channels: 12, writers: 4, readers: 8, rate: 20, seed: 1, patienceMs: 90_000, settleMs: 60_000 });
  await run.start();
  const stallsMs: number[] = [];
  for (let i = 0; i < times; i++) {
    await pause(1_000);
    const from = performance.now();
    await plane.net.cutSite(1);
    await pause(forMs);
    await plane.net.joinSite(1);
    await plane.whole();
    await untilThrough(run.timeline, 0, 60_000);
    const { publishMs, deliveryMs, endToEndMs } = run.timeline.between(from, performance.now());
    stallsMs.push(endToEndMs);
    say(`zone a was cut off for ${forMs / 1_000} s: publish ${Math.round(publishMs)} ms, ack to reader ${Math.round(deliveryMs)} ms, end to end ${Math.round(endToEndMs)} ms`);
  }
  const { verdict, isKept, refused } = await judge(run, say);
  return { scenario: `a zone is cut off for ${forMs / 1_000} s, ${times} times`, stallsMs, verdict, isKept, figures: `refused, sent again: ${refused}`, goals: [] };
}

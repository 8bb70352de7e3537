import { counter, gauge, Metrics, ringSources, ringTable, type Sources } from "../runtime/metrics.ts";
import type { Presence } from "./state.ts";

export const table = {
  ...ringTable,
  settled: gauge("1: who is not announced here is offline; 0: it waits for gateways to announce their users"),
  users: gauge("users that it knows"),
  watches: gauge("pairs of a gateway and a user that it watches"),
  links: gauge("gateways that are linked"),
  changes_total: counter("changes that gateways were told of"),
  graces_total: counter("times that the last session of a user ended, so that they had time to come back"),
  flickers_saved_total: counter("users who came back in that time"),
  overflow_total: counter("users and watches that were beyond what it keeps"),
  dead_gateways_total: counter("gateways that fell silent, and were taken for dead"),
} as const;

export function presenceMetrics(state: Presence, topology: Parameters<typeof ringSources>[1]): Metrics<typeof table> {
  const { counters } = state;
  const sources: Sources<typeof table> = {
    ...ringSources(() => state.status().epoch, topology),
    settled: () => Number(state.status().settled),
    users: () => state.status().users,
    watches: () => state.status().watches,
    links: () => state.status().gateways.length,
    changes_total: () => counters.changes,
    graces_total: () => counters.graces,
    flickers_saved_total: () => counters.flickersSaved,
    overflow_total: () => counters.overflow,
    dead_gateways_total: () => counters.deadGateways,
  };
  return new Metrics("presence", table, sources);
}

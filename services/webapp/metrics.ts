import { counter, histogram, Metrics, type Sources } from "../runtime/metrics.ts";
import type { WebApi } from "./web-api.ts";

export const table = {
  calls_total: counter("calls of the Web API"),
  refused_total: counter("calls that were refused, by the documented error", "error"),
  call_seconds: histogram("from a call until its answer"),
} as const;

export function webappMetrics({ counters, times }: WebApi): Metrics<typeof table> {
  const sources: Sources<typeof table> = {
    calls_total: () => counters.calls,
    refused_total: () => counters.refused as Readonly<Record<string, number>>,
    call_seconds: times,
  };
  return new Metrics("webapp", table, sources);
}

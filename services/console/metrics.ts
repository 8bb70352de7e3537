import { counter, gauge, histogram, Metrics, type Sources } from "../runtime/metrics.ts";
import type { Times } from "../runtime/times.ts";

export const table = {
  watchers: gauge("pages, or others, that watch"),
  looks_total: counter("looks at the plane; there are none while nobody watches"),
  changes_total: counter("changes of operators that charm took"),
  refused_total: counter("requests without the operator's token"),
  look_seconds: histogram("from the beginning of a look until all had answered, or had not in time"),
} as const;

export interface Counters {
  looks: number;
  changes: number;
  refused: number;
}

export function consoleMetrics(watchers: () => number, counters: Readonly<Counters>, looks: Times): Metrics<typeof table> {
  const sources: Sources<typeof table> = {
    watchers,
    looks_total: () => counters.looks,
    changes_total: () => counters.changes,
    refused_total: () => counters.refused,
    look_seconds: looks,
  };
  return new Metrics("console", table, sources);
}

/** What the filter counts. Envoy shows these as `ringway_*` at `/stats/prometheus` (`wasmcustom.ringway_*` at `/stats`). */
import { Bytes, defineMetric, incrementMetric, MetricType, recordMetric } from "proxy-wasm-as";

/** Requests that left with a preference list, by pool; links to one server. */
export const ROUTED_CHANNEL = 0;
export const ROUTED_PRESENCE = 1;
export const ROUTED_GATEWAY = 2;
export const ROUTED_LINK = 3;
/** Requests answered here, by reason. */
export const BAD_ID = 4;
export const BAD_TICKET = 5;
export const NO_RING = 6;
export const NO_SERVER = 7;
export const UNKNOWN_SERVER = 8;
/** Topology documents that were damaged, sealed under another key, or older than the one in use. */
export const TOPOLOGY_REJECTED = 9;
/** Rings swapped in, over all VMs. */
export const TOPOLOGY_ADOPTED = 10;
/** Polls that failed, and times that a VM took the feed over. */
export const FEED_FAILURES = 11;
export const FEED_ELECTIONS = 12;

const COUNTERS: StaticArray<string> = [
  "routed_channel", "routed_presence", "routed_gateway", "routed_link", "bad_id", "bad_ticket", "no_ring", "no_server", "unknown_server",
  "topology_rejected", "topology_adopted", "feed_failures", "feed_elections",
];

// Defined when the first plugin of a VM is configured (before that the host takes no metrics), then kept.
let defined: bool = false;
const ids = new StaticArray<u32>(COUNTERS.length);
const pending = new StaticArray<u32>(COUNTERS.length);

/** The epoch in use, and how long ago the feed answered last. */
export let epoch: u32 = 0;
export let feedAgeMs: u32 = 0;

export function defineMetrics(): void {
  if (defined) return;
  defined = true;
  for (let i = 0; i < COUNTERS.length; i++) ids[i] = defineMetric(MetricType.Counter, Bytes.of("ringway_" + COUNTERS[i]));
  epoch = defineMetric(MetricType.Gauge, Bytes.of("ringway_epoch"));
  feedAgeMs = defineMetric(MetricType.Gauge, Bytes.of("ringway_feed_age_ms"));
}

/** Adds one. Kept in the VM until the next tick: a host call for each would cost a request more than its whole look-up. */
export function count(counter: i32): void {
  unchecked(pending[counter]++);
}

/** Hands the host what was counted since the last time. */
export function flush(): void {
  for (let i = 0; i < COUNTERS.length; i++) {
    const more = unchecked(pending[i]);
    if (more == 0) continue;
    incrementMetric(unchecked(ids[i]), more);
    unchecked((pending[i] = 0));
  }
}

/** Sets a gauge. */
export function record(metric: u32, value: u64): void {
  recordMetric(metric, value);
}

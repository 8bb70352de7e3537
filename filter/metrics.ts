/** What the filter counts. Envoy shows these as `ringway_*` at `/stats/prometheus` (`wasmcustom.ringway_*` at `/stats`). */
import { Bytes, defineMetric, incrementMetric, MetricType, recordMetric } from "proxy-wasm-as";

function counter(name: string): u32 {
  return defineMetric(MetricType.Counter, Bytes.of("ringway_" + name));
}

function gauge(name: string): u32 {
  return defineMetric(MetricType.Gauge, Bytes.of("ringway_" + name));
}

// Defined when the first plugin of a VM is configured (before that the host takes no metrics), then kept.
let defined: bool = false;

/** Requests that left with a preference list, by pool; links to one server. */
export let routedChannel: u32 = 0;
export let routedPresence: u32 = 0;
export let routedGateway: u32 = 0;
export let routedLink: u32 = 0;
/** Requests answered here, by reason. */
export let badId: u32 = 0;
export let badTicket: u32 = 0;
export let noRing: u32 = 0;
export let noServer: u32 = 0;
export let unknownServer: u32 = 0;
/** Topology documents that were damaged, sealed under another key, or older than the one in use. */
export let topologyRejected: u32 = 0;
/** Rings swapped in, over all VMs. */
export let topologyAdopted: u32 = 0;
/** Polls that failed, and times that a VM took the feed over. */
export let feedFailures: u32 = 0;
export let feedElections: u32 = 0;
/** The epoch in use, and how long ago the feed answered last. */
export let epoch: u32 = 0;
export let feedAgeMs: u32 = 0;

export function defineMetrics(): void {
  if (defined) return;
  defined = true;
  routedChannel = counter("routed_channel");
  routedPresence = counter("routed_presence");
  routedGateway = counter("routed_gateway");
  routedLink = counter("routed_link");
  badId = counter("bad_id");
  badTicket = counter("bad_ticket");
  noRing = counter("no_ring");
  noServer = counter("no_server");
  unknownServer = counter("unknown_server");
  topologyRejected = counter("topology_rejected");
  topologyAdopted = counter("topology_adopted");
  feedFailures = counter("feed_failures");
  feedElections = counter("feed_elections");
  epoch = gauge("epoch");
  feedAgeMs = gauge("feed_age_ms");
}

/** Adds one. */
export function count(metric: u32): void {
  incrementMetric(metric, 1);
}

/** Sets a gauge. */
export function record(metric: u32, value: u64): void {
  recordMetric(metric, value);
}

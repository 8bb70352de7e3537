import { counter, gauge, histogram, Metrics, ringSources, ringTable, type Sources } from "../runtime/metrics.ts";
import type { Times } from "../runtime/times.ts";
import type { LinkSockets } from "./link-sockets.ts";
import type { ChannelState } from "./state.ts";

export const table = {
  ...ringTable,
  warm_epoch: gauge("the last epoch at which nothing was left to hand over or to take up"),
  slots: gauge("slots that it serves"),
  slots_taken_over: gauge("slots that it serves in the place of a server that is gone"),
  channels: gauge("channels in memory"),
  links: gauge("gateways that are linked"),
  subscriptions: gauge("channels that a gateway is subscribed to, added up over all gateways"),
  pending_bytes: gauge("publications that wait for the store"),
  published_total: counter("messages and other events that were stored and acked"),
  duplicates_total: counter("publications that were known by their key, and acked again"),
  refused_total: counter("requests that were refused, by the documented reason; `misdirected`: for a channel of another server, answered 421", "reason"),
  moved_total: counter("gateways that were told that a channel of theirs went elsewhere"),
  fenced_total: counter("slots that another server had claimed meanwhile"),
  claims_total: counter("slots that it claimed in the store"),
  rate_limited_total: counter("publications that were too many for their channel"),
  typing_dropped_total: counter("signs of typing that were too many for their channel"),
  transients_dropped_total: counter("transient events that a slow gateway was not sent"),
  slow_links_total: counter("gateways that read too slowly, and were cut off"),
  append_seconds: histogram("from the asking of the store until it answered that an event is durable"),
} as const;

export function channelMetrics(state: ChannelState, links: LinkSockets, appends: Times, topology: Parameters<typeof ringSources>[1]): Metrics<typeof table> {
  const { counters } = state;
  const sources: Sources<typeof table> = {
    ...ringSources(() => state.epoch, topology),
    warm_epoch: () => state.warm,
    slots: () => state.status().slots,
    slots_taken_over: () => state.status().takenOver,
    channels: () => state.status().channels,
    links: () => links.size,
    subscriptions: () => state.status().subscriptions,
    pending_bytes: () => state.status().pendingBytes,
    published_total: () => counters.published,
    duplicates_total: () => counters.duplicates,
    refused_total: () => state.refusals as Readonly<Record<string, number>>,
    moved_total: () => counters.moved,
    fenced_total: () => counters.fenced,
    claims_total: () => counters.claims,
    rate_limited_total: () => counters.rateLimited,
    typing_dropped_total: () => counters.typingDropped,
    transients_dropped_total: () => links.counters.transientsDropped,
    slow_links_total: () => links.counters.slowLinks,
    append_seconds: appends,
  };
  return new Metrics("channel", table, sources);
}

import { counter, gauge, histogram, Metrics, ringSources, ringTable, type Sources } from "../runtime/metrics.ts";
import type { FanOut } from "./fan-out.ts";
import type { Gateway } from "./state.ts";

export const table = {
  ...ringTable,
  draining: gauge("1: it takes no clients any more, and those that it has are leaving"),
  sessions: gauge("sessions of clients"),
  sockets: gauge("sockets of clients"),
  users: gauge("users who have a session here"),
  subscriptions: gauge("channels that somebody here listens to"),
  pending_publishes: gauge("messages of clients that wait for their ack"),
  presence_users: gauge("users whose presence somebody here is shown, or who are announced"),
  queued_bytes: gauge("events that wait for clients' sockets"),
  memory_ratio: gauge("resident memory, of what `--memory-mib` allows"),
  links: gauge("links to channel and presence servers by their state: open, connecting, broken", "state"),
  accepted_total: counter("clients that were let in"),
  refused_total: counter("clients that were not let in"),
  published_total: counter("messages that clients sent"),
  acked_total: counter("messages that were acked"),
  publishes_refused_total: counter("messages that were refused"),
  events_total: counter("stored events that came over the links"),
  duplicates_total: counter("events that came again over a link, and were passed over"),
  holes_total: counter("times that an event lacked its predecessor, and was asked for again"),
  gaps_total: counter("gaps that clients were told of"),
  moved_total: counter("channels that went to another server"),
  slow_consumers_total: counter("clients that read too slowly, and were closed"),
  shed_total: counter("clients that were closed because memory ran out"),
  silent_total: counter("clients that vanished in silence"),
  bad_frames_total: counter("frames of clients that are none"),
  rate_limited_total: counter("messages and questions that were too many for their user"),
  typing_dropped_total: counter("signs of typing that were too many for their user"),
  socket_writes_total: counter("writes to clients' sockets"),
  socket_frames_total: counter("frames in these writes"),
  gathered_writes_total: counter("writes that had waited for more, at most `--gather-ms`"),
  ack_seconds: histogram("from a client's message until its ack"),
  hop_to_owner_seconds: histogram("of each event as it happens: from its author's gateway to its channel's owner, by two machines' clocks"),
  hop_at_owner_seconds: histogram("of each event as it happens: at its channel's owner, until it was durable"),
  hop_to_gateway_seconds: histogram("of each event as it happens: from its channel's owner to this gateway, by two machines' clocks"),
  hop_gathering_seconds: histogram("of each write to a busy socket: how long its first event had waited for others, at most `--gather-ms`"),
  delivery_seconds: histogram("from a message's `ts`, which its channel server gave it, until it was handed to the sockets of its readers here (where it may be gathered for `--gather-ms` more): every message, by two machines' clocks"),
} as const;

export function gatewayMetrics(state: Gateway, clients: FanOut, topology: Parameters<typeof ringSources>[1]): Metrics<typeof table> {
  const { counters, times } = state;
  const sources: Sources<typeof table> = {
    ...ringSources(() => state.status().epoch, topology),
    draining: () => Number(state.status().draining),
    sessions: () => state.status().sessions,
    sockets: () => clients.size,
    users: () => state.status().users,
    subscriptions: () => state.status().subscriptions,
    pending_publishes: () => state.status().pendingPublishes,
    presence_users: () => state.status().presenceUsers,
    queued_bytes: () => clients.queuedBytesOfAll,
    memory_ratio: () => state.status().memoryPercent / 100,
    links: () => {
      const count: Record<string, number> = { open: 0, connecting: 0, broken: 0 };
      for (const pool of Object.values(state.status().links)) for (const how of Object.values(pool)) {
        const state = how.split(":")[0]!;
        count[state] = (count[state] ?? 0) + 1;
      }
      return count;
    },
    accepted_total: () => counters.accepted,
    refused_total: () => counters.refused,
    published_total: () => counters.published,
    acked_total: () => counters.acked,
    publishes_refused_total: () => counters.publishesRefused,
    events_total: () => counters.events,
    duplicates_total: () => counters.duplicates,
    holes_total: () => counters.holes,
    gaps_total: () => counters.gaps,
    moved_total: () => counters.moved,
    slow_consumers_total: () => counters.slowConsumers,
    shed_total: () => counters.shed,
    silent_total: () => counters.silent,
    bad_frames_total: () => counters.badFrames,
    rate_limited_total: () => counters.rateLimited,
    typing_dropped_total: () => counters.typingDropped,
    socket_writes_total: () => clients.counters.writes,
    socket_frames_total: () => clients.counters.frames,
    gathered_writes_total: () => clients.counters.gathered,
    ack_seconds: times.ack,
    hop_to_owner_seconds: times.toOwner,
    hop_at_owner_seconds: times.atOwner,
    hop_to_gateway_seconds: times.toGateway,
    hop_gathering_seconds: clients.gathering,
    delivery_seconds: times.delivery,
  };
  return new Metrics("gateway", table, sources);
}

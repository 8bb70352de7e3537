/** What is told of a running plane: figures of one look, for the CLI and for the console's page. */
import type { Pool } from "../protocol/topology.ts";

/** A server that is asked. */
export interface Target {
  readonly pool: Pool;
  readonly id: string;
  readonly addr: string;
}

/** Of one server in one look; milliseconds and MiB. Rates are 0 with the first look at it, and what its pool does not have is 0. */
export interface Row {
  readonly pool: Pool;
  readonly id: string;
  /** of the ring that it uses */
  readonly epoch: number;
  readonly cpu_percent: number;
  readonly memory_mib: number;
  readonly lag_ms: number;
  /** sessions of a gateway, linked gateways of the others */
  readonly connections: number;
  /** in memory at a channel server, listened to at a gateway */
  readonly channels: number;
  readonly users: number;
  /** stored by a channel server, come to a gateway */
  readonly messages_per_second: number;
  /** changes of presence that gateways were told of */
  readonly changes_per_second: number;
  readonly writes_per_second: number;
  /** what waits: for the store at a channel server, for clients' sockets at a gateway */
  readonly queue_bytes: number;
  /** slots that it serves in the place of a server that is gone */
  readonly taken_over: number;
}

export interface Look {
  readonly messages_per_second: number;
  readonly deliveries: { readonly p50_ms: number | null; readonly p99_ms: number | null };
  readonly acks: { readonly p50_ms: number | null; readonly p99_ms: number | null };
  readonly appends: { readonly p99_ms: number | null };
  readonly sessions: number;
  /** clients that were let in: new ones, and those that come back */
  readonly connects_per_second: number;
  readonly taken_over: number;
  readonly servers: readonly Row[];
  /** servers that did not answer */
  readonly missing: readonly string[];
}

/** One Envoy, by its own statistics. */
export interface EnvoyFigures {
  readonly url: string;
  /** null: it does not answer, or has no ring yet */
  readonly epoch: number | null;
  /** since the feed of topologies last answered */
  readonly ring_age_ms: number | null;
  /** requests that met a server which was not the owner, so far */
  readonly misdirected: number | null;
}

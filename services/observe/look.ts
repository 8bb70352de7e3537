/** One look at the plane: every server's own /metrics, compared with the look before. */
import type { Pool } from "../protocol/topology.ts";
import { ask } from "../runtime/request.ts";
import { urlOf } from "../runtime/tls.ts";
import type { Look, Row, Target } from "./figures.ts";
import { bucketsBetween, quantile, rate, samplesOf, type Samples } from "./scrape.ts";

const answerMs = 3_000;

/** A server's name in a look: its ID is its own only within its pool. */
export const keyOf = ({ pool, id }: Pick<Target, "pool" | "id">): string => `${pool} ${id}`;

/** By `keyOf`; who does not answer is not in it. */
export type Scrape = ReadonlyMap<string, Samples>;

/** @param timeoutMs for each, all at once */
export async function scrape(list: readonly Target[], timeoutMs: number = answerMs): Promise<Scrape> {
  const found = await Promise.all(list.map(async (server) => [keyOf(server), await ask(`${urlOf(server.addr)}/metrics`, { timeoutMs }).catch(() => undefined)] as const));
  return new Map(found.flatMap(([key, answer]) => (answer?.status === 200 ? [[key, samplesOf(answer.bytes.toString("utf8"))] as const] : [])));
}

/** @param seconds between the two looks, more than 0 */
export function compare(list: readonly Target[], before: Scrape, now: Scrape, seconds: number): Look {
  const answered = list.flatMap((server) => {
    const is = now.get(keyOf(server));
    return is === undefined ? [] : [{ server, was: before.get(keyOf(server)) ?? is, is }];
  });
  const times = (pool: Pool, name: string, share: number): number | null => {
    const looks = answered.filter(({ server }) => server.pool === pool).map(({ was, is }) => [was, is] as const);
    const value = quantile(share, bucketsBetween(`ringway_${pool}_${name}_seconds`, looks));
    return value === undefined ? null : Math.round(value * 1e4) / 10;
  };
  const rows = answered.map(({ server, was, is }) => rowOf(server, was, is, seconds));
  const sum = (pool: Pool, figure: (row: Row) => number): number => rows.filter((row) => row.pool === pool).reduce((total, row) => total + figure(row), 0);
  const connects = answered.reduce((total, { was, is }) => total + rate("ringway_gateway_accepted_total", was, is, seconds), 0);
  return {
    messages_per_second: sum("channel", (row) => row.messages_per_second),
    deliveries: { p50_ms: times("gateway", "delivery", 0.5), p99_ms: times("gateway", "delivery", 0.99) },
    acks: { p50_ms: times("gateway", "ack", 0.5), p99_ms: times("gateway", "ack", 0.99) },
    appends: { p99_ms: times("channel", "append", 0.99) },
    sessions: sum("gateway", (row) => row.connections),
    connects_per_second: Math.round(10 * connects) / 10,
    taken_over: sum("channel", (row) => row.taken_over),
    servers: rows,
    missing: list.filter((server) => !now.has(keyOf(server))).map(({ id }) => id),
  };
}

function rowOf({ pool, id }: Target, was: Samples, is: Samples, seconds: number): Row {
  const count = (name: string): number => is.get(`ringway_${pool}_${name}`) ?? 0;
  const per = (name: string): number => Math.round(rate(`ringway_${pool}_${name}`, was, is, seconds));
  return {
    pool,
    id,
    epoch: count("epoch"),
    cpu_percent: Math.round(100 * rate("process_cpu_seconds_total", was, is, seconds)),
    memory_mib: Math.round((is.get("process_resident_memory_bytes") ?? 0) / 2 ** 20),
    lag_ms: Math.round(1e4 * (is.get("nodejs_eventloop_lag_p99_seconds") ?? 0)) / 10,
    connections: count(pool === "gateway" ? "sessions" : "links"),
    channels: count(pool === "gateway" ? "subscriptions" : "channels"),
    users: count("users"),
    messages_per_second: per(pool === "gateway" ? "events_total" : "published_total"),
    changes_per_second: per("changes_total"),
    writes_per_second: per("socket_writes_total"),
    queue_bytes: count(pool === "gateway" ? "queued_bytes" : "pending_bytes"),
    taken_over: count("slots_taken_over"),
  };
}

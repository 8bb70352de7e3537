/** `ringway top`: what the plane does now, from the services' own /metrics. */
import { setTimeout as pause } from "node:timers/promises";
import { pools, type Pool } from "../protocol/topology.ts";
import { parseFlags, type Flags } from "../runtime/flags.ts";
import { ask } from "../runtime/request.ts";
import { currentTopology, operatorFlags } from "./operator.ts";
import { print, table } from "./output.ts";
import { bucketsBetween, quantile, rate, samplesOf, type Samples } from "./scrape.ts";
import type { Verb } from "./verb.ts";

const answerMs = 3_000;

const flags = {
  "charm-url": operatorFlags["charm-url"],
  "every-ms": { type: "number", default: 1_000, min: 200, max: 60_000, help: "how long each look takes" },
  once: { type: "boolean", help: "one look, then end" },
  json: { type: "boolean", help: "print JSON, one line a look" },
} as const satisfies Flags;

interface Server {
  readonly pool: Pool;
  readonly id: string;
  readonly addr: string;
}

/** Of one server in one look; milliseconds and MiB. */
interface Row {
  readonly pool: Pool;
  readonly id: string;
  readonly cpu_percent: number;
  readonly memory_mib: number;
  readonly lag_ms: number;
  readonly does: string;
}

interface Look {
  readonly messages_per_second: number;
  readonly deliveries: { readonly p50_ms: number | null; readonly p99_ms: number | null };
  readonly acks: { readonly p50_ms: number | null; readonly p99_ms: number | null };
  readonly appends: { readonly p99_ms: number | null };
  readonly sessions: number;
  readonly servers: readonly Row[];
  /** servers that did not answer */
  readonly missing: readonly string[];
}

export const top: Verb = {
  summary: "what the plane does now: messages, latencies, and each server's CPU, memory and work",
  flags,
  async run(argv) {
    const { charmUrl, everyMs, once, json } = parseFlags(flags, argv);
    let before = await scrape(await servers(charmUrl));
    for (;;) {
      const from = performance.now();
      await pause(everyMs);
      const list = await servers(charmUrl);
      const now = await scrape(list);
      const look = compare(list, before, now, (performance.now() - from) / 1_000);
      print(json ? [JSON.stringify(look)] : render(look), !json && !once);
      if (once) return look.missing.length === 0 ? 0 : 1;
      before = now;
    }
  },
};

async function servers(charmUrl: string): Promise<Server[]> {
  const topology = await currentTopology(charmUrl);
  return pools.flatMap((pool) => topology.pools[pool].servers.filter(({ state }) => state !== "down").map(({ id, addr }) => ({ pool, id, addr })));
}

async function scrape(list: readonly Server[]): Promise<ReadonlyMap<string, Samples>> {
  const found = await Promise.all(list.map(async ({ id, addr }) => [id, await ask(`http://${addr}/metrics`, { timeoutMs: answerMs }).catch(() => undefined)] as const));
  return new Map(found.flatMap(([id, answer]) => (answer?.status === 200 ? [[id, samplesOf(answer.bytes.toString("utf8"))] as const] : [])));
}

function compare(list: readonly Server[], before: ReadonlyMap<string, Samples>, now: ReadonlyMap<string, Samples>, seconds: number): Look {
  const both = list.flatMap((server) => {
    const [was, is] = [before.get(server.id), now.get(server.id)];
    return was === undefined || is === undefined ? [] : [{ server, was, is }];
  });
  const times = (pool: Pool, name: string, share: number): number | null => {
    const looks = both.filter(({ server }) => server.pool === pool).map(({ was, is }) => [was, is] as const);
    const value = quantile(share, bucketsBetween(`ringway_${pool}_${name}_seconds`, looks));
    return value === undefined ? null : Math.round(value * 1e4) / 10;
  };
  const sum = (pool: Pool, of: (was: Samples, is: Samples) => number): number => both.filter(({ server }) => server.pool === pool).reduce((total, { was, is }) => total + of(was, is), 0);
  return {
    messages_per_second: Math.round(sum("channel", (was, is) => rate("ringway_channel_published_total", was, is, seconds))),
    deliveries: { p50_ms: times("gateway", "delivery", 0.5), p99_ms: times("gateway", "delivery", 0.99) },
    acks: { p50_ms: times("gateway", "ack", 0.5), p99_ms: times("gateway", "ack", 0.99) },
    appends: { p99_ms: times("channel", "append", 0.99) },
    sessions: sum("gateway", (_, is) => is.get("ringway_gateway_sessions") ?? 0),
    servers: both.map(({ server: { pool, id }, was, is }) => ({
      pool,
      id,
      cpu_percent: Math.round(100 * rate("process_cpu_seconds_total", was, is, seconds)),
      memory_mib: Math.round((is.get("process_resident_memory_bytes") ?? 0) / 2 ** 20),
      lag_ms: Math.round(1e4 * (is.get("nodejs_eventloop_lag_p99_seconds") ?? 0)) / 10,
      does: doing(pool, was, is, seconds),
    })),
    missing: list.filter(({ id }) => !now.has(id)).map(({ id }) => id),
  };
}

function doing(pool: Pool, was: Samples, is: Samples, seconds: number): string {
  const per = (name: string): number => Math.round(rate(`ringway_${pool}_${name}`, was, is, seconds));
  const count = (name: string): number => is.get(`ringway_${pool}_${name}`) ?? 0;
  if (pool === "channel") return `${per("published_total")} stored/s, ${count("channels")} channels, ${count("slots_taken_over")} slots taken over`;
  if (pool === "presence") return `${count("users")} users, ${per("changes_total")} changes/s`;
  return `${count("sessions")} sessions, ${per("events_total")} events/s in, ${per("socket_writes_total")} writes/s out`;
}

function render({ messages_per_second, deliveries, acks, appends, sessions, servers: rows, missing }: Look): string[] {
  const ms = (value: number | null): string => (value === null ? "–" : `${value} ms`);
  return [
    `${messages_per_second} messages/s, ${sessions} sessions`,
    `to the readers' sockets ${ms(deliveries.p50_ms)} (p99 ${ms(deliveries.p99_ms)}), acks ${ms(acks.p50_ms)} (p99 ${ms(acks.p99_ms)}), appends p99 ${ms(appends.p99_ms)}`,
    ...(missing.length > 0 ? [`do not answer: ${missing.join(", ")}`] : []),
    "",
    ...table([["pool", "server", "CPU", "memory", "lag p99", ""], ...rows.map((row) => [row.pool, row.id, `${row.cpu_percent} %`, `${row.memory_mib} MiB`, `${row.lag_ms} ms`, row.does])]),
  ];
}

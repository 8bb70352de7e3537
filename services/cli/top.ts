/** `ringway top`: what the plane does now, from the services' own /metrics. */
import { setTimeout as pause } from "node:timers/promises";
import { pools } from "../protocol/topology.ts";
import { compare, scrape } from "../observe/look.ts";
import type { Look, Row, Target } from "../observe/figures.ts";
import { tlsFlags } from "../runtime/common-flags.ts";
import { parseFlags, type Flags } from "../runtime/flags.ts";
import { takeIdentity } from "../runtime/tls.ts";
import { currentTopology, operatorFlags } from "./operator.ts";
import { print, table } from "./output.ts";
import type { Verb } from "./verb.ts";

const flags = {
  "charm-url": operatorFlags["charm-url"],
  ...tlsFlags,
  "every-ms": { type: "number", default: 1_000, min: 200, max: 60_000, help: "how long each look takes" },
  once: { type: "boolean", help: "one look, then end" },
  json: { type: "boolean", help: "print JSON, one line a look" },
} as const satisfies Flags;

export const top: Verb = {
  summary: "what the plane does now: messages, latencies, and each server's CPU, memory and work",
  flags,
  async run(argv) {
    const { charmUrl, everyMs, once, json, ...files } = parseFlags(flags, argv);
    takeIdentity(files);
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

async function servers(charmUrl: string): Promise<Target[]> {
  const topology = await currentTopology(charmUrl);
  return pools.flatMap((pool) => topology.pools[pool].servers.filter(({ state }) => state !== "down").map(({ id, addr }) => ({ pool, id, addr })));
}

function doing({ pool, messages_per_second, channels, taken_over, users, changes_per_second, connections, writes_per_second }: Row): string {
  if (pool === "channel") return `${messages_per_second} stored/s, ${channels} channels, ${taken_over} slots taken over`;
  if (pool === "presence") return `${users} users, ${changes_per_second} changes/s`;
  return `${connections} sessions, ${messages_per_second} events/s in, ${writes_per_second} writes/s out`;
}

function render({ messages_per_second, deliveries, acks, appends, sessions, servers: rows, missing }: Look): string[] {
  const ms = (value: number | null): string => (value === null ? "–" : `${value} ms`);
  return [
    `${messages_per_second} messages/s, ${sessions} sessions`,
    `to the readers' sockets ${ms(deliveries.p50_ms)} (p99 ${ms(deliveries.p99_ms)}), acks ${ms(acks.p50_ms)} (p99 ${ms(acks.p99_ms)}), appends p99 ${ms(appends.p99_ms)}`,
    ...(missing.length > 0 ? [`do not answer: ${missing.join(", ")}`] : []),
    "",
    ...table([["pool", "server", "CPU", "memory", "lag p99", ""], ...rows.map((row) => [row.pool, row.id, `${row.cpu_percent} %`, `${row.memory_mib} MiB`, `${row.lag_ms} ms`, doing(row)])]),
  ];
}

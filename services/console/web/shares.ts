/** The ring in numbers that a picture needs. */
import type { Pool } from "../../protocol/topology.ts";
import type { ServerView, Snapshot } from "../snapshot.ts";

export const slots = 65_536;
export const pools: readonly Pool[] = ["channel", "presence", "gateway"];

export function inPool(last: Snapshot, pool: Pool): readonly ServerView[] {
  // A zone's servers stand together.
  return last.servers.filter((server) => server.pool === pool).sort((a, b) => (a.zone === b.zone ? (a.id < b.id ? -1 : 1) : a.zone < b.zone ? -1 : 1));
}

export function percent(share: number): string {
  return `${((100 * share) / slots).toFixed(1)} %`;
}

/** Zone → slots of its servers. */
export function byZone(servers: readonly ServerView[]): ReadonlyMap<string, number> {
  const zones = new Map<string, number>();
  for (const { zone, slots: owned } of servers) zones.set(zone, (zones.get(zone) ?? 0) + owned);
  return zones;
}

/** There are so many colours; further servers begin again. */
export const colours = 8;

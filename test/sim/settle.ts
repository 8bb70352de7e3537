/** What a plane must come to when the faults are over: everybody has everything, and knows who is there. */
import type { Plane } from "./plane.ts";

/** @returns what is not yet so, in words; empty when the plane has settled */
export function unsettled(plane: Plane): string[] {
  const { world, clients, nodes } = plane;
  const topology = world.charm?.registry.disk.topology;
  const reasons: string[] = [];
  const add = (text: string): void => void reasons.push(text);
  if (topology === undefined) return ["there is no topology"];
  const stateOf = (pool: "gateway" | "channel" | "presence", id: string): string => topology.pools[pool].servers.find((server) => server.id === id)?.state ?? "absent";
  for (const { id, process } of nodes.values()) if (process === undefined || process.paused) add(`${id} is down`);
  for (const pool of ["channel", "gateway", "presence"] as const) {
    for (const id of plane.ids[pool]) {
      const state = stateOf(pool, id);
      if (state !== "up" && state !== "draining") add(`${id} is ${state} in topology ${topology.epoch}`);
    }
  }
  for (const client of clients) {
    if (!client.wanted) continue;
    if (!client.live) add(`${client.name} has no session`);
    else if (stateOf("gateway", client.gateway) === "draining") add(`${client.name} is at ${client.gateway}, which drains`);
    if (client.unacked.length > 0) add(`${client.name} waits for the ack of ${client.unacked.map(({ key }) => key).join(" ")}`);
    for (const channel of [client.user, ...world.directory.channelsOf(client.user)]) {
      const missing = client.missing(channel);
      if (missing !== undefined) add(`${client.name} has not seen ${channel} ${missing}`);
    }
    for (const [user, active] of client.presence) {
      const should = clients.some((one) => one.user === user && one.live) && !world.directory.choiceOf(user).away;
      if (active !== should) add(`${client.name} sees ${user} ${active ? "active" : "away"}`);
    }
  }
  return reasons;
}

/** Who was shown the last message of each channel, and who should have been. */
export function misled(plane: Plane, probes: ReadonlyMap<string, string>): string[] {
  const { directory } = plane.world;
  return [...probes].flatMap(([channel, key]) =>
    plane.clients
      .filter((client) => client.wanted && client.seen.has(key) !== (directory.members.get(channel)!.has(client.user) === true))
      .map((client) => `${client.name} ${client.seen.has(key) ? "was shown" : "has not seen"} the last message of ${channel}`),
  );
}
